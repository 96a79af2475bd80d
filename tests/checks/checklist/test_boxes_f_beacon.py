"""The checks of section F, beacon and dashboard: good observations pass, broken promises fail."""

from typing import Any

import pytest

from tests.support.seen_variants import HEARTBEAT, A, B, Path, T, changed, exchange, statement, verdict

COUNT_ROWS = "SELECT count(*) FROM mitra_online_status WHERE is_online"
EMPTY = {"online": [], "deactivated": [], "capacities": {}, "heartbeats": {}}
TWO = {
    "online": [A, B],
    "deactivated": [],
    "capacities": {A: "0", B: "2"},
    "heartbeats": {A: HEARTBEAT, B: HEARTBEAT},
}


def beacon(count: int, **facts: Any) -> dict[str, Any]:
    return exchange({"available": count > 0, "count": count}, **facts)


def poll(count: int, mirror: dict[str, Any]) -> dict[str, Any]:
    return {"exchange": beacon(count), "before": {"mirror": mirror, "loads": {}, "at": T + 1}, "after": mirror}


def read(what: str, said: int, scard: int, deactivated: int = 0) -> dict[str, Any]:
    reply = exchange({"online_mitras": said})
    return {"what": what, "before": scard, "after": scard, "deactivated": deactivated, "exchange": reply}


def look(at: float, ttl_ms: int) -> dict[str, Any]:
    return {"at": at, "text": '{"available": true, "count": 2}', "ttl_ms": ttl_ms}


PLANTED = [200, None, {"available": True, "count": 42}, 2]
SAID = {"available": True, "count": 2}
PASSING: dict[str, tuple[dict[str, Any], dict[str, float]]] = {
    "F-07": ({"polls": [poll(0, EMPTY), poll(2, TWO)], "names": {}, "stale_s": 90.0, "maximum": 3}, {}),
    "F-08": (
        {
            "answer": beacon(2), "shared": [[200, None, SAID, 4]], "looks": [look(T, 9990), look(T + 1, 8985)],
            "writes": ["SET"], "planted": [PLANTED], "after_planting": 0, "blind_s": 0.0,
        },
        {"life_s": 10.0},
    ),
    "F-09": (
        {
            "answers": [[200, None, SAID, 222]], "burst": 24, "early": 3, "seconds": 11.0,
            "per_source": {"127.0.0.2": 66, "127.0.0.3": 66, "127.0.0.4": 66},
            "recomputes": [T, T + 10.1], "writes": [[T + 0.001, "SET"], [T + 10.101, "SET"]],
            "touches": [[T, "SDIFF"], [T + 0.0005, "GET"], [T + 10.1, "SDIFF"]], "statements": [], "blind_s": 0.0,
        },
        {"between_s": 9.5, "life_s": 10.0},
    ),
    "F-10": (
        {
            "polls": [poll(2, TWO), poll(1, TWO)], "maxima": [3, 2], "names": {}, "stale_s": 90.0,
            "changed": exchange({}), "committed_at": T, "deleted_at": [T + 0.005], "recomputes": 1,
            "gone": {"gone": True, "at": T + 0.02},
        },
        {"within_s": 1.0},
    ),
    "F-11": ({"reads": [read("nobody", 0, 0), read("three", 3, 3, 1), read("two", 2, 2, 1)]}, {}),
    "F-12": (
        {"witness": "statement log", "answers": [[200, None, {"online_mitras": 3}, 500]], "statements": []},
        {},
    ),
}  # fmt: skip

FAILING = [
    ("F-07", ("polls", 1, "exchange"), beacon(3), "counts 3, available are 2"),
    ("F-07", ("polls", 0, "exchange"), beacon(1), "counts 1, available are 0"),
    ("F-07", ("polls", 0, "exchange"), exchange({"available": True, "count": 0}), "available: True with a count of 0"),
    ("F-07", ("polls", 1, "exchange"), exchange({"available": 1, "count": 2}), "not a bool and a count"),
    ("F-07", ("polls", 1, "exchange"), exchange({}, 503), "not 200"),
    ("F-08", ("looks", 0, "text"), None, "the snapshot holds None"),
    ("F-08", ("looks", 0, "text"), '{"available": true, "count": 1}', "the answer was"),
    ("F-08", ("shared",), [[200, None, {"available": True, "count": 1}, 4]], "other customers were answered"),
    ("F-08", ("looks", 0, "ttl_ms"), -1, "its remaining life is -1 ms"),
    ("F-08", ("looks", 0, "ttl_ms"), 15000, "its remaining life is 15000 ms"),
    ("F-08", ("looks", 1, "ttl_ms"), 9995, "reading renews it"),
    ("F-08", ("writes",), ["SET", "EXPIRE"], "was written 2 times"),
    ("F-08", ("planted",), [[200, None, SAID, 2]], "written by hand the beacon answers"),
    ("F-08", ("after_planting",), 1, "was computed anew 1 times"),
    ("F-09", ("answers",), [[200, None, SAID, 200], [503, "SERVICE_UNAVAILABLE", {}, 22]], "2 different answers"),
    ("F-09", ("recomputes",), [T, T + 0.001, T + 10.1], "only 0.001 s apart"),
    ("F-09", ("recomputes",), [], "no recomputes at all"),
    ("F-09", ("writes",), [[T, "SET"], [T + 9.4, "SET"]], "only 9.400 s apart"),
    ("F-09", ("writes",), [[T, "SET"]], "outlived its ten seconds"),
    ("F-09", ("writes",), [[T, "SET"], [T + 10.1, "EXPIRE"]], "also changed by EXPIRE"),
    ("F-09", ("touches",), [[T + 5, "SMEMBERS"]], "outside a recompute: SMEMBERS"),
    ("F-09", ("statements",), [statement(T, COUNT_ROWS, count=1)], "asked of Postgres"),
    ("F-09", ("statements",), [statement(T, "SELECT value FROM app_config", count=23)], "with 222 requests"),
    ("F-10", ("gone", "gone"), False, "still there"),
    ("F-10", ("deleted_at",), [], "did not delete the snapshot"),
    ("F-10", ("deleted_at",), [T - 0.5], "after the setting was committed"),
    ("F-10", ("deleted_at",), [T + 1.5], "more than 1 s"),
    ("F-10", ("polls", 1, "exchange"), beacon(2), "after the change the beacon counts 2"),
    ("F-10", ("recomputes",), 0, "did not recompute"),
    ("F-11", ("reads", 1), read("three", 2, 3, 1), "three: the dashboard says 2, SCARD 3"),
    ("F-12", ("statements",), [statement(T, COUNT_ROWS, count=1)], "asked of Postgres"),
    ("F-12", ("answers",), [[200, None, {}, 499], [500, "INTERNAL_ERROR", {}, 1]], "1 of 500 reads"),
]

OPEN = [
    ("F-07", ("polls", 1, "after"), EMPTY, "changed while it was compared"),
    ("F-07", ("polls", 1, "before", "at"), T + 90.5, "just turning stale"),
    ("F-08", ("blind_s",), 0.2, "MONITOR was not connected"),
    ("F-09", ("per_source",), {"127.0.0.2": 66, "127.0.0.3": 66}, "too few polls"),
    ("F-09", ("early",), 13, "only 11 of 24 polls were sent before"),
    ("F-09", ("seconds",), 9.0, "not over the life"),
    ("F-10", ("maxima",), [3, 3], "makes no difference"),
    ("F-10", ("committed_at",), None, "COMMIT is not in the statement log"),
    ("F-11", ("reads", 1, "after"), 2, "changed while it was compared"),
    ("F-12", ("answers",), [[200, None, {"online_mitras": 3}, 499]], "only 499 times"),
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


def test_without_postgres_beacon_and_dashboard_say_what_they_said() -> None:
    seen = {
        "witness": "postgres stopped", "postgres_alive": False, "said": {"beacon": SAID, "dashboard": {"online_mitras": 3}},
        "beacon": [[200, None, SAID, 20]], "dashboard": [[200, None, {"online_mitras": 3}, 20]],
    }  # fmt: skip
    assert verdict("F-12", seen, {})[0] == "passed"
    assert verdict("F-12", changed(seen, (("dashboard",), [[200, None, {"online_mitras": 0}, 20]])), {})[0] == "failed"
    assert verdict("F-12", changed(seen, (("beacon",), [[503, "SERVICE_UNAVAILABLE", {}, 20]])), {})[0] == "failed"
