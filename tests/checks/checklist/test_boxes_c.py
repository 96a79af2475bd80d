"""The checks of section C: each passes on a good observation and fails on one that breaks a promise."""

from typing import Any

import pytest

from tests.support.seen_variants import (
    HEARTBEAT,
    STOPPED,
    STOPPED_VARIANTS,
    A,
    Path,
    T,
    changed,
    exchange,
    statement,
    verdict,
)  # fmt: skip

KEY = f"mitra:heartbeat:{A}"
INACTIVE = {"status": 403, "code": "ACCOUNT_INACTIVE"}
ONLINE, OFFLINE = {"is_online": True}, {"is_online": False}
REFUSED = exchange(None, **INACTIVE)
TIDY = "DELETE FROM auth_sessions WHERE expires_at < now() - interval '1 day'"
UPDATE = "UPDATE mitra_online_status SET last_heartbeat_at = now() WHERE mitra_id = $1"


def counted(text: str, count: int, ids: tuple[str, ...] = (), **facts: Any) -> dict[str, Any]:
    return statement(T, text, ids, count=count, **facts)


def command(count: int, *args: str) -> dict[str, Any]:
    return {"at": T, "args": list(args), "instance": "a", "lua": True, "count": count}


COUNTED = {
    "witness": "statement log",
    "mitra": A,
    "statements": [],
    "commands": [command(500, "SET", KEY)],
    "blind_s": 0.0,
    "seconds": 1.5,
}

PASSING: dict[str, tuple[dict[str, Any], dict[str, float]]] = {
    "C-01": ({"pings": [exchange(ONLINE), exchange(ONLINE, started=T + 0.6, ended=T + 0.61)]}, {"cycle_s": 0.2}),
    "C-02": (
        {
            **COUNTED,
            "answers": [[200, None, ONLINE, 500]],
            "offline": [[200, None, OFFLINE, 20]],
            "statements": [counted("SELECT pg_notify('beat', '')", 3), counted(TIDY, 2)],
            "idle": [counted("SELECT pg_notify('beat', '')", 1)],
            "idle_seconds": 0.6,
        },
        {},
    ),
    "C-03": (
        {
            "pings": [
                [T - 0.01, T + 0.01, HEARTBEAT],
                [T + 0.1, T + 0.12, "2027-01-15T08:00:00.110Z"],
                [T + 0.2, T + 0.22, "2027-01-15T08:00:00.210Z"],
            ]
        },
        {"clock_s": 0.1},
    ),
    "C-04": (
        {"ping": exchange(ONLINE), "value": HEARTBEAT, "before": T - 3600, "column": T, "seen_at": T + 0.9},
        {"within_s": 2.0},
    ),
    "C-05": ({"mitra": A, "exchange": exchange({"id": A, "is_active": False})}, {}),
    "C-06": ({"member": True, "answered_at": T, "visible_at": T + 0.01}, {"within_s": 1.0}),
    "C-07": ({"exchange": REFUSED, "control": exchange(ONLINE)}, {}),
    "C-08": ({**COUNTED, "answers": [[403, "ACCOUNT_INACTIVE", {}, 500]], "commands": []}, {}),
    "C-09": (STOPPED, {}),
    "C-10": (
        {
            "valkey": STOPPED,
            "pings": {
                "Sari": [exchange(ONLINE)],
                "Tuti": [exchange(OFFLINE)],
                "Dewi": [REFUSED],
                "Rani": [REFUSED],
            },
            "lines": 4,
            "wrote": [],
            "unknown": [],
        },
        {"answer_s": 5.0},
    ),
    "C-11": (
        {
            "exit_code": 0, "answers": [[200, None, ONLINE, 20]], "refused": REFUSED, "sets": 20, "lines": [],
            "blind_s": 0.0,
        },
        {},
    ),
}  # fmt: skip
WITHOUT_POSTGRES = {
    "C-02": {"witness": "postgres stopped", "postgres_alive": False, "active": [[200, None, ONLINE, 20]]},
    "C-08": {
        "witness": "postgres stopped",
        "postgres_alive": False,
        "deactivated": [[403, "ACCOUNT_INACTIVE", {}, 20]],
    },
}

FAILING = [
    ("C-02", ("answers",), [[200, None, ONLINE, 499], [503, "SERVICE_UNAVAILABLE", {}, 1]], "1 of 500 pings"),
    ("C-02", ("answers",), [[200, None, OFFLINE, 500]], "500 of 500 pings"),
    ("C-02", ("offline",), [[200, None, ONLINE, 20]], "who is offline"),
    ("C-02", ("statements",), [counted(UPDATE, 500, (A,))], "names mitra_online_status"),
    ("C-02", ("statements",), [counted("SELECT is_active FROM mitras WHERE id = $1", 10)], "names mitras"),
    ("C-02", ("statements",), [counted("SELECT 1 FROM auth_sessions", 1)], "names auth_sessions"),
    ("C-02", ("statements",), [counted("DELETE FROM auth_sessions WHERE user_id = $1", 1)], "names auth_sessions"),
    ("C-02", ("statements",), [counted(TIDY, 500)], "an idle backend does not run so often"),
    ("C-02", ("statements",), [counted(TIDY, 1, (A,))], "names auth_sessions"),
    ("C-02", ("statements",), [counted("SELECT touch($1)", 1, (A,))], "carries the mitra's id"),
    ("C-02", ("statements",), [counted("SELECT value FROM app_config", 10)], "does not run so often"),
    ("C-02", ("statements",), [counted("BEGIN", 500, **{"class": "driver"})], "does not run so often"),
    ("C-02", ("commands",), [command(499, "SET", KEY)], "499 heartbeats"),
    ("C-02", ("commands",), [command(501, "SET", KEY)], "501 heartbeats"),
    ("C-02", ("commands",), [command(500, "SET", KEY), command(500, "SADD", "mitras:online")], "SADD mitras:online"),
    ("C-03", ("pings", 1, 2), HEARTBEAT, "though she pinged again"),
    ("C-03", ("pings", 2, 2), "2027-01-15T08:00:09.000Z", "off the ping"),
    ("C-03", ("pings", 2, 2), None, "no time in ms UTC"),
    ("C-04", ("column",), T - 3600, "did not come within 2 s"),
    ("C-04", ("column",), None, "did not come within 2 s"),
    ("C-04", ("seen_at",), T + 2.5, "more than 2 s"),
    ("C-04", ("column",), T + 0.5, "off the ping's heartbeat"),
    ("C-06", ("visible_at",), None, "did not come within 1 s"),
    ("C-06", ("visible_at",), T + 1.5, "more than 1 s"),
    ("C-07", ("exchange",), exchange(ONLINE), "not 403"),
    ("C-07", ("exchange", "code"), "FORBIDDEN", "not ACCOUNT_INACTIVE"),
    ("C-07", ("control",), REFUSED, "not 200"),
    (
        "C-08",
        ("answers",),
        [[403, "ACCOUNT_INACTIVE", {}, 499], [200, None, ONLINE, 1]],
        "1 of 500 pings were not refused",
    ),
    ("C-08", ("statements",), [counted("SELECT is_active FROM mitras WHERE id = $1", 1)], "names mitras"),
    ("C-08", ("commands",), [command(500, "SET", KEY)], "500 heartbeats"),
    ("C-08", ("statements",), [counted("SELECT value FROM app_config", 51)], "with 500 requests"),
    ("C-10", ("pings", "Sari", 0), exchange(None, 503, code="SERVICE_UNAVAILABLE"), "not 200"),
    ("C-10", ("pings", "Tuti", 0), exchange(ONLINE), "a ping of Tuti"),
    ("C-10", ("pings", "Rani", 0), exchange(ONLINE), "not 403"),
    ("C-10", ("pings", "Sari", 0), exchange(ONLINE, ended=T + 6), "more than 5 s"),
    ("C-10", ("lines",), 3, "3 fallback lines for 4 pings"),
    ("C-10", ("wrote",), [statement(T, UPDATE, [A])], "wrote: UPDATE"),
    ("C-11", ("sets",), 0, "0 heartbeats"),
    ("C-11", ("lines",), ["fell back"], "1 fallback lines"),
    ("C-11", ("refused",), exchange(ONLINE), "not 403"),
    ("C-11", ("answers",), [[200, None, OFFLINE, 20]], "20 of 20"),
]

OPEN = [
    ("C-01", ("pings", 1), exchange(ONLINE), "less than a cycle"),
    ("C-01", ("pings", 0), exchange(OFFLINE), "a ping was answered"),
    ("C-02", ("answers",), [[200, None, ONLINE, 499]], "only 499 pings"),
    ("C-02", ("blind_s",), 0.5, "MONITOR was not connected"),
    ("C-02", ("statements",), [counted(UPDATE, 1, role="app", **{"class": "unknown"})], "unknown roles"),
    ("C-03", ("pings",), [[T, T, HEARTBEAT]], "fewer than three"),
    ("C-05", ("exchange",), exchange({"id": A, "is_active": True}), "not her with is_active false"),
    *(("C-09", *variant) for variant in STOPPED_VARIANTS),
    ("C-10", ("valkey", "through_proxy"), "answers", "still answered"),
    ("C-11", ("exit_code",), -9, "only after a clean exit"),
    ("C-11", ("blind_s",), 0.5, "MONITOR was not connected"),
]


@pytest.mark.parametrize("item", PASSING)
def test_a_good_observation_passes(item: str) -> None:
    assert verdict(item, *PASSING[item])[0] == "passed", verdict(item, *PASSING[item])[1]


@pytest.mark.parametrize(("item", "path", "value", "text"), FAILING)
def test_a_broken_promise_fails(item: str, path: Path, value: Any, text: str) -> None:
    seen, bounds = PASSING[item]
    found, message = verdict(item, changed(seen, (path, value)), bounds)
    assert (found, text in message) == ("failed", True), message


@pytest.mark.parametrize(("item", "path", "value", "text"), OPEN)
def test_what_the_rig_did_not_bring_about_blames_nobody(item: str, path: Path, value: Any, text: str) -> None:
    seen, bounds = PASSING[item]
    found, message = verdict(item, changed(seen, (path, value)), bounds)
    assert (found, text in message) == ("inconclusive", True), message


@pytest.mark.parametrize("item", WITHOUT_POSTGRES)
def test_without_postgres_every_answer_counts(item: str) -> None:
    seen = WITHOUT_POSTGRES[item]
    name = next(key for key in seen if key in ("active", "deactivated"))
    one_else = [*seen[name], [503, "SERVICE_UNAVAILABLE", {}, 1]]
    assert verdict(item, seen, {})[0] == "passed"
    assert verdict(item, changed(seen, ((name,), one_else)), {})[0] == "failed"
    assert verdict(item, changed(seen, (("postgres_alive",), True)), {})[0] == "inconclusive"
