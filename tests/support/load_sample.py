"""A made-up load run: 300 mitras for 75 s, with the mirror and without it at the same time."""

import copy
import math
from typing import Any

from tests.support.report_sample import HOSTILE, STARTED, checklist

WINDOW = (STARTED + 12.0, STARTED + 87.0)
ARMS = [{"id": "on", "name": "with the mirror"}, {"id": "off", "name": "without it"}]
NAMES = {arm["id"]: arm["name"] for arm in ARMS}
ACTIONS = {"ping": (750, 2.1, 3.4), "poll": (11250, 1.6, 8.9), "toggle": (150, 6.4, 5.9)}
CLAIMS = [
    ("CLAIM-01", "A heartbeat causes no SQL statement", "≤ 0", "", 0, 1500, "2.0 a heartbeat without the mirror"),
    ("CLAIM-02", "The availability JOIN no longer grows with the polls", "≤ 60", "a minute", 9.6, 9000, ""),
    ("CLAIM-03", "p95 of a poll stays below 200 ms", "≤ 200", "ms", 3.1, 14.25, ""),
    ("CLAIM-04", "The mirror halves the CPU of Postgres", "≤ 0.5", "of the baseline", 0.71, 1, ""),
]
STATEMENTS = [
    ("work", "heartbeat mirror", "UPDATE mitra_online_status SET last_heartbeat_at = v.at FROM unnest($1::uuid[], $2::timestamptz[]) AS v(id, at) WHERE mitra_id = v.id AND last_heartbeat_at < v.at"),
    ("work", "beacon poll", "SELECT m.id FROM mitras m JOIN mitra_online_status s ON s.mitra_id = m.id LEFT JOIN chat_sessions c ON c.mitra_id = m.id AND c.status = $1 WHERE s.is_online GROUP BY m.id"),
    ("work", "toggle", "INSERT INTO mitra_online_logs (mitra_id, status, at) VALUES ($1, $2, $3)"),
    ("driver", "connection pool", "SELECT pg_advisory_unlock_all()"),
]  # fmt: skip


def load() -> dict[str, Any]:
    """Three claims hold, one fails, one was skipped; one threshold of three fails."""
    run = copy.deepcopy(checklist())
    items = [_item(name, wording, "failed" if name == "CLAIM-04" else "passed") for name, wording, *_ in CLAIMS]
    items.append(_item("CLAIM-05", "A second instance adds no statements", "skipped"))
    begin, end = WINDOW
    run.update(
        kind="load", verdict="failed", exit_code=1, scenarios=[], promise={}, items=items, seconds=96.0,
        message="", command="rig load --mitras 300 --seconds 75 --random-seed 20261123",
        counts={"passed": 3, "failed": 1, "skipped": 1},
        phases=[{"name": "start", "from": STARTED, "to": begin}, {"name": "window", "from": begin, "to": end}],
        weakens=["both arms share 2 cores, so that times are longer than on machines of their own"],
        load={
            "arms": ARMS,
            "window": {"from": begin, "to": end},
            "claims": [
                dict(zip(("id", "wording", "limit", "unit", "on", "off", "note"), claim, strict=True))
                for claim in CLAIMS
            ],
            "thresholds": [
                {"text": "ping: p(95)<200", "value": 3.42, "unit": "ms", "verdict": "passed"},
                {"text": "poll: p(99)<10", "value": 12.3, "unit": "ms", "verdict": "failed"},
                {"text": "errors: rate<0.01", "value": 0, "unit": "", "verdict": "passed"},
            ],
            "accounting": [
                {"arm": arm, "action": action, "planned": n, "completed": n - 2 * (arm == "off"), "failed": 0,
                 "missed": 0, "in_flight": 2 * (arm == "off")}
                for arm in NAMES for action, (n, *_) in ACTIONS.items()
            ],
            "percentiles": [_percentile(arm, action, kind) for arm in NAMES for action in ACTIONS for kind in ("corrected", "raw")],
            "histograms": [_histogram(arm, action) for arm in NAMES for action in ACTIONS],
            "plots": _plots(),
            "ledger": [
                {"arm": arm, "instance": instance, "class": sort, "cause": cause, "template": template,
                 "calls": 12000 // (n + 1), "a_minute": 9600 / (n + 1)}
                for arm in NAMES for instance in "ab" for n, (sort, cause, template) in enumerate(STATEMENTS)
            ],
            "blocks": [
                {"name": "ping: p95, corrected", "unit": "ms", "on": [2.1, 2.2, 2.0, 2.3], "off": [5.0, 5.2, 4.9, 5.5],
                 "on_interval": [2.0, 2.3], "off_interval": [4.8, 5.5], "told": "lower with the mirror in every block"},
                {"name": "toggle: p95, corrected", "unit": "ms", "on": [6.4, 6.9, 6.1], "off": [5.9, 6.6, 6.2],
                 "on_interval": [6.1, 6.9], "off_interval": [5.9, 6.6], "told": "in doubt: the blocks overlap"},
            ],
            "observing": [
                {"name": "ping p50 with the statement log", "value": 2.3, "unit": "ms"},
                {"name": "ping p50 without it", "value": 2.1, "unit": "ms"},
            ],
            "witness": [
                {"arm": arm, "table": "mitras", "counter": "idx_scan", "moved": moved, "explained": told}
                for arm, moved, told in (("on", 0, "0 statements name it"), ("off", 11250, "11 250 statements name it"))
            ],
            "generator": [{"worker": "local", "cpu": 0.12, "rss_mb": 98, "late_p99_ms": 1.4, "peak_to_mean": 1.05, "finished": True}],
            "valkey": [
                {"arm": "on", "command": "evalsha", "calls": 11250, "a_second": 150.0},
                {"arm": "on", "command": "get", "calls": 1200, "a_second": 16.0},
            ],
            "raw": ["requests-local.csv", "locust.html", "../../etc/passwd", "javascript:alert(1)"],
        },
    )  # fmt: skip
    return run


def hostile() -> dict[str, Any]:
    """The same run with hostile text wherever a text stands."""
    run = load()
    run["load"] = _poisoned(run["load"])
    return run


def _poisoned(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _poisoned(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_poisoned(one, key) for one in value]
    kept = ("verdict", "arm", "id") if key != "raw" else ()
    return HOSTILE if isinstance(value, str) and key not in kept else value


def _item(name: str, wording: str, verdict: str) -> dict[str, Any]:
    message = {"passed": "Within its limit.", "failed": "0.71 of the baseline's CPU; at most 0.5 was promised."}
    return {
        "id": name, "section": "claims", "section_title": "Claims", "kind": "claim", "title": wording, "audience": "",
        "verdict": verdict, "message": message.get(verdict, "It takes two instances."), "seconds": 0.2, "answers": [],
        "replay": "rig load --mitras 300 --seconds 75 --random-seed 20261123",
    }  # fmt: skip


def _percentile(arm: str, action: str, kind: str) -> dict[str, Any]:
    n, on, off = ACTIONS[action]
    base = (on if arm == "on" else off) * (1.0 if kind == "corrected" else 0.9)
    times = {"p50": base, "p90": base * 1.4, "p95": base * 1.6, "p99": base * 3.8, "max": base * 150}
    return {"arm": arm, "action": action, "kind": kind, "n": n, **times}


def _histogram(arm: str, action: str) -> dict[str, Any]:
    n, on, off = ACTIONS[action]
    middle = math.log10(on if arm == "on" else off)
    edges = [10 ** (-0.5 + 0.1 * step) for step in range(28)]
    shares = [math.exp(-(((math.log10(edge) - middle) / 0.16) ** 2)) for edge in edges]
    return {"arm": arm, "action": action,
            "buckets": [[edge, round(n * share / sum(shares))] for edge, share in zip(edges, shares, strict=True)]}  # fmt: skip


def _plots() -> list[dict[str, Any]]:
    def curve(arm: str, middle: float, swing: float, dash: bool = False) -> dict[str, Any]:
        told = f"{NAMES[arm]}{', offered' if dash else ''}"
        points = [
            [WINDOW[0] + second, None if second == 40 and not dash else middle + swing * math.sin(second * (1.7 if dash else 1.3))]
            for second in range(75)
        ]  # fmt: skip
        return {"name": told, "arm": arm, "dash": dash, "points": points}

    return [
        {"title": "SQL statements a second", "unit": "1/s", "curves": [curve("on", 4, 3), curve("off", 182, 20)], "phases": True},
        {"title": "Requests a second", "unit": "1/s", "phases": True,
         "curves": [curve("on", 162, 6), curve("on", 162, 2, True), curve("off", 160, 9)]},
        {"title": "p95 of a poll", "unit": "ms", "curves": [curve("on", 3.1, 0.6), curve("off", 14.2, 4)], "phases": True},
        {"title": "CPU of Postgres", "unit": "% of a core", "curves": [curve("on", 12, 2), curve("off", 17, 3)], "phases": True},
    ]  # fmt: skip
