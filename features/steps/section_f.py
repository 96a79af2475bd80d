"""How reachability and the blast are observed, with Valkey and without (F-01 to F-06); the beacon has its own module."""

import msgspec
from pytest_bdd import given, parsers, when

from features.steps.looks import stamped
from features.steps.people import open_chat, pay
from features.steps.states import (
    available_in_postgres,
    come_online,
    come_online_in_postgres,
    heartbeats_by_hand,
    mitras_of,
    names_by_id,
    offered,
    reading,
    set_heartbeat,
)
from features.steps.windows import (
    commands_evidence,
    commands_in,
    seen_all,
    statements_evidence,
    statements_in,
    tally,
    window,
)
from rig.checks.common.sql_statements import is_availability_query, names, unknown_roles
from rig.checks.common.valkey_commands import is_recompute
from rig.contract import ANSWER_S, BLAST_FALLBACK_LINE, LOG_FLUSH_S, REACHABLE_FALLBACK_LINE
from rig.observe.postgres.queries import Result
from rig.record import evidence
from rig.record.evidence import Evidence
from rig.record.observations.section_f import (
    AccountStatus,
    BlastByMirror,
    BlastFromValkey,
    BlastWithoutValkey,
    Reachability,
    ReachabilityByMirror,
    ReachabilityWhenStale,
    ReachabilityWithoutValkey,
)
from rig.runs.checklist.observation import Observed, answers
from rig.runs.checklist.world import World

STATUS = "mitra_online_status"
STALE_DEFAULT_S, STALE_SET_S = 90.0, 30.0
MAXIMUM = 3


@given("mitras online in every state that a reader has to tell apart")
def every_state(world: World) -> None:
    """Lina's heartbeat is old enough to be stale for a server that knows no other stale time than a shorter one."""
    come_online(world)
    set_heartbeat(world, "Lina", 60)


@when("heartbeats are written by hand: just fresh, just stale, none, and no time at all")
def heartbeats(world: World) -> None:
    heartbeats_by_hand(world, STALE_SET_S)


@when("Postgres gets mitras in every state that a fallback has to tell apart")
def rows_by_hand(world: World) -> None:
    come_online_in_postgres(world)


def ask_reachable(world: World, note: str) -> None:
    """Of each mitra of the scenario; what both stores held is noted with it."""
    operator = world.operator()
    with window(world, note):
        asked = {mitra.id: operator.reachable(mitra.id) for mitra in mitras_of(world).values()}
    world.notes[f"{note} answers"] = asked


@when(parsers.re(r"the operator asks (?P<again>again )?whether each of them is reachable"))
def asks_reachable(world: World, again: str | None) -> None:
    note = "reachable again" if again else "reachable"
    world.notes[f"{note} reading"] = reading(world)
    world.notes[f"{note} status"] = status_rows(world)
    ask_reachable(world, note)


@when("the operator asks whether each of them is reachable without Valkey")
def asks_reachable_without(world: World) -> None:
    """Once more after Dewi's row was changed by hand: the answer is today's, not one that was kept."""
    world.notes["first status"] = status_rows(world)
    ask_reachable(world, "first")
    world.bench.fixtures.update(STATUS, world.mitra("Dewi").id, is_online=False)
    world.notes["second status"] = status_rows(world)
    ask_reachable(world, "second")


def status_rows(world: World) -> Result:
    return world.bench.tables.query(
        "SELECT m.id::text, m.display_name, m.is_active, o.is_online, o.last_heartbeat_at FROM mitras m"
        " JOIN mitra_online_status o ON o.mitra_id = m.id ORDER BY m.display_name"
    )


@when("the operator asks who is available")
def asks_available(world: World) -> None:
    world.notes["available"] = world.operator().available()


@when(parsers.re(r"Budi pays for a chat of (?P<seconds>\d+) seconds, watched in both stores"))
def pays_watched(world: World, seconds: str) -> None:
    open_chat(world, "Budi", int(seconds))
    with window(world, "blast"):
        pay(world, "Budi")


@when("two capacity keys are taken away by hand")
def no_capacity(world: World) -> None:
    """Of one who has room in Postgres, and of one who has none, though her key said so."""
    keys = [f"mitra:capacity:{world.mitra(name).id}" for name in ("Sari", "Hana")]
    world.bench.mirror.client.delete(*keys)


@when(parsers.re(r"the operator asks who is available, and Tono pays for a chat of (?P<seconds>\d+) seconds"))
def asks_and_pays(world: World, seconds: str) -> None:
    world.notes["reading before"] = reading(world)
    with window(world, "available window"):
        asks_available(world)
        open_chat(world, "Tono", int(seconds))
        pay(world, "Tono")
    world.notes["reading after"] = reading(world)


def reachability(world: World, note: str) -> tuple[Reachability, list[Evidence]]:
    """The answers next to what Postgres held: the states come from the rows, not from the mitras' names."""
    asked, rows, noted = world.notes[f"{note} answers"], world.notes[f"{note} status"], world.notes[note]
    statements = [s for s in statements_in(world, noted) if names(s, STATUS) or unknown_roles([s])]
    seen = Reachability(
        answers={mitra: exchange.seen() for mitra, exchange in asked.items()},
        names=names_by_id(world),
        postgres={row[0]: AccountStatus(active=row[2], online=row[3]) for row in rows.rows},
        statements=tally(statements),
    )
    return seen, [
        *(exchange.evidence() for exchange in asked.values()),
        rows.evidence(),
        statements_evidence("the backend's statements that name mitra_online_status meanwhile", statements),
    ]


def by_mirror(world: World, note: str, stale_s: float) -> tuple[ReachabilityByMirror, list[Evidence]]:
    """The same questions with what the mirror held, which the rule for Valkey is computed from."""
    (asked, shown), noted = reachability(world, note), world.notes[f"{note} reading"]
    seen = ReachabilityByMirror(
        **msgspec.structs.asdict(asked), **msgspec.structs.asdict(noted), stale_s=stale_s, maximum=MAXIMUM
    )
    mirror = noted.mirror
    heartbeats = {world.name_of(id): text for id, text in mirror.heartbeats.items()}
    return seen, [
        *shown,
        evidence.valkey("SMEMBERS mitras:online", [world.name_of(id) for id in mirror.online]),
        evidence.valkey("SMEMBERS mitras:deactivated", [world.name_of(id) for id in mirror.deactivated]),
        evidence.valkey("GET mitra:heartbeat:<id> of each", heartbeats),
    ]


def fallback_lines(world: World, text: str, since: float) -> tuple[list[str], Evidence]:
    """Up to the end of the log, which an exit has completed where the box counts on there being none."""
    lines = world.log_lines(text, since)
    return [line for _, line in lines], evidence.log("backend a", stamped(lines), looked_for=text)


@answers("F-01")
def reachable(world: World) -> Observed:
    return Observed(*by_mirror(world, "reachable", STALE_DEFAULT_S))


@answers("F-02")
def stale_is_unreachable(world: World) -> Observed:
    seen, shown = by_mirror(world, "reachable again", STALE_SET_S)
    lines, log_shown = fallback_lines(world, REACHABLE_FALLBACK_LINE, world.notes["reachable"].since)
    seen = ReachabilityWhenStale(**msgspec.structs.asdict(seen), lines=lines, exit_code=world.notes["exit code"])
    return Observed(seen, [*shown, log_shown])


@answers("F-03", within_s=LOG_FLUSH_S)
def reachable_from_postgres(world: World) -> Observed:
    (first, first_shown), (second, second_shown) = reachability(world, "first"), reachability(world, "second")
    lines, shown = fallback_lines(world, REACHABLE_FALLBACK_LINE, world.notes["first"].since)
    return Observed(
        ReachabilityWithoutValkey(
            valkey=world.notes["valkey from both ends"],
            rounds=[first, second],
            lines=len(lines),
        ),
        [*first_shown, *second_shown, shown],
        {"answer_s": ANSWER_S},
    )


@answers("F-04")
def blast_from_valkey(world: World) -> Observed:
    """Budi's payment, when every mitra still had a capacity key: nothing had to be asked of Postgres."""
    paid = world.notes["Budi paid"]
    noted = world.notes["blast"]
    commands = [c for c in commands_in(world, noted) if is_recompute(c)]
    statements = statements_in(world, noted)
    lines, shown = fallback_lines(world, BLAST_FALLBACK_LINE, world.notes["reachable"].since)
    return Observed(
        BlastFromValkey(
            paid=paid.seen(),
            recomputes=len(commands),
            statements=tally([s for s in statements if is_availability_query(s) or unknown_roles([s])]),
            lines=lines,
            exit_code=world.notes["exit code"],
        ),
        [
            paid.evidence(),
            commands_evidence("the blast in Valkey", commands),
            statements_evidence("the backend's statements during the payment", statements),
            shown,
        ],
    )


@answers("F-05")
def ids_match(world: World) -> Observed:
    before, after = world.notes["reading before"], world.notes["reading after"]
    rows, rows_shown = offered(world, "Tono")
    exchange, paid = world.notes["available"], world.notes["Tono paid"]
    state = before.mirror
    facts = {
        world.name_of(id): [state.heartbeats.get(id), state.capacities.get(id), before.loads.get(id)]
        for id in state.online
    }
    return Observed(
        BlastByMirror(
            **msgspec.structs.asdict(before),
            after=after.mirror,
            names=names_by_id(world),
            stale_s=STALE_SET_S,
            maximum=MAXIMUM,
            available=exchange.seen(),
            paid=paid.seen(),
            offered=rows,
        ),
        [
            exchange.evidence(),
            paid.evidence(),
            rows_shown,
            evidence.valkey(
                "SDIFF mitras:online mitras:deactivated, with heartbeat, capacity key, load in Postgres", facts
            ),
        ],
    )


@answers("F-06", within_s=LOG_FLUSH_S)
def blast_from_postgres(world: World) -> Observed:
    expected, expected_shown = available_in_postgres(world)
    rows, rows_shown = offered(world, "Budi")
    exchange, paid = world.notes["available"], world.notes["Budi paid"]
    lines, shown = fallback_lines(world, BLAST_FALLBACK_LINE, paid.started)
    seen = BlastWithoutValkey(
        valkey=world.notes["valkey from both ends"],
        names=names_by_id(world),
        expected=expected,
        offered=rows,
        available=exchange.seen(),
        paid=paid.seen(),
        lines=len(lines),
        requests=seen_all([paid, exchange]),
    )
    return Observed(
        seen,
        [paid.evidence(), exchange.evidence(), expected_shown, rows_shown, status_rows(world).evidence(), shown],
        {"answer_s": ANSWER_S},
    )
