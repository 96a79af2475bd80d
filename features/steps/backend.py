"""The backend and the stores under it: which cadence it runs at, its restarts, Valkey's and Postgres' stops."""

import time

from pytest_bdd import given, parsers, when

from features.steps.looks import process_variable
from rig.checks.framework import LAG_VOID_S
from rig.contract import LOG_FLUSH_S, RESEED_S
from rig.environment.cadence import ENVIRONMENT
from rig.environment.step_errors import Broke, Unmet
from rig.runs.checklist.world import World

BACKENDS = r"(?P<many>a|two)(?P<quiet> quiet)? backends?"
HOW = r"(?P<how>killed|cut off)"


def ready(world: World, many: str, quiet: bool = True, **asked: float) -> None:
    """Backends on empty stores, in an environment that is quiet but for the given cadences."""
    cadences = world.bench.cadences_for(asked)
    wanted = {ENVIRONMENT[name]: str(int(seconds)) for name, seconds in cadences.items()}
    if world.bench.scenario_fault is not None:
        world.bench.scenario_fault.remove()
    world.bench.ready(world.bench.environment_for(**cadences), ("a", "b") if many == "two" else ("a",), quiet=quiet)
    for server in world.bench.servers.values():
        for variable, value in wanted.items():
            found = process_variable(server, variable) or server.env.get(variable)
            if value != found:
                raise Unmet(f"backend {server.name} was to run with {variable}={value}, but has {found}")
    if world.bench.scenario_fault is not None:
        world.bench.scenario_fault.inject()
    world.notes["cadences"] = cadences


@given(parsers.re(BACKENDS))
def quiet_backend(world: World, many: str, quiet: str | None) -> None:
    """A backend that is not called quiet may have sweeps: the scenario is the same with them."""
    ready(world, many, quiet is not None)


@given(parsers.re(BACKENDS + r" that looks? for stale mitras every (?P<seconds>\d+) seconds"))
def sweeping_backend(world: World, many: str, seconds: str, quiet: str | None) -> None:
    ready(world, many, **{"auto-offline": world.cadence.seconds("auto-offline", int(seconds))})


@given(parsers.re(BACKENDS + r" that mirrors? heartbeats every (?P<seconds>\d+) seconds"))
def mirroring_backend(world: World, many: str, seconds: str, quiet: str | None) -> None:
    ready(world, many, **{"heartbeat-mirror": world.cadence.seconds("heartbeat-mirror", int(seconds))})


@given(parsers.re(BACKENDS + r" that reconciles? every (?P<seconds>\d+) seconds"))
def reconciling_backend(world: World, many: str, seconds: str, quiet: str | None) -> None:
    ready(world, many, reconcile=world.cadence.seconds("reconcile", int(seconds)))


@given(parsers.re(BACKENDS + r" that never reconciles?"))
def never_reconciling_backend(world: World, many: str, quiet: str | None) -> None:
    ready(world, many, reconcile=0)


@given(parsers.re(BACKENDS + r" with a goodbye window of (?P<seconds>\d+) seconds"))
def goodbye_backend(world: World, many: str, seconds: str, quiet: str | None) -> None:
    ready(world, many, goodbye=world.cadence.seconds("goodbye", int(seconds)))


@when("the backend is restarted")
def restart(world: World) -> None:
    world.notes["restarted at"] = world.bench.restart()


@when("the backend is stopped")
def stop(world: World) -> None:
    world.notes["exit code"] = world.bench.stop()


@when(parsers.re(r"Valkey is " + HOW))
def stop_valkey(world: World, how: str) -> None:
    """What is noted is what was seen: a stop that does not stop must not pass for one."""
    world.stop_valkey(how)
    world.notes["valkey from both ends"] = seen = world.valkey_from_both_ends()
    if seen.reaches_backend:
        raise Unmet(f"Valkey was {how}, yet it still answers on the backend's address")


@when("Valkey comes back")
def start_valkey(world: World) -> None:
    """A return that does not return would blame the backend for what follows."""
    world.start_valkey()
    seen = world.valkey_from_both_ends()
    if not seen.reaches_backend:
        raise Unmet(f"Valkey was to come back, yet on the backend's address it {seen.through_proxy}")


@when("the backend has seeded again")
def seeded_again(world: World) -> None:
    at = world.await_seed(world.notes["valkey back from"], RESEED_S + LOG_FLUSH_S)
    if at is None:
        told = f"no seed line within {RESEED_S:g} s of Valkey's return, nor {LOG_FLUSH_S:g} s after that"
        lag_s = world.bench.lag.worst(world.notes["valkey back from"], time.time())
        raise Broke(told, "J-06") if lag_s <= LAG_VOID_S and world.bench.has_log else Unmet(told)
    world.notes["seeded at"] = at


@when("FLUSHDB empties Valkey")
def flush(world: World) -> None:
    world.notes["flushed at"] = time.time()
    world.bench.mirror.flush()
    world.bench.outage_begun()


@when("Postgres is stopped")
def stop_postgres(world: World) -> None:
    world.bench.truth_away()
    world.bench.dirty("the scenario before stopped Postgres")
    if world.bench.stack.postgres.alive():
        raise Unmet("Postgres was stopped, yet it is still there")


@when("Postgres is back")
def start_postgres(world: World) -> None:
    world.bench.truth_back()
