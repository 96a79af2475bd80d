"""Walks of the specifications drive two real instances: after each step both have to agree on stores, memories and answers.

`MODEL_WALKS=2000` drives so many walks more, `MODEL_WALK=sweep:random:7` replays one.
"""

import asyncio
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

import broken_mirrors
import pytest
from broken_mirrors import change_text
from mirror_support import mirror_stack
from model_driver import Driver, Mismatch
from model_seats import Table
from model_walks import SPECS, Named, chosen, named, random_walks

from rig.stack import Stack
from server.db import Database
from server.mirror import coordinator, scripts
from server.schema import ensure_schema
from tests.support.specification_walks import coverage

__all__ = ["mirror_stack"]

FEW = {"sweep": (40, 20), "cut_off": (25, 15)}  # chosen ones, and random ones: 100 in sum
LONG = pytest.mark.skipif("MODEL_WALKS" not in os.environ, reason="a long run: set MODEL_WALKS to the number of walks")
Patch = Callable[[pytest.MonkeyPatch], None]


@cache
def few() -> list[Named]:
    """The walks that every run drives."""
    walks = [[*chosen(spec, first), *random_walks(spec, 0, drawn)] for spec, (first, drawn) in FEW.items()]
    return alike_together(itertools.chain(*walks))


def alike_together(walks: Iterable[Named]) -> list[Named]:
    """The same ones: mitras and instances stay from walk to walk where their number stays."""
    return sorted(walks, key=lambda one: (one.bounds["mitras"], one.bounds["instances"]))


def many(count: int) -> Iterator[Named]:
    """For each specification as many, a quarter of them chosen, the others random."""
    for spec in SPECS:
        walks = list(chosen(spec, count // 8))
        yield from alike_together([*walks, *random_walks(spec, 1000, count // 2 - len(walks))])


def drive(stack: Stack, walks: Iterable[Named]) -> Driver:
    """Raises Mismatch."""

    async def all_of_them() -> Driver:
        db = Database(stack.postgres.url)
        await db.start()
        await ensure_schema(db)
        await db.stop()
        table = Table(stack)
        await table.open()
        try:
            driver = Driver(table)
            for one in walks:
                await driver.drive(one)
            return driver
        finally:
            await table.close()

    return asyncio.run(all_of_them())


def told(driver: Driver, walks: list[Named]) -> str:
    """What the walks have covered."""
    steps = sum(driver.driven.values())
    _, pairs = coverage([one.walk for one in walks])
    return (
        f"{len(walks)} walks, {steps} steps, {len(driver.driven)} actions, {len(pairs)} pairs of actions, "
        f"{driver.waited} waits for a lock"
    )


def never_driven(driver: Driver) -> list[str]:
    """The actions that no walk has driven. Every action can be: what cannot be driven are single steps."""
    return sorted({one.name for spec in SPECS.values() for one in spec.actions} - set(driver.driven))


@pytest.mark.timeout(300)
def test_two_instances_follow_the_specifications(mirror_stack: Stack, capsys: Any) -> None:
    walks = few()
    assert len(walks) == sum(map(sum, FEW.values()))
    driver = drive(mirror_stack, walks)
    with capsys.disabled():
        print(f"\n{told(driver, walks)}")
    assert never_driven(driver) == []
    assert driver.waited > len(walks) / 4


@LONG
@pytest.mark.timeout(0)
def test_two_instances_follow_many_walks(mirror_stack: Stack, capsys: Any) -> None:
    walks = list(many(int(os.environ["MODEL_WALKS"])))
    driver = drive(mirror_stack, walks)
    with capsys.disabled():
        print(f"\n{told(driver, walks)}")
    assert never_driven(driver) == []


@pytest.mark.skipif("MODEL_WALK" not in os.environ, reason="set MODEL_WALK to the name of the walk to replay")
def test_replay(mirror_stack: Stack) -> None:
    drive(mirror_stack, [named(os.environ["MODEL_WALK"])])


# --- servers that lack a rule ---------------------------------------------------------------------------------


def an_older_version_is_applied(patch: pytest.MonkeyPatch) -> None:
    change_text(patch, scripts, "APPLY", "known > version", "false")


def a_second_look_does_not_ask_for_the_version(patch: pytest.MonkeyPatch) -> None:
    change_text(patch, scripts, "SECOND_LOOK", "~= tonumber(ARGV[4])", "== 'never'")


def a_ping_ignores_the_mark(patch: pytest.MonkeyPatch) -> None:
    change_text(patch, scripts, "PING", "elseif stands then", "elseif false then")


def no_block_is_written(patch: pytest.MonkeyPatch) -> None:
    nothing = "SELECT clock_timestamp() + make_interval(secs => $3) FROM (SELECT $1::integer, $2::text) AS unused"
    patch.setattr(coordinator, "_BLOCK", nothing)


FOUND_FAST: list[Patch] = [a_ping_ignores_the_mark, broken_mirrors.a_seed_does_not_wait_for_sweeps, no_block_is_written]
FOUND_LATER: list[Patch] = [
    an_older_version_is_applied,
    a_second_look_does_not_ask_for_the_version,
    broken_mirrors.a_fallback_ping_does_not_wait,
    broken_mirrors.any_change_deletes_a_mark,
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "broken",
    [*FOUND_FAST, *(pytest.param(one, marks=LONG) for one in FOUND_LATER)],
    ids=lambda patch: patch.__name__,
)
def test_a_walk_finds_what_is_broken(
    broken: Patch, monkeypatch: pytest.MonkeyPatch, mirror_stack: Stack, capsys: Any
) -> None:
    broken(monkeypatch)
    with pytest.raises(Mismatch, match="disagree after step") as found:
        drive(mirror_stack, few())
    with capsys.disabled():
        print(f"\n{found.value}")
