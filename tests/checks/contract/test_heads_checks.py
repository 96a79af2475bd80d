"""The checks of long heads and silent connections: what is wrong breaks its sentence."""

import copy
from typing import Any

import pytest

from rig.checks.contract.probes import judge_probe
from rig.record.lines.contract import Probe

LONG, SILENT = "heads that are too long", "silent connections"
GOOD: dict[str, dict[str, Any]] = {
    LONG: {
        "over_64_kib": [["one header", 66_560, 431, False, 0.1], ["the request line", 66_560, None, True, 0.1]],
        "over_2_mib": [["many headers", 2_162_688, 431, False, 0.2]],
        "others": [[200, None, 0.01], [200, None, 0.3]],
    },
    SILENT: {
        "silent": 320,
        "pings": [["kept", 200, None, 0.02], ["kept", 200, None, 0.02], ["new", 200, None, 0.03]],
        "ends": [["stops within a header", 12.0], ["goes on by one byte per second", 15.0]],
    },
}
WRONG: list[tuple[str, tuple[Any, ...], Any, str]] = [
    (LONG, ("over_64_kib", 0, 2), 200, "HTTP-15"),
    (LONG, ("over_64_kib", 0, 2), 500, "HTTP-15"),
    (LONG, ("over_64_kib", 1, 3), False, "HTTP-15"),
    (LONG, ("over_2_mib", 0, 2), 200, "HTTP-14"),
    (LONG, ("others", 0, 0), None, "HTTP-14"),
    (LONG, ("others", 1, 2), 5.5, "HTTP-14"),
    (SILENT, ("pings", 1, 3), 1.2, "HTTP-17"),
    (SILENT, ("pings", 2, 1), None, "HTTP-17"),
    (SILENT, ("pings", 2, 1), 503, "HTTP-17"),
    (SILENT, ("ends", 0, 1), None, "HTTP-16"),
    (SILENT, ("ends", 1, 1), 15.8, "HTTP-16"),
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


def test_where_a_ping_fails_without_silent_connections_nothing_is_said_of_them() -> None:
    seen = copy.deepcopy(GOOD[SILENT])
    seen["pings"][0][1] = 500
    judge = judge_probe(Probe(t=1.0, probe=SILENT, seen=seen))
    assert not judge.broken
    assert [id for id, _ in judge.doubts] == ["HTTP-17"]
