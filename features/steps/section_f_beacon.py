"""How the beacon and its snapshot are observed (F-07 to F-10)."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pytest_bdd import parsers, when

from features.steps.looks import watch
from features.steps.section_f import MAXIMUM, STALE_DEFAULT_S
from features.steps.states import come_online, heartbeats_by_hand, names_by_id, reading
from features.steps.windows import (
    answers_of,
    blind_s,
    commands_evidence,
    commands_in,
    exchanges_evidence,
    statements_evidence,
    statements_in,
    tally,
    window,
)
from rig.checks.common.sql_statements import writes
from rig.checks.common.valkey_commands import deletes_key, is_recompute, touches_mirror, verb, writes_key
from rig.contract import BEACON, SNAPSHOT, SNAPSHOT_S, WRITE_THROUGH_S
from rig.record import evidence
from rig.record.observations.parts import CommandTime
from rig.record.observations.section_f_beacon import (
    BeaconPoll,
    BeaconPolls,
    ChangedMaximum,
    RapidPolls,
    Snapshot,
    SnapshotGone,
    SnapshotLook,
)
from rig.runs.checklist.observation import Observed, answers
from rig.runs.checklist.world import World
from rig.stack import CapabilityMissing
from rig.traffic import Customer, Exchange, burst, poll_rapidly

BETWEEN_S = 9.5  # no two recomputes within this
LATE_S = 0.3
CROWD = 24  # polls at once, so that a stampede would show
HELD, HELD_MS = "held-back", 60_000
BY_HAND = '{"available": true, "count": 42}'


def drop_snapshot(world: World) -> None:
    """By hand, as nothing but ten seconds would take it away."""
    world.bench.mirror.client.delete(SNAPSHOT)


def poll(world: World, name: str) -> Exchange:
    """A beacon poll; what it has to agree with is read before and after it."""
    before = reading(world)
    exchange = world.customer(name).beacon()
    polls = world.notes.setdefault("polls", [])
    polls.append(BeaconPoll(exchange=exchange.seen(), before=before, after=reading(world).mirror))
    world.notes.setdefault("polls shown", []).append(exchange.evidence())
    return exchange


@when("the beacon is polled with nobody online")
def polled_with_nobody(world: World) -> None:
    poll(world, "Budi")


@when("mitras come online in every state that a reader has to tell apart")
def mitras_come(world: World) -> None:
    come_online(world)
    heartbeats_by_hand(world, STALE_DEFAULT_S)


@when("the beacon is polled by several customers, and once more after a second")
def polled_by_several(world: World) -> None:
    """The snapshot's life is looked at after the first poll and after the last: reading it may not prolong it."""
    drop_snapshot(world)
    with window(world, "snapshot"):
        poll(world, "Budi")
        looks = [look_at_snapshot(world)]
        shared = [world.customer(name).beacon() for name in ("Tono", "Budi", "Tono")]
        watch(world, 1.0)
        shared.append(world.customer("Tono").beacon())
        looks.append(look_at_snapshot(world))
    world.notes |= {"looks": looks, "shared": shared, "described": world.bench.mirror.describe(SNAPSHOT)}


def look_at_snapshot(world: World) -> SnapshotLook:
    """The snapshot and the time just before it was read, so that its life is never shorter than `ttl_ms` from then."""
    at = time.time()
    pipeline = world.bench.mirror.client.pipeline()
    pipeline.get(SNAPSHOT)
    pipeline.pttl(SNAPSHOT)
    text, ttl_ms = pipeline.execute()
    return SnapshotLook(at=at, text=text, ttl_ms=ttl_ms)


@when("a snapshot is written by hand, and the beacon polled")
def snapshot_by_hand(world: World) -> None:
    world.bench.mirror.client.set(SNAPSHOT, BY_HAND, ex=int(SNAPSHOT_S))
    with window(world, "by hand"):
        world.notes["by hand polls"] = [world.customer(name).beacon() for name in ("Budi", "Tono")]


@when(
    parsers.re(
        r"the beacon is polled (?P<per_second>\d+) times a second from (?P<count>\d+) addresses for (?P<seconds>\d+) seconds"
    )
)
def crowd(world: World, per_second: str, count: str, seconds: str) -> None:
    """First many polls at once on a missing snapshot, then a steady crowd over the life of that snapshot and beyond."""
    server = world.bench.server()
    customers = [Customer(server, name=f"in the crowd {i}", recorder=world.recorder) for i in range(CROWD)]
    drop_snapshot(world)
    with window(world, "crowd"):
        with held_back(world) as let_go:
            came = burst([customer.client for customer in customers], "beacon", server.public_url + BEACON, let_go)
        world.notes |= {"burst": came.exchanges, "early": came.early}
        sources = [f"127.0.0.{2 + i}" for i in range(int(count))]
        world.notes["crowd polls"] = {"sources": sources, "since": time.time()}
        polls = poll_rapidly(
            server.public_url, sources, per_second=int(per_second), seconds=int(seconds),
            recorder=world.recorder, instance=server.name,
        )  # fmt: skip
        world.notes["crowd polls"] |= {"polls": polls, "until": time.time()}


@contextmanager
def held_back(world: World) -> Iterator[Callable[[], None]]:
    """Valkey's replies do not reach the backend until the function that this yields is called, or the block ends.

    Without a proxy before Valkey nothing is held back: then the polls have to be quicker than the first answer.
    """
    try:
        proxy = world.bench.server().proxy
    except CapabilityMissing:  # as for a Valkey that is reached by TLS
        proxy = None
    if proxy is None:
        yield lambda: None
        return
    toxiproxy, held = world.bench.stack.toxiproxy, True

    def let_go() -> None:
        nonlocal held
        if held:
            held = False
            toxiproxy.remove_toxic(proxy, HELD)  # what it holds passes at once

    toxiproxy.add_toxic(proxy, HELD, "latency", "downstream", {"latency": HELD_MS, "jitter": 0})
    try:
        yield let_go
    finally:
        let_go()


@when("the beacon is polled")
def is_polled(world: World) -> None:
    """On a snapshot of its own: what was cached while the scene was set is taken away."""
    drop_snapshot(world)
    poll(world, "Budi")


@when("nobody polls until the snapshot is gone, or for a second")
def nobody_polls(world: World) -> None:
    """Gone by a deletion that followed the COMMIT, where that is told: one before it may be followed by another."""
    deadline, since = world.notes["set max_customers_per_mitra"].ended + WRITE_THROUGH_S, world.notes["released at"]

    def waiting() -> bool:
        if world.bench.mirror.client.exists(SNAPSHOT):
            return True
        return since is not None and not any(deletes_key(c, SNAPSHOT) and c.at > since for c in world.commands(since))

    while waiting() and time.time() < deadline:
        watch(world, 0.005)
    there = bool(world.bench.mirror.client.exists(SNAPSHOT))
    world.notes["gone"] = SnapshotGone(gone=not there, at=time.time())


@when("the beacon is polled again")
def polled_again(world: World) -> None:
    with window(world, "polled again"):
        poll(world, "Budi")


@answers("F-07")
def matches_reality(world: World) -> Observed:
    last = world.notes["polls"][-1].before.mirror
    facts = {world.name_of(id): [last.heartbeats.get(id), last.capacities.get(id)] for id in last.online}
    return Observed(
        BeaconPolls(
            polls=world.notes["polls"],
            names=names_by_id(world),
            stale_s=STALE_DEFAULT_S,
            maximum=MAXIMUM,
        ),
        [
            *world.notes["polls shown"],
            evidence.valkey("mitras:online, with heartbeat and capacity key of each", facts),
            evidence.valkey("SMEMBERS mitras:deactivated", [world.name_of(id) for id in last.deactivated]),
        ],
    )


@answers("F-08")
def snapshot_for_ten_seconds(world: World) -> Observed:
    noted, by_hand = world.notes["snapshot"], world.notes["by hand"]
    wrote = [c for c in commands_in(world, noted) if writes_key(c, SNAPSHOT)]
    again = [c for c in commands_in(world, by_hand, LATE_S) if is_recompute(c) or writes_key(c, SNAPSHOT)]
    first, shared, planted = world.notes["polls"][-1].exchange, world.notes["shared"], world.notes["by hand polls"]
    looks = world.notes["looks"]
    return Observed(
        Snapshot(
            answer=first,
            shared=answers_of(shared),
            looks=looks,
            writes=[verb(c) for c in wrote],
            planted=answers_of(planted),
            after_planting=len(again),
            blind_s=blind_s(world, noted) + blind_s(world, by_hand),
        ),
        [
            world.notes["polls shown"][-1],
            world.notes["described"],
            evidence.note(
                f"remaining life after the first poll {looks[0].ttl_ms} ms, a second later {looks[1].ttl_ms} ms"
            ),
            commands_evidence("what the backend wrote to the snapshot meanwhile", wrote),
            evidence.note(f"by hand: SET {SNAPSHOT} {BY_HAND}"),
            *exchanges_evidence(planted)[1:],
        ],
        {"life_s": SNAPSHOT_S},
    )


@answers("F-09")
def one_recompute(world: World) -> Observed:
    noted, crowd = world.notes["crowd"], world.notes["crowd polls"]
    commands = commands_in(world, noted)
    recomputes, wrote = [c for c in commands if is_recompute(c)], [c for c in commands if writes_key(c, SNAPSHOT)]
    statements = statements_in(world, noted, LATE_S)
    polls, burst = crowd["polls"], world.notes["burst"]
    per_source = {source: sum(f"at {source}" in p.actor for p in polls) for source in crowd["sources"]}
    return Observed(
        RapidPolls(
            answers=answers_of([*burst, *polls]),
            burst=len(burst),
            early=world.notes["early"],
            per_source=per_source,
            seconds=polls[-1].ended - polls[0].started,
            recomputes=[c.at for c in recomputes],
            writes=[CommandTime(c.at, verb(c)) for c in wrote],
            touches=[CommandTime(c.at, verb(c)) for c in commands if touches_mirror(c)],
            statements=tally(statements),
            blind_s=blind_s(world, noted),
        ),
        [
            evidence.note(
                f"{len(burst)} polls at once, {world.notes['early']} answered before all were sent; then by source: {per_source}"
            ),
            *exchanges_evidence([*burst, *polls])[:2],
            commands_evidence("recomputes and writes of the snapshot", sorted(recomputes + wrote, key=lambda c: c.at)),
            statements_evidence("the backend's statements meanwhile", statements),
        ],
        {"between_s": BETWEEN_S, "life_s": SNAPSHOT_S},
    )


@answers("F-10")
def counted_anew(world: World) -> Observed:
    """Deletions by their stamps in Valkey, by a backend; the setting by its COMMIT in the statement log."""
    changed, again = world.notes["set max_customers_per_mitra"], world.notes["polled again"]
    polls_shown, gone = world.notes["polls shown"], world.notes["gone"]
    before_poll = world.commands(changed.started, again.valkey_since)
    deleted = [c for c in before_poll if deletes_key(c, SNAPSHOT)]
    recomputed = [c for c in commands_in(world, again) if is_recompute(c)]
    statements = [s for s in world.statements(changed.started, changed.ended) if writes(s, "app_config")]
    return Observed(
        ChangedMaximum(
            changed=changed.seen(),
            committed_at=max((s.committed_at for s in statements if s.committed_at), default=None),
            deleted_at=[c.at for c in deleted],
            released_at=world.notes["released at"],
            gone=gone,
            polls=world.notes["polls"],
            recomputes=len(recomputed),
            names=names_by_id(world),
            stale_s=STALE_DEFAULT_S,
            maxima=[MAXIMUM, changed.body["value"]],
        ),
        [
            polls_shown[0],
            changed.evidence(),
            commands_evidence("the snapshot's deletion", deleted),
            commands_evidence("the recompute of the next poll", recomputed),
            polls_shown[1],
        ],
        {"within_s": WRITE_THROUGH_S},
    )
