"""The checks of section K: each passes on a good observation and fails on one that breaks a promise."""

from typing import Any

import pytest

from tests.support.seen_variants import HEARTBEAT, A, C, Path, T, changed, exchange, statement, verdict

LINE = "[valkey-mirror] seed: 1 online, 1 deactivated, 0 with active sessions"
MIRROR = "UPDATE mitra_online_status SET last_heartbeat_at = u.at FROM UNNEST($1::uuid[], $2) AS u (id, at)"
STATE = {
    "online": [A],
    "deactivated": [C],
    "capacities": {A: "0"},
    "heartbeats": {A: HEARTBEAT},
    "snapshot": None,
}
SNAPSHOT = {"available": True, "count": 1}


def command(instance: str, *args: str, at: float = T + 0.1) -> dict[str, Any]:
    return {"at": at, "args": list(args), "instance": instance, "lua": False}


def instance(started: float) -> dict[str, Any]:
    return {"started_at": started, "ready_at": T + 1, "exit_code": 0, "lines": [LINE]}


def one_round(agreed_at: float | None = T + 0.1) -> dict[str, Any]:
    return {
        "overlap": True, "answers": [["online", 200, True], ["offline", 200, False]], "answered_at": T,
        "agreed_at": agreed_at, "postgres": False, "state": "Postgres online=False, Valkey online=True",
    }  # fmt: skip


def relay(filler: str, reader: str) -> dict[str, Any]:
    commands = [
        command(filler, "SDIFF", "mitras:online", "mitras:deactivated"),
        command(filler, "SET", "availability:snapshot", "{}", "EX", "10"),
        command(reader, "GET", "availability:snapshot"),
    ]
    return {
        "filler": filler, "reader": reader, "available": 1, "toggled": 200, "first": exchange(SNAPSHOT),
        "second": exchange(SNAPSHOT), "commands": commands,
    }  # fmt: skip


def change(via: str, other: str, count: int) -> dict[str, Any]:
    polls = {name: exchange({"available": True, "count": count}) for name in "ab"}
    commands = [command(name, "DEL", "availability:snapshot") for name in (via, other)]
    published = [command(via, "PUBLISH", "config:invalidate", '{"key": "k"}')]
    return {
        "via": via, "other": other, "before": "{}", "available": count, "exchange": exchange({"key": "k", "value": 1}),
        "commands": commands, "polls": polls, "key": "k", "published": published,
    }  # fmt: skip


PASSING: dict[str, tuple[dict[str, Any], dict[str, float]]] = {
    "K-01": (
        {
            "instances": {"a": instance(T), "b": instance(T + 0.01)},
            "truth": {"online": [A], "deactivated": [C], "loads": {A: 0}},
            "ready": STATE,
            "stopped": STATE,
        },
        {},
    ),
    "K-02": (
        {"rounds": [one_round() for _ in range(20)], "audit": ["online", "offline"] * 20},
        {"within_s": 1.0},
    ),
    "K-03": ({"relays": [relay("a", "b"), relay("b", "a")]}, {"life_s": 9.5}),
    "K-04": ({"changes": [change("a", "b", 1), change("b", "a", 2), change("a", "b", 1)]}, {"within_s": 1.0}),
    "K-05": (
        {
            "instances": ["a", "b"],
            "mitras": {"Sari": A},
            "from": T - 4,
            "until": T + 1,
            "read_at": T + 1,
            "last_ping_at": T + 0.1,
            "statements": [
                statement(T - n, MIRROR, [A], instance=name, role=f"sut_{name}") for name in "ab" for n in range(3)
            ],
            "samples": [{"at": T - 4 + n, "columns": {A: T - 3 + n}} for n in range(4)],
            "heartbeats": {A: HEARTBEAT},
        },
        {"within_s": 2.0},
    ),
}

FAILING = [
    ("K-01", ("instances", "b", "lines"), [LINE, LINE], "b logged 2 seed lines"),
    ("K-01", ("instances", "a", "lines"), [], "a logged 0 seed lines"),
    ("K-01", ("instances", "a", "lines"), ["[valkey-mirror] seed: done"], "not of the promised form"),
    ("K-01", ("ready", "online"), [], "mitras:online lacks"),
    ("K-01", ("ready", "capacities", A), "2", "Postgres counts 0"),
    ("K-01", ("stopped", "online"), [], "mitras:online lacks"),
    ("K-02", ("rounds", 19), one_round(None), "round 20 (Postgres online=False, Valkey online=True)"),
    ("K-02", ("rounds", 3), one_round(T + 1.2), "more than 1 s"),
    ("K-02", ("rounds", 3, "answers", 0, 1), 500, "round 4: online was answered 500"),
    ("K-02", ("rounds", 3, "answers", 0, 2), False, "is_online: False"),
    ("K-02", ("audit",), ["online", "online", "offline"], "do not alternate"),
    ("K-02", ("audit",), ["online", "offline", "online"], "the last audit row"),
    ("K-02", ("audit",), [], "the last audit row"),
    ("K-03", ("relays", 0, "second", "reply"), {"available": True, "count": 2}, "not what a had cached"),
    ("K-03", ("relays", 1, "first", "reply"), {"available": True, "count": 3}, "b counts 3, not 1"),
    ("K-03", ("relays", 0, "commands", 0, "instance"), "b", "SDIFF was run by ['b']"),
    ("K-03", ("relays", 0, "commands", 2), command("b", "SDIFF", "x", "y"), "not once by a"),
    ("K-03", ("relays", 0, "commands", 2), command("b", "SET", "availability:snapshot", "{}"), "was written by"),
    ("K-03", ("relays", 0, "commands"), [], "SDIFF was run by []"),
    ("K-03", ("relays", 0, "second", "status"), 503, "answered 503"),
    ("K-03", ("relays",), [relay("a", "b")], "1 directions"),
    ("K-04", ("changes", 0, "commands"), [command("a", "DEL", "availability:snapshot")], "b's deletion"),
    ("K-04", ("changes", 1, "commands"), [command("a", "DEL", "availability:snapshot", at=T + 1.5)], "more than 1 s"),
    ("K-04", ("changes", 0, "polls", "b", "reply", "count"), 2, "b then counts 2, not 1"),
    ("K-04", ("changes", 0, "exchange", "status"), 500, "answered 500"),
    ("K-04", ("changes",), [change("a", "b", 1)], "1 changes"),
    ("K-04", ("changes", 0, "published"), [], "no message"),
    ("K-04", ("changes", 0, "published", 0, "args", 2), "k", "no message"),
    ("K-04", ("changes", 0, "published", 0, "args", 2), '{"key": "j"}', "but of ['j']"),
    ("K-05", ("statements", 0, "severity"), "ERROR", "1 statements failed"),
    ("K-05", ("statements", 5, "instance"), "a", "b wrote 2 times"),
    ("K-05", ("samples", 2, "columns", A), T - 9, "went back"),
    ("K-05", ("samples", 2, "columns", A), None, "went back"),
    ("K-05", ("samples", 3, "columns", A), T - 0.5, "the newest heartbeat is"),
    ("K-05", ("read_at",), T + 2.3, "more than 2 s"),
]

OPEN = [
    ("K-01", ("instances", "b", "exit_code"), -9, "only after a clean exit"),
    ("K-01", ("instances", "b", "started_at"), T + 2, "before the other was started"),
    ("K-01", ("truth", "deactivated"), [], "too little to compare"),
    ("K-02", ("rounds",), [one_round() for _ in range(19)], "in only 19 rounds"),
    ("K-02", ("rounds", 0, "overlap"), False, "in only 19 rounds"),
    ("K-03", ("relays", 0, "toggled"), 500, "answered 500"),
    ("K-03", ("relays", 0, "second", "ended"), T + 10, "may have expired"),
    ("K-04", ("changes", 0, "before"), None, "no snapshot to delete"),
    ("K-04", ("changes", 1, "available"), 1, "make no difference"),
    ("K-05", ("samples",), [{"at": T, "columns": {A: T}}], "are too few"),
    ("K-05", ("heartbeats",), {}, "has no heartbeat"),
    ("K-05", ("statements", 0, "class"), "unknown", "unknown roles"),
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


def test_a_disagreement_early_on_is_not_too_few_rounds() -> None:
    """The rounds end at the first that did not agree: what is missing after it proves nothing for the server."""
    seen, bounds = PASSING["K-02"]
    short = changed(seen, (("rounds",), [one_round(), one_round(None)]))
    assert verdict("K-02", short, bounds)[0] == "failed"
