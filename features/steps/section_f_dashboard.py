"""How the dashboard's count is observed (F-11, F-12)."""

import time

from pytest_bdd import parsers, when

from features.steps.looks import watch
from features.steps.people import must
from features.steps.section_c import LATE_S
from features.steps.section_f import STATUS
from features.steps.windows import (
    answers_of,
    exchanges_evidence,
    statements_evidence,
    statements_in,
    tally,
    window,
)
from features.steps.witness import without_postgres
from rig.checks.common.sql_statements import names, unknown_roles
from rig.record import evidence
from rig.record.observations.section_f_beacon import CountedDashboardReads, DashboardRead, DashboardReads
from rig.runs.checklist.observation import Observed, answers
from rig.runs.checklist.world import World


@when("the dashboard is read after each of several changes")
def dashboard_through_changes(world: World) -> None:
    """The last change is by hand: an id that only Valkey holds online is counted, for Valkey is what is asked."""
    operator, valkey, ids = world.operator(), world.bench.mirror.client, {}
    for name in ("Sari", "Dewi", "Rani", "Tuti"):
        ids[name] = world.mitra(name).id
    changes = {
        "nobody online": lambda: None,
        "Sari, Dewi and Rani online": lambda: [
            must(world.mitra(name).online(), 200) for name in ("Sari", "Dewi", "Rani")
        ],
        "Dewi deactivated": lambda: must(operator.set_active(ids["Dewi"], False), 200),
        "Sari offline": lambda: must(world.mitra("Sari").offline(), 200),
        "Tuti put into the set by hand": lambda: valkey.sadd("mitras:online", ids["Tuti"]),
    }
    world.notes["dashboards"] = []
    for what, change in changes.items():
        change()
        before, exchange, after = valkey.scard("mitras:online"), operator.dashboard(), valkey.scard("mitras:online")
        shut = len(valkey.sinter("mitras:online", "mitras:deactivated"))
        world.notes["dashboards"].append(
            DashboardRead(what=what, before=before, after=after, deactivated=shut, exchange=exchange.seen())
        )
        world.notes.setdefault("dashboards shown", []).append(
            (evidence.valkey(f"SCARD mitras:online ({what})", before), exchange.evidence())
        )


@when(parsers.re(r"the dashboard is read (?P<count>\d+) times"))
def dashboard_often(world: World, count: str) -> None:
    operator = world.operator()
    with window(world, "dashboard"):
        world.notes["dashboard reads"] = [operator.dashboard() for _ in range(int(count))]


@answers("F-11")
def dashboard_is_scard(world: World) -> Observed:
    shown = [piece for pair in world.notes["dashboards shown"] for piece in pair]
    return Observed(DashboardReads(reads=world.notes["dashboards"]), shown)


@answers("F-12")
def dashboard_without_sql(world: World) -> Observed:
    if "hot" in world.notes:
        said = world.notes["said with Postgres"]
        replies = {name: exchange.reply for name, exchange in said.items()}
        observed = without_postgres(world, "beacon", "dashboard", said=replies)
        observed.evidence[:0] = [exchange.evidence() for exchange in said.values()]
        return observed
    noted, reads = world.notes["dashboard"], world.notes["dashboard reads"]
    watch(world, max(0.0, noted.until + LATE_S - time.time()))
    statements = statements_in(world, noted, LATE_S)
    return Observed(
        CountedDashboardReads(
            answers=answers_of(reads),
            statements=tally([s for s in statements if names(s, STATUS) or unknown_roles([s])]),
        ),
        [
            *exchanges_evidence(reads),
            statements_evidence("the backend's statements while it was read", statements),
        ],
    )
