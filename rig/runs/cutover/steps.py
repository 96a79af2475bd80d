"""What is done in each step of a rehearsal."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rig.contract import SEED_LINE
from rig.environment.cadence import ENVIRONMENT, QUIET
from rig.observe import ServerLog, Tables
from rig.record.lines.cutover import CutoverCapacity
from rig.runs.cutover import defects
from rig.runs.cutover.rehearsal import INSTANCES, SHADOW, Rehearsal, StepFailed
from rig.runs.cutover.stores import facts, info_of, way
from rig.runs.cutover.tries import tried
from rig.stack.external.given import ask_valkey
from rig.waiting import poll_until

CAPACITY_S, CAPACITY_THREADS = 1.5, 4
QUESTION = "SELECT count(*) FROM mitra_online_status WHERE is_online"


def preflight(play: Rehearsal) -> None:
    """Facts, ways and commands of both stores; an exception for a fact that stops the rehearsal."""
    x_url = play.testbed.stack.valkey.url
    for store, url in (("X", x_url), ("Y", play.y.url)):
        named = ask_valkey(url).named
        play.recorder.add(facts(store, named, info_of(play.mirrors[store].client), tls=url.startswith("rediss")))
    for store in ("X", "Y"):
        play.recorder.add(way(store, play.ways.url(INSTANCES[0], store)))
    for line in tried(play.y.url, play.used_on_x):
        play.recorder.add(line)
    for counters in play.counters.values():
        counters.line(play.step)  # what was tried here is no traffic


def measured_capacity(url: str) -> CutoverCapacity:
    """Transactions per second that Postgres takes from a few threads of the rig: a lower bound."""
    stop = threading.Event()

    def ask(_: int) -> int:
        tables, asked = Tables(url), 0
        while not stop.is_set():
            tables.query(QUESTION)
            asked += 1
        tables.close()
        return asked

    with ThreadPoolExecutor(CAPACITY_THREADS) as pool:
        began = time.monotonic()
        counts = [pool.submit(ask, number) for number in range(CAPACITY_THREADS)]
        time.sleep(CAPACITY_S)
        stop.set()
        total = sum(one.result() for one in counts)
    rate = total / (time.monotonic() - began)
    return CutoverCapacity(t=time.time(), per_s=round(rate, 1), how=f"measured with {CAPACITY_THREADS} connections")


def watch(store: str) -> Callable[[Rehearsal], None]:
    """A step that lets the traffic run, and then compares the mirror of that store."""

    def step(play: Rehearsal) -> None:
        defects.while_watching(play)
        play.pass_time(play.pace.watch_s)
        play.require_equal(store)

    return step


def shadow(play: Rehearsal) -> None:
    """Seed Y by an instance without traffic, and compare it. The instance takes nobody offline: Y has no pings."""
    stack = play.testbed.stack
    quiet = {ENVIRONMENT[name]: str(int(QUIET)) for name in ("auto-offline", "heartbeat-mirror")}
    server = stack.server(SHADOW, env={**play.testbed.environment, **quiet})
    server.overrides["VALKEY_URL"] = play.ways.url(SHADOW, "Y")
    server.start(ready_within_s=play.testbed.ready_within_s)
    try:
        if play.seeded(SHADOW, "Y", ServerLog(server.log), server.started or 0.0) is None:
            raise StepFailed("the instance in the shadow did not seed Y")
        play.require_equal("Y")
    finally:
        server.stop()


def way_back(play: Rehearsal) -> None:
    """Look whether X answers at the address that each instance has now."""
    for name in INSTANCES:
        way("X", play.ways.url(name, "X"))
    defects.before_the_switch(play)


def hold(file: Path, within_s: float) -> Callable[[Rehearsal], None]:
    """A step that waits until the file is there."""

    def step(play: Rehearsal) -> None:
        until = time.monotonic() + within_s
        while not file.exists():
            if time.monotonic() > until:
                raise StepFailed(f"{file} did not appear within {within_s:g} s")
            play.pass_time(0.2)

    return step


def switch(play: Rehearsal) -> None:
    """Move the instances to Y one after the other."""
    for name in defects.to_be_moved(play, INSTANCES):
        play.move(name, "Y")
        defects.between_instances(play)
    play.check()


def reseed(play: Rehearsal) -> None:
    """Wait for the seed of each instance that moved, and compare Y."""
    missing = [name for name in INSTANCES if play.standing[name] == "Y" and not has_seeded(play, name, "Y")]
    if missing:
        raise StepFailed(f"no seed line of {', '.join(missing)}")
    play.require_equal("Y")


def has_seeded(play: Rehearsal, name: str, store: str) -> bool:
    """Whether the instance has seeded since its last start."""
    started = play.testbed.servers[name].started or 0.0
    return play.seeded(name, store, play.testbed.log(name), started) is not None


def failover(play: Rehearsal) -> None:
    """The primary dies, the address refuses for a while, and the replica answers with what it had."""
    play.note_stores()
    replica = play.y.twin("replica")
    replica.follow(play.y)
    play.counters["Y"].line(play.step)  # what a replica asks as it connects is no traffic
    play.y.kill()
    play.pass_time(play.pace.away_s)
    replica.lead()
    play.y.exchange(replica)
    replica.close()
    play.recorder.add(play.counters["Y"].line(play.step))  # what it replicated before it led
    defects.after_failover(play)
    since = time.time()
    if not poll_until(lambda: used_by_servers(play), 30, every_s=0.1):
        raise StepFailed("no server used Y within 30 s")
    for name in INSTANCES:
        if play.testbed.log(name).lines(since=since, containing=SEED_LINE):
            play.seeded(name, "Y", play.testbed.log(name), since, returned=True)
    play.require_equal("Y")


def used_by_servers(play: Rehearsal) -> bool:
    """Whether Y counted a command of a server since the last call."""
    play.check()
    line = play.counters["Y"].line(play.step)
    play.recorder.add(line)
    return bool(line.calls)


def storm(play: Rehearsal) -> None:
    """Cut all connections to Y three times, then compare Y."""
    for _ in range(3):
        play.ways.cut()
        play.pass_time(1.0)
    play.require_equal("Y")


def roll_back(play: Rehearsal) -> None:
    """Move the instances to X one after the other, wait for their seeds, and compare X."""
    for name in INSTANCES:
        if play.standing[name] != "X":
            play.move(name, "X")
    missing = [name for name in INSTANCES if not has_seeded(play, name, "X")]
    defects.after_roll_back(play)
    if missing:
        raise StepFailed(f"no seed line of {', '.join(missing)}")
    play.require_equal("X")


ACTIONS: dict[str, Callable[[Rehearsal], None]] = {
    "preflight": preflight,
    "baseline": watch("X"),
    "shadow": shadow,
    "way-back": way_back,
    "switch": switch,
    "reseed": reseed,
    "settle": watch("Y"),
    "failover-1": failover,
    "failover-2": failover,
    "storm": storm,
    "roll-back": roll_back,
    "on-x": watch("X"),
    "switch-again": switch,
    "reseed-again": reseed,
    "settle-again": watch("Y"),
}
