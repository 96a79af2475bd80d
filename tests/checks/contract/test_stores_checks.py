"""The checks of old and unfit stores and of the server's own keys: what is wrong breaks its sentence."""

import copy
from typing import Any

import pytest

from rig.checks.contract.probes import judge_probe
from rig.checks.contract.stores.unfit import names_it
from rig.checks.contract.stores.versions import names
from rig.record.lines.contract import Probe

VERSIONS, UNFIT, OWN = "versions of the stores", "Valkey that holds no mirror", "keys of the server's own"
TRUTH = {"online": ["a"], "deactivated": [], "loads": {"a": 1}}
MIRROR = {"online": ["a"], "deactivated": [], "capacities": {"a": "1"}, "heartbeats": {"a": "x"}}
GOOD: dict[str, dict[str, Any]] = {
    VERSIONS: {
        "served": [["Postgres 14.0 and Valkey 7.2.0", True, [200, 200, 200], 1, True]],
        "older": [
            ["Postgres", "13.23", 1, [], ""],
            ["Redis", "6.2.0", None, ["not used: Redis 6.2.0 is too old"], '{"alerts": ["Redis 6.2.0 is too old"]}'],
        ],
    },
    UNFIT: {
        "usual": '{"status": "ready", "alerts": []}',
        "found": [
            ["a wrong password", True, 200, "WRONGPASS invalid username-password pair"],
            ["a replica", True, 200, "it is a replica"],
            ["a cluster", True, 200, "it is a cluster"],
        ],
        "left out": {},
    },
    OWN: {
        "strangers": [], "guest": True, "ready": True,
        "healed": [["keys of another database", TRUTH, {**MIRROR}], ["no key of the server's own", TRUTH, {**MIRROR}]],
    },
}  # fmt: skip
WRONG: list[tuple[str, tuple[Any, ...], Any, str]] = [
    (VERSIONS, ("served", 0, 1), False, "STORE-01"),
    (VERSIONS, ("served", 0, 2, 1), 503, "STORE-01"),
    (VERSIONS, ("served", 0, 3), 0, "STORE-01"),
    (VERSIONS, ("served", 0, 4), False, "STORE-01"),
    (VERSIONS, ("older", 0, 2), 0, "STORE-02"),
    (VERSIONS, ("older", 1, 3), ["not used: too old"], "STORE-02"),
    (VERSIONS, ("older", 1, 4), '{"alerts": []}', "STORE-02"),
    (UNFIT, ("found", 0, 2), 503, "STORE-03"),
    (UNFIT, ("found", 1, 1), False, "STORE-03"),
    (UNFIT, ("found", 0, 3), "Valkey is not used", "STORE-03"),
    (UNFIT, ("found", 1, 3), "it is a cluster", "STORE-03"),
    (OWN, ("strangers",), ["versions"], "KEY-11"),
    (OWN, ("healed", 0, 2, "online"), [], "KEY-11"),
    (OWN, ("healed", 1, 2, "deactivated"), ["a"], "KEY-11"),
    (OWN, ("healed", 1, 2, "capacities"), {}, "KEY-11"),
]


@pytest.mark.parametrize("probe", GOOD)
def test_what_a_good_server_shows_breaks_nothing(probe: str) -> None:
    judge = judge_probe(Probe(t=1.0, probe=probe, seen=GOOD[probe]))
    assert (judge.broken, judge.doubts) == ([], [])
    assert judge.judged


@pytest.mark.parametrize(("probe", "where", "value", "sentence"), WRONG)
def test_what_is_wrong_breaks_its_sentence_alone(probe: str, where: tuple[Any, ...], value: Any, sentence: str) -> None:
    seen = copy.deepcopy(GOOD[probe])
    at: Any = seen
    for step in where[:-1]:
        at = at[step]
    at[where[-1]] = value
    assert [id for id, _ in judge_probe(Probe(t=1.0, probe=probe, seen=seen)).broken] == [sentence]


@pytest.mark.parametrize(
    ("version", "text", "right"),
    [
        ("13.23", "Postgres 13.23 is too old", True),
        ("13.23", "Postgres 13 is too old: 14 at least", True),
        ("13.23", '{"writes": 113, "seeds": 130}', False),
        ("6.2.0", "Redis 6.2.0 is too old", True),
        ("6.2.0", "redis 6.2", True),
        ("6.2.0", "it took 16.2 s, then 6.25 s", False),
    ],
)
def test_a_version_is_named_by_its_own_number_alone(version: str, text: str, right: bool) -> None:
    assert names(version, text) is right


def test_a_word_of_every_readyz_names_nothing() -> None:
    assert not names_it("a replica", '{"primary": true}', '{"primary": true}')
    assert names_it("a replica", '{"primary": true, "why": "READONLY"}', '{"primary": true}')
