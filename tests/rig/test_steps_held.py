"""Order is told by construction: a COMMIT is held back until all that a server does before it is done."""

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
import redis
from observed_stack import CONTRACT_TABLES, stack  # noqa: F401

from features.steps.held import with_commit_held
from rig.checks import load_checks
from rig.fixtures import Schema
from rig.fixtures.held import NAME, HeldCommits
from rig.stack import Stack
from tests.rig.seen_variants import T, changed, verdict
from tests.rig.test_boxes_f_beacon import PASSING as BEACON
from tests.rig.test_boxes_k import PASSING as SHARED

load_checks()
SNAPSHOT = "availability:snapshot"
SET = "INSERT INTO app_config VALUES ('k', '2') ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value"
LEFT = "SELECT (SELECT count(*) FROM pg_trigger WHERE tgname = %s) + (SELECT count(*) FROM pg_proc WHERE proname = %s)"


@pytest.fixture(scope="module")
def world(stack: Stack) -> Any:  # noqa: F811
    with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
        connection.execute(CONTRACT_TABLES)
    client = redis.Redis.from_url(stack.valkey.url, decode_responses=True)
    bench = SimpleNamespace(stack=stack, schema=Schema(), mirror=SimpleNamespace(client=client))
    return SimpleNamespace(bench=bench, weaken=pytest.fail)


def server(world: Any, before: bool, after: bool) -> Callable[[], list[float]]:
    """One that changes the setting, and deletes the snapshot just before its COMMIT, just after it, or both; when, by Valkey."""

    def act() -> list[float]:
        times = []
        with psycopg.connect(world.bench.stack.postgres.url) as connection:
            connection.execute(SET)
            if before:
                times.append(deleted(world))
            connection.commit()
        if after:
            times.append(deleted(world))
        return times

    return act


def deleted(world: Any) -> float:
    world.bench.mirror.client.delete(SNAPSHOT)
    seconds, microseconds = world.bench.mirror.client.time()
    return float(seconds) + microseconds / 1e6


@pytest.mark.parametrize(("before", "after"), [(True, False), (False, True), (True, True)])
def test_what_comes_a_moment_before_the_commit_is_told_from_what_follows_it(
    before: bool, after: bool, world: Any
) -> None:
    held = with_commit_held(world, "app_config", server(world, before, after))
    assert held.released_at is not None
    assert [at > held.released_at for at in held.exchange] == [False] * before + [True] * after


def test_a_statement_that_is_a_transaction_by_itself_is_held_too(world: Any) -> None:
    def act() -> float:
        with psycopg.connect(world.bench.stack.postgres.url, autocommit=True) as connection:
            connection.execute(SET)
        return deleted(world)

    held = with_commit_held(world, "app_config", act)
    assert held.released_at is not None
    assert held.exchange > held.released_at


def test_nothing_is_left_of_it_and_nothing_waits_afterwards(world: Any) -> None:
    url = world.bench.stack.postgres.url
    with HeldCommits(url, Schema(), "app_config") as held:
        assert held.made
    with psycopg.connect(url, autocommit=True) as connection:
        assert connection.execute(LEFT, (NAME, NAME)).fetchone() == (0,)
        connection.execute("SET statement_timeout = 5000")
        connection.execute(SET)


def test_what_a_killed_rig_left_behind_is_no_hindrance(world: Any) -> None:
    url = world.bench.stack.postgres.url
    HeldCommits(url, Schema(), "app_config").__enter__()._connection.close()
    with HeldCommits(url, Schema(), "app_config") as held:
        assert held.made


def test_a_request_that_writes_nothing_is_not_waited_for(world: Any) -> None:
    began = time.monotonic()
    held = with_commit_held(world, "app_config", lambda: threading.current_thread().name)
    assert held.released_at is None
    assert time.monotonic() - began < 3.0


@pytest.mark.parametrize(
    ("deleted_at", "found"),
    [([T - 0.0008], "failed"), ([T + 0.0008], "passed"), ([T - 0.0008, T + 0.3], "passed"), ([T - 0.0008, T + 1.5], "failed")],
)  # fmt: skip
def test_a_setting_is_followed_by_a_deletion(deleted_at: list[float], found: str) -> None:
    """F-10: 0.8 ms before the COMMIT is before it; before and after is a safe pattern."""
    seen, bounds = BEACON["F-10"]
    told = changed(seen, (("released_at",), T), (("deleted_at",), deleted_at))
    assert verdict("F-10", told, bounds)[0] == found


@pytest.mark.parametrize(("released", "found"), [(T - 1.0, "passed"), (T + 5.0, "failed")])
def test_the_other_instance_deletes_after_the_commit_too(released: float, found: str) -> None:
    """K-04: its deletion, told before the COMMIT, leaves the old setting's count to the next poll."""
    seen, bounds = SHARED["K-04"]
    told = changed(seen, (("changes", 0, "released_at"), released))
    assert verdict("K-04", told, bounds)[0] == found


@pytest.mark.parametrize(("sadd_at", "found"), [(T + 0.0008, "passed"), (T - 0.0008, "failed"), (None, "passed")])
def test_a_toggle_is_mirrored_after_its_commit(sadd_at: float | None, found: str) -> None:
    """B-02: by a millisecond, too."""
    seen = {
        "member": True, "answered_at": T + 0.01, "visible_at": T + 0.002, "committed_at": T - 0.05, "sadd_at": sadd_at,
        "released_at": T,
    }  # fmt: skip
    assert verdict("B-02", seen, {"within_s": 1.0})[0] == found
