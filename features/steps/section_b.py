"""How the boxes of section B are observed: the toggle and its write-through."""

import time

from pytest_bdd import when

from rig.checks.common.sql_statements import writes
from rig.contract import RESEED_S, SEED_LINE, WRITE_THROUGH_S
from rig.observe.postgres.queries import Result
from rig.record import evidence
from rig.record.observations.section_b import (
    AskedToggle,
    AuditOfToggles,
    HealedAfterOutage,
    HeartbeatAfterToggle,
    MembershipAfterToggle,
    OfflineInBothStores,
    Toggle,
    ToggleAnswer,
    ToggleRow,
    TogglesWithoutValkey,
    ToggleWithoutValkey,
)
from rig.runs.checklist.observation import Observed, answers
from rig.runs.checklist.world import World


@when("Sari goes online again and again, then offline again and again")
def repeats(world: World) -> None:
    sari = world.mitra("Sari")
    world.notes["repeats"] = [sari.online(), sari.online(), sari.online(), sari.offline(), sari.offline()]


def status_row(world: World, name: str) -> Result:
    return world.bench.tables.query(
        "SELECT is_online FROM mitra_online_status WHERE mitra_id = %s", (world.mitra(name).id,)
    )


def audit_rows(world: World, name: str) -> Result:
    return world.bench.tables.query(
        "SELECT status FROM mitra_online_logs WHERE mitra_id = %s ORDER BY id", (world.mitra(name).id,)
    )


@answers("B-01")
def online_in_postgres(world: World) -> Observed:
    """Read once, right after the answer: Postgres commits before anything else, so there is nothing to wait for."""
    exchange, row = world.notes["Sari online"], status_row(world, "Sari")
    return Observed(
        ToggleRow(exchange=exchange.seen(), rows=[list(r) for r in row.rows]), [exchange.evidence(), row.evidence()]
    )


@answers("B-02", within_s=WRITE_THROUGH_S)
def in_the_set(world: World) -> Observed:
    """By the stamps of the events: the answer, the COMMIT in the statement log, the command in Valkey."""
    sari, exchange = world.mitra("Sari").id, world.notes["Sari online"]
    member, seen_at = sari in world.mirror_state().online, time.time()
    statements = world.statements(exchange.started, exchange.ended + WRITE_THROUGH_S)
    commits = [s.committed_at for s in statements if writes(s, "mitra_online_status") and s.committed_at]
    written = world.written_at("mitras:online", ("SADD",), sari, exchange.started)
    return Observed(
        MembershipAfterToggle(
            member=member,
            answered_at=exchange.ended,
            visible_at=None if not member else (written or seen_at),
            committed_at=max(commits, default=None),
            sadd_at=written,
            released_at=world.notes["Sari released at"],
        ),
        [
            exchange.evidence(),
            world.bench.mirror.describe("mitras:online"),
            evidence.statements(
                "the toggle in Postgres", {"statements": len(statements)}, [s.text for s in statements]
            ),
            evidence.timing(
                "visible in mitras:online", max(0.0, (written or seen_at) - exchange.ended), WRITE_THROUGH_S
            ),
        ],
        {"within_s": WRITE_THROUGH_S},
    )


@answers("B-03", within_s=WRITE_THROUGH_S)
def fresh_heartbeat(world: World) -> Observed:
    sari, exchange = world.mitra("Sari").id, world.notes["Sari online"]
    return Observed(
        HeartbeatAfterToggle(
            value=world.mirror_state().heartbeats.get(sari),
            asked_at=exchange.started,
            answered_at=exchange.ended,
        ),
        [exchange.evidence(), world.bench.mirror.describe(f"mitra:heartbeat:{sari}")],
        {"within_s": WRITE_THROUGH_S, "clock_s": 0.1},
    )


@answers("B-04")
def toggled_offline(world: World) -> Observed:
    exchange = world.notes["Sari offline"]
    return Observed(Toggle(exchange=exchange.seen()), [exchange.evidence()])


@answers("B-05", within_s=WRITE_THROUGH_S)
def offline_everywhere(world: World) -> Observed:
    sari, exchange = world.mitra("Sari").id, world.notes["Sari offline"]
    state, row, seen_at = world.mirror_state(), status_row(world, "Sari"), time.time()
    gone = sari not in state.online and sari not in state.heartbeats
    stamps = [world.written_at("mitras:online", ("SREM",), sari, exchange.started)]
    stamps.append(world.written_at(f"mitra:heartbeat:{sari}", ("DEL", "UNLINK", "GETDEL"), None, exchange.started))
    last = max(at for at in stamps if at) if all(stamps) else seen_at
    return Observed(
        OfflineInBothStores(
            rows=[list(r) for r in row.rows],
            member=sari in state.online,
            heartbeat=state.heartbeats.get(sari),
            answered_at=exchange.ended,
            gone_at=last if gone else None,
        ),
        [
            exchange.evidence(),
            row.evidence(),
            world.bench.mirror.describe("mitras:online"),
            world.bench.mirror.describe(f"mitra:heartbeat:{sari}"),
        ],
        {"within_s": WRITE_THROUGH_S},
    )


@answers("B-06")
def audit(world: World) -> Observed:
    rows = audit_rows(world, "Sari")
    exchanges = [world.notes["Sari online"], world.notes["Sari offline"], *world.notes["repeats"]]
    return Observed(
        AuditOfToggles(
            statuses=[row[0] for row in rows.rows],
            answers=[ToggleAnswer(e.status, e.reply) for e in exchanges],
            asked=[AskedToggle(e.action, e.action == "online") for e in exchanges],
        ),
        [rows.evidence(), *(e.evidence() for e in exchanges)],
    )


@answers("B-07", within_s=WRITE_THROUGH_S)
def toggles_without_valkey(world: World) -> Observed:
    """The log line may be flushed up to 1 s after the event."""
    pairs = {"Sari": ("online", "setOnline"), "Dewi": ("offline", "setOffline")}
    toggles, shown = [], []
    for name, (way, write) in pairs.items():
        exchange, row, audit = world.notes[f"{name} {way}"], status_row(world, name), audit_rows(world, name)
        text = f"[valkey-mirror] {write} {world.mitra(name).id} failed:"
        lines = [line for _, line in world.log_lines(text, exchange.started - 0.1)]
        toggles.append(
            ToggleWithoutValkey(
                exchange=exchange.seen(),
                wanted=way == "online",
                rows=[list(r) for r in row.rows],
                audit=[r[0] for r in audit.rows],
                lines=lines,
            )
        )
        shown += [exchange.evidence(), row.evidence(), evidence.log("backend a", lines, looked_for=text)]
    online, offline = toggles
    seen = TogglesWithoutValkey(set_online=online, set_offline=offline, valkey=world.notes["valkey from both ends"])
    return Observed(seen, shown, {"answer_s": 5.0})


def healed_within_s(world: World) -> float:
    return max(RESEED_S, world.cadence.seconds("reconcile", 300))


@answers("B-08", within_s=lambda world: healed_within_s(world) + 1)
def caught_up(world: World) -> Observed:
    """The reconnect seed may heal before the sweep: either will do, within the later of their bounds."""
    state, now = world.mirror_state(), time.time()
    sari, dewi = world.mitra("Sari").id, world.mitra("Dewi").id
    healed = sari in state.online and sari in state.heartbeats and dewi not in state.online
    since = world.notes["valkey back from"]
    return Observed(
        HealedAfterOutage(
            back_at=world.notes["valkey back at"],
            healed_at=now if healed else None,
            truth=world.truth(),
            mirror=state,
        ),
        [
            world.bench.mirror.describe("mitras:online"),
            world.bench.mirror.describe(f"mitra:heartbeat:{sari}"),
            evidence.log("backend a", [t for _, t in world.log_lines(SEED_LINE, since)]),
        ],
        {"within_s": healed_within_s(world)},
    )
