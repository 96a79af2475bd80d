"""Record lines of a load as a run would hold them: 30 s at 60 pings and as many polls, kept to the letter."""

from typing import Any

from rig.record.histogram import bucket

T = 1000.0
FLEET = 30
Lines = dict[str, list[dict[str, Any]]]
TEXTS = [
    "UPDATE mitra_online_status s SET last_heartbeat_at = u.at FROM UNNEST(?::uuid[]) AS u (id)",
    "SELECT key, value FROM app_config",
    "SELECT is_active FROM mitras WHERE id = ?",
    "UPDATE mitra_online_status SET last_heartbeat_at = now() WHERE mitra_id = ?",
    "SELECT o.mitra_id FROM mitra_online_status o JOIN mitras m ON m.id = o.mitra_id WHERE o.is_online",
    "SELECT count(*) FROM mitra_online_status WHERE is_online",
    "UPDATE chat_sessions SET status = ? WHERE id = ?",
]
HEARTBEATS, CONFIG, LOOKS_UP, WRITES_ONE, JOIN, COUNT, CHAT = range(len(TEXTS))
CHAT_ID, TAKER = "c" * 8 + "-0000-4000-8000-" + "0" * 12, "a" * 8 + "-0000-4000-8000-" + "0" * 12


def row(
    shape: int, at: float = 5.0, instance: str = "a", unit: int | None = None, ids: tuple[str, ...] = (), **facts: int
) -> list[Any]:
    """One statement, `at` seconds into the window; facts: carried, fleet, strangers."""
    carried = facts.get("carried", len(ids))
    own = hash((shape, at, instance, ids)) if unit is None else unit
    return [T + at, instance, shape, own, "LOG", list(ids), carried, facts.get("fleet", 0), facts.get("strangers", 0)]


def batch(at: float = 8.0, instance: str = "a") -> list[Any]:
    return row(HEARTBEATS, at, instance, carried=FLEET, fleet=FLEET)


def tally(arm: str, action: str, count: int = 60, phase: str = "pings and polls", **facts: Any) -> dict[str, Any]:
    ms = {str(bucket(3.0)): count}
    return {
        "t": T + 31, "worker": "local", "arm": arm, "action": action, "phase": phase, "planned": count, "sent": count,
        "completed": count, "failed": 0, "missed": 0, "in_flight": 0, "longest_ms": 3.0, "raw": ms, "corrected": ms, "off": ms,
        **facts,
    }  # fmt: skip


def load_lines() -> Lines:
    """Both arms; without the mirror each ping looks its mitra up and writes its row, each poll runs the JOIN."""
    arms = ("on", "off")
    actions = ("ping", "beacon", "dashboard")
    without = [row(LOOKS_UP, n * 0.5, ids=(TAKER,), fleet=1) for n in range(60)]
    without += [row(WRITES_ONE, n * 0.5, ids=(TAKER,), fleet=1) for n in range(60)]
    without += [row(JOIN, n * 0.5) for n in range(60)] + [row(COUNT, n * 0.5) for n in range(60)]
    tables = {"mitras": {"seq_scan": 4, "idx_scan": 7}, "mitra_online_status": {"seq_scan": 1, "n_tup_upd": 10}}
    later = {"mitras": {"seq_scan": 4, "idx_scan": 7}, "mitra_online_status": {"seq_scan": 2, "n_tup_upd": 10 + FLEET}}
    return {
        "load": [{"t": T, "arms": list(arms)}],
        "arm": [{"t": T, "arm": arm, "fleet": FLEET, "online": FLEET + 2, "instances": ["a"]} for arm in arms],
        "phases": [{"t": T, "phases": [
            {"name": "settling", "from": T - 12, "to": T - 2, "arms": []},
            {"name": "warm-up", "from": T - 2, "to": T, "arms": list(arms)},
            {"name": "pings and polls", "from": T, "to": T + 30, "arms": list(arms)},
        ]}],
        "window": [{"t": T + 31, "from": T - 12, "to": T + 30}],
        "tally": [tally(arm, action) for arm in arms for action in actions],
        "traffic": [{"t": T, "worker": "local", "seconds": [[int(T) + n, arm, action, 2, 2, 2, 0] for n in range(30) for arm in arms for action in actions]}],
        "generator": [{"t": T + 31, "worker": "local", "finished": True, "cpu": 0.1, "rss_mb": 60.0}],
        "template": [{"t": T, "arm": arm, "number": n, "text": text} for arm in arms for n, text in enumerate(TEXTS)],
        "statements": [
            {"t": T + 31, "arm": "on", "rows": [batch(), row(CONFIG)], "drivers": 4, "strangers": [], "source": "statement log"},
            {"t": T + 31, "arm": "off", "rows": without, "drivers": 4, "strangers": [], "source": "statement log"},
        ],
        "rewrites": [{"t": T + 31, "arm": "on", "events": [[T + at, name] for at in (1, 11, 21) for name in ("set", "expire")]}],
        "counters": [
            {"t": T - 3, "arm": "on", "name": "settling", "tables": tables},
            {"t": T + 41, "arm": "on", "name": "idle", "tables": later},
        ],
        "lag": [{"t": T + 31, "worst_s": 0.01}],
        "log": [], "cause": [], "failure": [], "exited": [], "block": [], "usage": [], "commands": [],
    }  # fmt: skip


def rows_of(lines: Lines, arm: str = "on") -> list[Any]:
    return next(line for line in lines["statements"] if line["arm"] == arm)["rows"]
