"""Made-up runs with all that a report must bear: each verdict and kind of evidence, long and hostile data."""

import copy
from typing import Any

from rig.record import evidence

STARTED = 1_795_471_034.25
MITRA = "5b1f6c0e-6f0e-4a39-9d1c-0a4b2f6d7e11"
HOSTILE = "<script>alert('x')</script> & \"quotes\" | `ticks` \x1b[31mred\x1b[0m \x00 bell\x07 ]]> </details>"
SECTIONS = {
    "SETUP": ("Setup", 6),
    "A": ("Seed + Startup", 8),
    "B": ("Online / Offline toggle (write-through)", 8),
    "C": ("Heartbeat path", 11),
    "D": ("Capacity counter", 13),
    "E": ("Deactivation flow (full propagation)", 11),
    "F": ("Read paths (Valkey-first)", 12),
    "G": ("Auto-offline sweep (Valkey-driven)", 10),
    "H": ("Heartbeat → Postgres batched mirror", 8),
    "I": ("Reconciliation sweep", 6),
    "J": ("Failure modes (Valkey degradation)", 6),
    "K": ("Multi-instance", 5),
    "SMOKE": ("Smoke tests (quick happy path)", 6),
}
TITLES = {
    "A-01": "**[BE]** Restart backend; log shows one `[valkey-mirror] seed: N online, M deactivated, K with active "
    "sessions` line on startup",
    "C-02": "**[BE]** Watch Postgres query log during heartbeat — **no `UPDATE mitra_online_status SET "
    "last_heartbeat_at` rows fire on every ping** (only the batched mirror, default every 60s)",
    "C-07": "**[M]** Mitra app's next heartbeat → backend returns `403 ACCOUNT_INACTIVE`",
    "D-11": "**[BE]** `mitra:capacity:A` decrements, `mitra:capacity:B` increments — both atomic with the "
    "chat_sessions UPDATE",
    "G-06": "**[BE]** Postgres: `is_online=false` for this mitra, audit row in `mitra_online_logs` with "
    "status='offline'",
    "K-02": "**[BE]** Concurrent setOnline calls on the same mitra from different instances → final SET state "
    "correct (atomic SADD)",
}


def checklist() -> dict[str, Any]:
    """110 items: 104 passed, 2 failed, 2 inconclusive, 1 broken, 1 skipped."""
    items = [_item(section, number) for section, (_, items) in SECTIONS.items() for number in range(1, items + 1)]
    by_id = {item["id"]: item for item in items}
    _fail_c07(by_id["C-07"])
    _retell(by_id["D-11"], "failed", HOSTILE, evidence.note(HOSTILE), evidence.sql(HOSTILE, [HOSTILE], [[HOSTILE]]))
    _retell(
        by_id["G-06"],
        "inconclusive",
        "The fault was not confirmed: `DEL mitra:heartbeat:<id>` removed 0 keys, so there was nothing to sweep.",
        evidence.timing("COMMIT of the sweep after the DEL", None, 25.0),
    )
    _retell(by_id["K-02"], "inconclusive", "The rig itself lagged by 412 ms in both tries; see the notes.")
    _retell(by_id["F-12"], "broken", "Toxiproxy's API did not answer within 2 s: connection refused (127.0.0.1:18474).")
    _retell(by_id["SETUP-06"], "skipped", "No shell: the capability `prompt` is missing from an external stack.")
    by_id["A-01"]["answers"] = [_everything()]
    by_id["C-02"]["answers"] = [
        _answer("c_heartbeat.feature: A ping writes no SQL", variant) for variant in ("killed", "hung")
    ]
    verdicts = [item["verdict"] for item in items]
    return {
        "kind": "checklist",
        "verdict": "failed",
        "exit_code": 1,
        "counts": {name: verdicts.count(name) for name in ("passed", "failed", "inconclusive", "broken", "skipped")},
        "promise": {"passed": 72, "failed": 2, "inconclusive": 2, "broken": 1, "skipped": 0},
        "weakens": [
            "Fast cadences: I-06 watched 12 s, not the 310 s of `--cadence written`.",
            "C-03 was repeated once: the rig itself lagged by 231 ms in the first try.",
        ],
        "random_seed": 20261123,
        "command": "rig checklist --cadence fast --level hardened --random-seed 20261123",
        "started": STARTED,
        "ended": STARTED + 41.2,
        "seconds": 41.2,
        "cadence": "fast",
        "level": "hardened",
        "stack": {
            "mode": "embedded",
            "stores": {"postgres": "Postgres 18.1", "valkey": "Valkey 8.1.4"},
            "lacks": {},
            "toxiproxy": "2.12.0",
            "sut": "python -m server",
            "python": "3.11.7",
            "machine": "2 cores",
        },
        "items": items,
        "scenarios": _scenarios(),
    }


def _item(section: str, number: int) -> dict[str, Any]:
    name = f"{section}-{number:02d}"
    title = TITLES.get(name, f"**[BE]** `SISMEMBER mitras:online <mitra-id>` returns `1` within 1s of step {number}")
    return {
        "id": name,
        "section": section,
        "section_title": SECTIONS[section][0],
        "kind": ("precondition", "action", "promise")[min(number - 1, 2)] if section != "A" else "promise",
        "title": title,
        "audience": "M" if name == "C-07" else "BE",
        "verdict": "passed",
        "message": f"The set held {MITRA[:8]} {number * 7} ms after the answer.",
        "seconds": 0.11 * number,
        "answers": [_answer(f"{section.lower()}_feature.feature: Step {number} of the section", "")],
        "replay": f"rig checklist --only {name} --random-seed 20261123",
    }


def _answer(scenario: str, variant: str) -> dict[str, Any]:
    return {
        "scenario": scenario,
        "variant": variant,
        "verdict": "passed",
        "message": "Seen in Valkey and in Postgres.",
        "seconds": 0.084,
        "started": STARTED + 3.5,
        "bounds": {"within_s": 1.0},
        "weakened": [],
        "evidence": [
            evidence.timing("SADD after the answer", 0.031, 1.0),
            evidence.valkey(f"SISMEMBER mitras:online {MITRA}", 1, type="set", ttl_ms=-1),
            evidence.sql(
                "SELECT mitra_id, is_online, last_heartbeat_at\nFROM mitra_online_status WHERE mitra_id = %s",
                ["mitra_id", "is_online", "last_heartbeat_at"],
                [[MITRA, True, "2026-11-23T22:17:14.250Z"], [MITRA[::-1], False, None]],
            ),
        ],
    }


def _fail_c07(item: dict[str, Any]) -> None:
    curl = (
        "curl -sS -X POST http://127.0.0.1:13000/api/mitra/status/heartbeat -H 'Authorization: Bearer $MITRA_TOKEN' "
        "-H 'Content-Type: application/json'"
    )
    _retell(
        item,
        "failed",
        "The heartbeat was answered 200 instead of 403 ACCOUNT_INACTIVE, 1.82 s after the deactivation was answered.",
        evidence.http(
            actor="mitra Siti Nurhaliza",
            method="POST",
            url="http://127.0.0.1:13000/api/mitra/status/heartbeat",
            body=None,
            status=200,
            reply={"is_online": True},
            error=None,
            started=STARTED + 9,
            ended=STARTED + 9.0213,
            curl=curl,
        ),
        evidence.http(
            actor="mitra",
            method="POST",
            url="http://127.0.0.1:13000/api/mitra/status/offline",
            body=None,
            status=None,
            reply=None,
            error="ReadTimeout after 8.0 s",
            started=STARTED + 10,
            ended=STARTED + 18,
            curl=curl,
        ),
        evidence.valkey("SMEMBERS mitras:deactivated", [], type="none", ttl_ms=-2),
        evidence.timing("first 403 after the deactivation was answered", 1.82, 1.0),
        evidence.log(
            "server a",
            [f"{STARTED + 8.2:.6f} [valkey-mirror] setDeactivated {MITRA} failed: Timeout reading from socket"],
            looked_for="[valkey-mirror] setDeactivated <id> failed:",
        ),
        evidence.statements(
            "from the ping to its answer",
            {"work": 1, "driver": 2, "observer": 0},
            [f"{STARTED + 9.01:.6f} sut_a SELECT is_active FROM mitras WHERE id = '{MITRA}'"],
        ),
    )


def _everything() -> dict[str, Any]:
    """One answer with every kind of evidence, much of it long."""
    stamp = f"{STARTED:.6f}"
    chatter = [
        f"{STARTED + n / 10:.6f} INFO request {n} GET /public/bestie-availability 200 in 1 ms" for n in range(300)
    ]
    chatter[140] = f"{STARTED + 14:.6f} [valkey-mirror] seed: 3 online, 1 deactivated, 2 with active sessions"
    answer = _answer("a_seed.feature: A restart seeds the mirror — ünïcødé 测试 🌙", "")
    answer["weakened"] = ["The log was read through a pipe that was 90 ms late."]
    answer["evidence"] += [
        evidence.log("server a", chatter, looked_for="[valkey-mirror] seed:"),
        evidence.log("server b", [], looked_for="[valkey-mirror] seed:"),
        evidence.commands(
            "MONITOR of the seed", [f'{stamp} [0 127.0.0.1:41234] "SADD" "mitras:online" "{MITRA}"'] * 90
        ),
        evidence.valkey("GET availability:snapshot", '{"available":true,"count":3}', type="string", ttl_ms=8321),
        evidence.valkey("GET mitra:heartbeat:nobody", None, type="none", ttl_ms=-2),
        evidence.valkey("SMEMBERS mitras:online", [f"{n:08d}{MITRA[8:]}" for n in range(200)], type="set", ttl_ms=-1),
        evidence.statements("the seed", {"work": 3, "driver": 9}, ["SELECT " + "very_long_column, " * 400 + "1"]),
        evidence.sql("SELECT n FROM generate_series(1, 500) AS n", ["n"], [[n] for n in range(1, 501)]),
        evidence.note("The seed's line came before the listeners were bound."),
        {"kind": "of a later version", "text": "kept as it is"},
    ]
    return answer


def _retell(item: dict[str, Any], verdict: str, message: str, *pieces: dict[str, Any]) -> None:
    item["verdict"], item["message"] = verdict, message
    item["answers"][0].update(verdict=verdict, message=message, evidence=list(pieces))


def _scenarios() -> list[dict[str, Any]]:
    steps = [
        {"keyword": "Given", "text": "a mitra who is online", "verdict": "passed", "seconds": 0.12},
        {"keyword": "When", "text": "an operator deactivates her", "verdict": "passed", "seconds": 0.04},
        {
            "keyword": "Then",
            "text": "C-07: the next heartbeat is refused with 403",
            "verdict": "failed",
            "seconds": 2.1,
        },
    ]
    failing = {"feature": "c_heartbeat.feature", "name": "The guard refuses a deactivated mitra", "seconds": 2.3}
    broken = {"feature": "c_heartbeat.feature", "name": "Valkey is stopped", "seconds": 0.4}
    passing = {"feature": "a_seed.feature", "name": f"A restart seeds {HOSTILE}", "seconds": 1.1}
    return [
        {"id": "c1", **failing, "steps": steps, "error": None},
        {"id": "c2", **broken, "steps": steps[:2], "error": "StackError: Toxiproxy's API did not answer within 2 s"},
        {"id": "a1", **passing, "steps": steps[:1], "error": None},
    ]


def chaos() -> dict[str, Any]:
    """A campaign with phases, measures and series, which passed with a skip."""
    run = copy.deepcopy(checklist())
    moments = [STARTED + n * 0.5 for n in range(240)]
    fault, healed = STARTED + 40, STARTED + 75
    run.update(
        kind="chaos",
        verdict="passed",
        exit_code=0,
        weakens=[],
        scenarios=[],
        promise={},
        seconds=120.0,
        command="rig chaos valkey-hang --random-seed 20261123",
        counts={"passed": 2, "skipped": 1},
        items=[
            _invariant("I-07", "safety", "passed", "No auto-offline within stale_after of an answered ping"),
            _invariant("I-01", "convergence", "passed", "online SET equals Postgres ≤ 5 s after a reconnect"),
            _invariant("I-24", "convergence", "skipped", "evicted_keys = 0"),
        ],
        phases=[
            {"name": "baseline", "from": STARTED, "to": fault},
            {"name": "fault: Valkey hangs", "from": fault, "to": healed},
            {"name": "recovery", "from": healed, "to": healed + 10},
        ],
        measures=[
            {"name": "p99 of a ping during the hang", "value": 312.4, "unit": "ms", "limit": 500, "verdict": "passed"},
            {"name": "availability JOINs a second", "value": 0.94, "unit": "1/s", "limit": "≤ 1"},
            {"name": "requests", "value": 48213, "unit": "", "limit": None},
        ],
        series=[
            {
                "name": "requests per second",
                "points": [[t, 400 - 160 * (fault < t < healed) + 9 * (n % 5)] for n, t in enumerate(moments)],
            },
            {
                "name": "p99 of a ping",
                "unit": "ms",
                "limit": 500,
                "points": [
                    [t, None if 80 <= n <= 84 else 4 + 300 * (fault < t < healed) + n % 7]
                    for n, t in enumerate(moments)
                ],
            },
            {"name": "nothing seen", "points": []},
        ],
    )
    return run


def _invariant(name: str, section: str, verdict: str, title: str) -> dict[str, Any]:
    return {
        "id": name,
        "section": section,
        "section_title": section.capitalize(),
        "kind": "invariant",
        "title": title,
        "audience": "",
        "verdict": verdict,
        "message": f"Judged over 120 s: {verdict}.",
        "seconds": 0.4,
        "answers": [],
        "replay": "rig chaos valkey-hang --random-seed 20261123",
    }
