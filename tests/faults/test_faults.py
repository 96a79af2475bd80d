"""Each fault of the catalogue on a real stack: seen to be active, seen to heal, and nothing left of it."""

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest
import redis

from rig.checks.chaos.timeline import MOMENTS
from rig.errors import UsageError
from rig.faults import Cycle, Fault, FaultContext, Unconfirmed, Unhealed
from rig.faults.catalogue import FAMILIES, fault_named, faults
from rig.faults.docs import DOCS, page
from rig.faults.postgres.locks import SETTING
from rig.faults.postgres.outages import WAITERS_MIN
from rig.faults.requirements import libfaketime, missing, no_resolver
from rig.faults.valkey.data_corruption import BOGUS
from rig.fixtures import Fixtures
from rig.record.lines.base import Line
from rig.record.lines.chaos import FaultEvent
from rig.stack import Stack, StackSpec, Supervisor, open_stack

INSTANCES = ("a", "b")
MITRA = "00000000-0000-4000-8000-000000000001"


class Notes:
    """A recorder that keeps its lines in memory."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def add(self, line: Line) -> None:
        self.lines.append(line)

    @property
    def moments(self) -> list[str]:
        """The moments that every fault has; one that stops a server has more."""
        return [line.event for line in self.lines if isinstance(line, FaultEvent) and line.event in MOMENTS]


@pytest.fixture(scope="module")
def stack(tmp_path_factory) -> Iterator[Stack]:
    """Two instances with identities and proxies, started only where a fault is of them: what hits the rest shows without."""
    with Supervisor.start() as supervisor:
        spec = StackSpec(
            logs=tmp_path_factory.mktemp("fault-logs"),
            truth_proxied=True,
            clock_library=libfaketime(),
            own_resolver=no_resolver() is None,
        )
        with open_stack(spec, supervisor, "faults") as opened:
            yield opened


@pytest.fixture
def context(stack: Stack) -> Iterator[FaultContext]:
    made = FaultContext(stack, {name: stack.server(name) for name in INSTANCES}, hit=("a",))
    url = made.servers["a"].env["VALKEY_URL"]
    with redis.Redis.from_url(url, protocol=2) as clients, clients.pubsub() as subscription, clients.client() as one:
        one.sadd("mitras:online", MITRA)
        one.mset({f"mitra:heartbeat:{MITRA}": "2026-01-01T00:00:00.000Z", f"mitra:capacity:{MITRA}": "0"})
        subscription.subscribe("config:invalidate")
        yield made
    made.close()


ASKED = (
    "UPDATE mitras SET is_active = is_active",
    "UPDATE mitra_online_status SET is_online = is_online",
    "UPDATE chat_sessions SET status = status",
    "UPDATE app_config SET value = value",
)


@contextmanager
def at_work(context: FaultContext, fault: Fault) -> Iterator[None]:
    """What a fault of Postgres or of a server needs: an instance that runs, and requests of its that a lock makes wait."""
    if fault.layer not in ("truth", "server", "clients"):
        yield
        return
    server = context.servers["a"]
    server.start()
    rows = Fixtures(context.stack.postgres.url)
    rows.session(rows.customer(), rows.mitra(online=True))
    stopping, asking = threading.Event(), []

    def ask() -> None:
        while not stopping.is_set():
            with suppress(psycopg.Error), psycopg.connect(server.env["DATABASE_URL"], autocommit=True) as session:
                session.execute("SET lock_timeout = '3s'")
                while not stopping.wait(0.05):
                    for statement in ASKED:
                        session.execute(statement)

    for _ in range(WAITERS_MIN):
        asking.append(threading.Thread(target=ask, daemon=True))
        asking[-1].start()
    try:
        yield
    finally:
        stopping.set()
        for thread in asking:
            thread.join(10)
        rows.clear()
        rows.close()
        if server.running:
            server.process.signal(signal.SIGCONT, tree=True)
            server.stop()


def state(stack: Stack) -> dict[str, Any]:
    """What a fault may have changed and has to take back. The directory is another one after a failover."""
    with redis.Redis.from_url(stack.valkey.url, protocol=2, decode_responses=True) as valkey:
        config = {name: value for name, value in valkey.config_get("*").items() if name != "dir"}
        users = valkey.execute_command("ACL", "LIST")
        role = valkey.info("replication")["role"]
    proxies = {
        name: (proxy["enabled"], proxy["upstream"], proxy["toxics"])
        for name, proxy in stack.toxiproxy.proxies().items()
    }
    return {"config": config, "users": sorted(users), "proxies": proxies, "role": role}


NAMES = list(faults())


@pytest.mark.parametrize("name", NAMES)
def test_it_acts_heals_and_leaves_nothing(stack: Stack, context: FaultContext, name: str) -> None:
    fault, notes = fault_named(name), Notes()
    if lacks := [why for need in fault.requirements if (why := missing(need, stack))]:
        pytest.skip("; ".join(lacks))
    before = state(stack)
    with at_work(context, fault):
        cycle = Cycle(fault, context, notes)
        cycle.inject()
        cycle.remove()
        fault.remove(context)
    assert notes.moments == ["requested", "confirmed", "removed", "healed"]
    assert state(stack) == before


@pytest.mark.parametrize("name", NAMES)
def test_an_injection_without_effect_is_unconfirmed(context: FaultContext, monkeypatch, name: str) -> None:
    monkeypatch.setattr("rig.faults.lifecycle.CONFIRM_S", 0.1)
    fault = fault_named(name)
    monkeypatch.setattr(fault, "inject", lambda context: None, raising=False)
    with at_work(context, fault), pytest.raises(Unconfirmed), Cycle(fault, context, Notes()) as cycle:
        cycle.inject()


def test_subscribers_who_are_just_coming_back_are_waited_for(stack: Stack, context: FaultContext) -> None:
    """An earlier fault has ended them, and they return at their own pace: there has to be somebody to end."""
    context.hit = ("b",)
    fault, notes = fault_named("subscribers killed"), Notes()
    with redis.Redis.from_url(context.servers["b"].env["VALKEY_URL"], protocol=2) as client, client.pubsub() as late:
        back = threading.Timer(0.5, late.subscribe, ["config:invalidate"])
        back.start()
        with Cycle(fault, context, notes) as cycle:
            cycle.inject()
            cycle.remove()
        back.join()
    assert notes.moments == ["requested", "confirmed", "removed", "healed"]


def test_who_left_just_before_is_not_taken_for_the_one_to_lose(context: FaultContext, monkeypatch) -> None:
    """Somebody who is online is drawn; by the time of the command she may have gone."""
    fault, notes, drawn = fault_named("member removed"), Notes(), iter([BOGUS, BOGUS, MITRA])
    monkeypatch.setattr("rig.faults.valkey.data_corruption.somebody_online", lambda _: next(drawn))
    Cycle(fault, context, notes).inject()
    assert notes.moments == ["requested", "confirmed"]


def test_a_removal_without_effect_is_unhealed(context: FaultContext, monkeypatch) -> None:
    monkeypatch.setattr("rig.faults.lifecycle.HEAL_S", 0.1)
    fault = fault_named("refused")
    remove = fault.remove
    monkeypatch.setattr(fault, "remove", lambda context: None, raising=False)
    cycle = Cycle(fault, context, Notes())
    cycle.inject()
    with pytest.raises(Unhealed, match="through a refused"):
        cycle.remove()
    remove(context)


@pytest.mark.parametrize("changed", [False, True])
def test_a_setting_that_was_put_to_be_locked_goes_and_a_changed_one_stays(
    stack: Stack, context: FaultContext, changed: bool
) -> None:
    server, fault = context.servers["a"], fault_named("setting locked")
    server.start()  # makes the tables
    server.stop()
    with Fixtures(stack.postgres.url) as rows, ThreadPoolExecutor(1) as pool:
        fault.hold(context)
        if changed:
            writer = psycopg.connect(server.env["DATABASE_URL"], autocommit=True)
            waiting = pool.submit(writer.execute, "UPDATE app_config SET value = '7'")
            while not fault.is_active(fault.observe(context), context):
                assert not waiting.done()
        fault.remove(context)
        if changed:
            waiting.result(5)
            writer.close()
        with psycopg.connect(stack.postgres.url) as looking:
            left = looking.execute("SELECT key, value FROM app_config").fetchall()
        rows.clear()
    assert left == ([(SETTING, 7)] if changed else [])


def test_an_unknown_fault_names_near_ones() -> None:
    with pytest.raises(UsageError, match="'valkey killed'"):
        fault_named("valkey kiled")


def test_every_family_has_its_faults_and_every_fault_its_sentence() -> None:
    found: dict[str, type[Fault]] = faults()
    assert {fault.family for fault in found.values()} == set(FAMILIES)
    assert all(fault.shows[0].isupper() and not fault.shows.endswith(".") for fault in found.values())


def test_the_page_is_that_of_the_catalogue() -> None:
    assert DOCS.read_text() == page(), "renew docs/faults.md: python -m rig.faults.docs"
