"""The second witness of three counting boxes: what is answered with Postgres stopped has not asked it."""

from collections.abc import Mapping

from pytest_bdd import given, parsers, when

from features.steps.people import must
from features.steps.windows import answers_of, exchanges_evidence
from rig.record import evidence
from rig.record.observations.parts import WithoutPostgres
from rig.runs.checklist.observation import Observed
from rig.runs.checklist.world import World


@given("beacon and dashboard have been read")
def said_before(world: World) -> None:
    """Which leaves a warm snapshot, and what both have to go on saying."""
    said = {"beacon": world.add_customer("Budi").beacon(), "dashboard": world.operator().dashboard()}
    world.notes["said with Postgres"] = {name: must(exchange, 200) for name, exchange in said.items()}


@when(parsers.re(r"Sari and Dewi ping, and the beacon and the dashboard are read, (?P<count>\d+) times each"))
def hot_paths(world: World, count: str) -> None:
    """All within the snapshot's ten seconds, so that the beacon is a warm one."""
    world.notes["postgres alive"] = world.bench.stack.postgres.alive()
    asked = {
        "active": world.mitra("Sari").ping,
        "deactivated": world.mitra("Dewi").ping,
        "beacon": world.customer("Budi").beacon,
        "dashboard": world.operator().dashboard,
    }
    world.notes["hot"] = {name: [ask() for _ in range(int(count))] for name, ask in asked.items()}


def without_postgres(world: World, *names: str, said: Mapping[str, object] | None = None) -> Observed:
    """The answers to these kinds of requests while Postgres was stopped; `said` are the replies from before."""
    hot = {name: world.notes["hot"][name] for name in names}
    answers = {name: answers_of(exchanges) for name, exchanges in hot.items()}
    shown = [item for exchanges in hot.values() for item in exchanges_evidence(exchanges)[:2]]
    alive = world.notes["postgres alive"]
    stopped = evidence.note(f"Postgres was {'running' if alive else 'stopped'} while these were asked")
    return Observed(WithoutPostgres(postgres_alive=alive, said=dict(said or {}), **answers), [stopped, *shown])
