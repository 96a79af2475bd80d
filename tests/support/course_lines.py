"""The lines of a made-up campaign with both stores, commands, statements and what was left: each test breaks one thing of it."""

import copy
from datetime import UTC, datetime
from typing import Any

from tests.support.chaos_lines import Lines, T, campaign, request

PINGER, QUIET, BARRED = (f"0000000{number}-0000-4000-8000-000000000000" for number in (1, 2, 3))
IDS = [PINGER, QUIET, BARRED]
SKIPS = "[auto-offline] valkey unavailable, skipping this tick: refused"
MIRROR_SKIPS = "[heartbeat-mirror] valkey unavailable, skipping: refused"
BATCH = "UPDATE mitra_online_status o SET last_heartbeat_at = u.at FROM unnest($1::uuid[], $2::timestamptz[]) u(id, at)"
SAVE = "INSERT INTO mitra_online_logs (mitra_id, status) VALUES ($1, $2)"


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def statement(at: float, text: str, *parameters: str, severity: str = "LOG") -> dict[str, Any]:
    return {
        "t": T + at, "at": T + at, "role": "sut_a", "instance": "a", "class": "work", "text": text,
        "parameters": list(parameters), "severity": severity, "committed_at": T + at + 0.001,
    }  # fmt: skip


def command(at: float, *args: str) -> dict[str, Any]:
    return {"t": T + at, "at": T + at, "args": list(args), "instance": "a", "lua": True}


def asked(
    at: float, action: str, subject: str, reply: Any, status: int = 200, code: str | None = None, **more: Any
) -> Any:
    return {**request(at, action, reply, status), "subject": subject, "code": code, **more}


def course() -> Lines:
    """One pings each second, one seldom, one is deactivated from 2 to 18 and pings on; Valkey is away from 10 to 20."""
    lines = campaign()
    lines["phase"].insert(0, {"t": T, "name": "warm-up", "from": T - 2, "to": T})
    lines["request"] = []
    for second in range(30):
        lines["request"].append(asked(second + 0.1, "ping", PINGER, {"is_online": True}))
        lines["command"].append(command(second + 0.105, "SET", f"mitra:heartbeat:{PINGER}", iso(T + second + 0.105)))
        lines["command"].append(command(second + 0.205, "SET", f"mitra:heartbeat:{BARRED}", iso(T + second + 0.205)))
        out = 2 < second + 0.2 < 18.5
        refused = {"error": {"code": "ACCOUNT_INACTIVE"}}
        lines["request"].append(
            asked(second + 0.2, "ping", BARRED, refused, 403, "ACCOUNT_INACTIVE")
            if out
            else asked(second + 0.2, "ping", BARRED, {"is_online": True})
        )
    lines["request"] += [
        asked(0.5, "ping", QUIET, {"is_online": True}),
        asked(25.0, "ping", QUIET, {"is_online": True}),
        asked(2.0, "deactivate", None, {}, url=f"http://x/internal/mitras/{BARRED}"),
        asked(18.5, "reactivate", None, {}, url=f"http://x/internal/mitras/{BARRED}"),
    ]
    lines["sample"] = [sample(tick * 0.2) for tick in range(175)]
    lines["statement"] = [statement(at, BATCH, "{}") for at in (2, 4, 6, 8, 22, 24, 26, 28, 30, 32)]
    lines["command"] += [
        command(0.505, "SET", f"mitra:heartbeat:{QUIET}", iso(T + 0.505)),
        *(command(at, "SDIFF", "mitras:online", "mitras:deactivated") for at in (-1.0, 9.4, 20.6)),
        *(command(at + 0.001, "SET", "availability:snapshot", "{}", "EX", "10") for at in (-1.0, 9.4, 20.6)),
    ]
    lines["command"].sort(key=lambda line: line["at"])
    lines["watched"] = [{"t": T + 36, "blind": [[T + 9.9, T + 20.2]], "statements": True}]
    lines["log"][0]["lines"] += [[T + at, SKIPS] for at in range(11, 20)] + [
        [T + at, MIRROR_SKIPS] for at in (12, 14, 16, 18)
    ]
    lines["left"] = [
        {
            "t": T + 36,
            "audit": [{"id": number, "mitra_id": id, "status": "online", "at": T - 1} for number, id in enumerate(IDS)],
            "sign_ins": [{"user_id": BARRED, "live": False}],
            "chats": [{"id": "c1", "mitra_id": PINGER, "status": "active", "ends_at": T + 600}],
            "now": [{"at": T + 36}],
            "evicted_keys": 0,
        }
    ]
    return lines


def sample(at: float) -> dict[str, Any]:
    """Mirror and truth agree; Valkey cannot be read while it is away."""
    beats = {PINGER: T + int(at) + 0.1, QUIET: T + (25.0 if at >= 25.2 else 0.5), BARRED: T + 1.2}
    mirror = {
        "online": IDS, "deactivated": [BARRED] if 2 <= at < 18.5 else [],
        "snapshot": '{"available": true, "count": 2}', "snapshot_ttl_ms": 5000, "policy": "noeviction",
        "subscriptions": 1,
        "capacities": {PINGER: "1", QUIET: "0", BARRED: "0"},
        "heartbeats": {id: iso(value) for id, value in beats.items()},
    }  # fmt: skip
    seen = None if 10 <= at < 20.6 else mirror
    truth = {
        "online": IDS, "deactivated": mirror["deactivated"], "loads": {PINGER: 1, QUIET: 0, BARRED: 0},
        "heartbeats": {id: value - 0.0 for id, value in beats.items()}, "query": "SELECT",
    }  # fmt: skip
    return {
        "t": T + at, "ended": T + at + 0.01, "truth": truth, "lag_s": 0.0,
        "mirror_before": seen and IDS, "mirror_after": seen and IDS,
        "keys_before": copy.deepcopy(seen), "keys_after": copy.deepcopy(seen),
    }  # fmt: skip
