"""How the boxes of section J are observed: an outage from its beginning to the mirror's restoration."""

import json
import time
from contextlib import suppress

import redis
from pytest_bdd import parsers, when

from features.steps.looks import LOOK_EVERY_S, SHOWN, stamped, watch
from features.steps.outages import seen_from_both_ends
from features.steps.people import open_chat, pay, split_names
from features.steps.section_c import CLOCK_S
from features.steps.section_f_beacon import drop_snapshot
from features.steps.states import available_in_postgres, names_by_id, offered
from features.steps.windows import (
    answers_of,
    blind_s,
    commands_evidence,
    exchanges_evidence,
    seen_all,
    statements_evidence,
    statements_in,
    tally,
    window,
    writes_in,
)
from rig.checks.common.sql_statements import is_availability_query, unknown_roles, writes
from rig.checks.common.valkey_commands import is_recompute, sets_key
from rig.contract import (
    ANSWER_S,
    BLAST_FALLBACK_LINE,
    CHANNEL,
    HEARTBEAT,
    HEARTBEAT_FALLBACK_LINE,
    LOG_FLUSH_S,
    RESEED_S,
    SEED_LINE,
    SNAPSHOT,
)
from rig.record import evidence
from rig.record.observations.parts import BothStores, CountedStatement
from rig.record.observations.section_j import (
    BeaconInOutage,
    BlastInOutage,
    Invalidation,
    PingsInOutage,
    Restored,
    ToggleInOutage,
    TogglesInOutage,
)
from rig.runs.checklist.observation import Observed, answers
from rig.runs.checklist.world import World
from rig.traffic import Exchange

STATUS = "mitra_online_status"
LATE_S = 0.3
POLLS_ANEW = 4
HEARD_S = 1.0  # a setting that changed is known everywhere after it
SNAPSHOT_LIFE_S = 10
SEED_SLACK_S = 1.0  # a seed line may be flushed so late, and its stamp still be in time
FALLBACKS = (HEARTBEAT_FALLBACK_LINE, BLAST_FALLBACK_LINE, "falling back to DB", "falling back to Postgres")


@when(parsers.re(r"the beacon is polled (?P<another>another )?(?P<count>\d+) times"))
def polled(world: World, another: str | None, count: str) -> None:
    note = "polls in the outage" if another else "polls before"
    with window(world, f"{note} window"):
        world.notes[note] = [world.customer("Budi").beacon() for _ in range(int(count))]


@when(parsers.re(r"(?P<customer>[A-Z]\w+) pays for a chat of (?P<seconds>\d+) seconds, in the outage"))
def pays_in_the_outage(world: World, customer: str, seconds: str) -> None:
    """Whom Postgres has available is read just before: the acceptance that follows changes it."""
    open_chat(world, customer, int(seconds))
    world.notes["available in postgres"] = available_in_postgres(world)
    with window(world, "blast in the outage"):
        pay(world, customer)


@when(parsers.re(r"(?P<names>Sari and Dewi) ping in the outage, (?P<count>\d+) times each"))
def ping_in_the_outage(world: World, names: str, count: str) -> None:
    with window(world, "pings in the outage"):
        world.notes["outage pings"] = [
            world.mitra(name).ping() for name in split_names(names) for _ in range(int(count))
        ]


@when("Valkey has been away for a second in all")
def away(world: World) -> None:
    """Long enough to tell a heartbeat from before the outage from one that the seed after it wrote."""
    watch(world, world.notes["valkey stopped at"] + 1.0 - time.time())


@when("the backend has seeded again, or its time for it is up")
def seeded_or_not(world: World) -> None:
    """That there is no seed is J-06's to tell: it must not end the scenario."""
    world.notes["seeded at"] = world.await_seed(world.notes["valkey back from"], RESEED_S + SEED_SLACK_S)


@when(parsers.re(r"max_customers_per_mitra becomes (?P<value>\d+) in app_config, which nobody can be told of"))
def changed_unheard(world: World, value: str) -> None:
    """As another backend would have it that is cut off as well: who subscribes again takes every setting as changed."""
    world.bench.dirty("the scenario before wrote app_config by hand, and a backend may keep what it read")
    world.bench.fixtures.setting("max_customers_per_mitra", int(value))


@when("the beacon goes by the new setting, or its time for it is up")
def by_the_new_setting(world: World) -> None:
    """A second from its subscription on, which may come a little after the seed; J-06 judges the polls that follow."""
    expected, _ = available_in_postgres(world)
    latest, heard = max(world.notes["valkey back at"] + RESEED_S, time.time()), None
    while time.time() < (heard or latest) + HEARD_S:
        poll = polled_anew(world)
        if isinstance(poll.reply, dict) and poll.reply.get("count") == len(expected):
            break
        heard = heard or (time.time() if subscribed(world) else None)
        watch(world, LOOK_EVERY_S)


def subscribed(world: World) -> bool:
    with suppress(redis.RedisError):
        return bool(world.bench.mirror.client.pubsub_numsub(CHANNEL)[0][1])
    return False


@when("both stores are read")
def stores_read(world: World) -> None:
    """Until they agree, for a second at most: what was committed during the seed is written through after it."""
    deadline = time.monotonic() + 1.0
    while True:
        world.notes["stores"] = stores = BothStores(truth=world.truth(), mirror=world.mirror_state())
        if agree(stores) or time.monotonic() >= deadline:
            break
        watch(world, 0.02)
    world.notes["stores shown"] = [*world.truth_evidence(), *world.mirror_evidence()]


def agree(stores: BothStores) -> bool:
    """Only to end the wait: J-06 judges all four structures."""
    truth, mirror = stores.truth, stores.mirror
    capacities = {mitra: str(truth.loads.get(mitra, 0)) for mitra in truth.online}
    return (
        set(truth.online) == set(mirror.online) == set(mirror.heartbeats)
        and set(truth.deactivated) == set(mirror.deactivated)
        and all(mirror.capacities.get(mitra) == load for mitra, load in capacities.items())
    )


@when(parsers.re(r"Sari pings, the beacon is polled anew, and Tini pays for a chat of (?P<seconds>\d+) seconds"))
def asked_after_the_outage(world: World, seconds: str) -> None:
    """Before each poll the snapshot is taken away by hand, so that the beacon has to compute."""
    with window(world, "after"):
        world.notes["after pings"] = [world.mitra("Sari").ping() for _ in range(10)]
        world.notes["after polls"] = [polled_anew(world) for _ in range(POLLS_ANEW)]
        open_chat(world, "Tini", int(seconds))
        world.notes["available in postgres after"] = available_in_postgres(world)
        pay(world, "Tini")


def polled_anew(world: World) -> Exchange:
    with suppress(redis.RedisError):  # a Valkey that is not back is judged by what follows
        drop_snapshot(world)
    return world.customer("Budi").beacon()


@when("what Postgres and the log say of it is noted")
def toggle_noted(world: World) -> None:
    """While Valkey is still away; the log line may come up to a second after the event."""
    world.notes["toggles"] = {}
    for name, way, write in (("Sari", "online", "setOnline"), ("Dewi", "offline", "setOffline")):
        id, toggle = world.mitra(name).id, world.notes[f"{name} {way}"]
        row = world.bench.tables.query("SELECT is_online FROM mitra_online_status WHERE mitra_id = %s", (id,))
        text = f"[valkey-mirror] {write} {id} failed:"
        with suppress(TimeoutError):
            world.bench.log().wait_for(text, toggle.started, LOG_FLUSH_S)
        world.notes["toggles"][name] = {
            "way": way, "exchange": toggle, "row": row, "text": text, "lines": world.log_lines(text, toggle.started),
        }  # fmt: skip


@when("config:invalidate says that a setting changed")
def told_of_a_setting(world: World) -> None:
    """As another instance would; again and again, as a subscriber may come back a little after the seed."""
    client, message = world.bench.mirror.client, json.dumps({"key": "max_customers_per_mitra"})
    deadline = max(world.notes["valkey back at"] + RESEED_S, time.time() + HEARD_S)
    told, gone = 0, False
    with suppress(redis.RedisError):  # a Valkey that is not back is judged by what came before
        client.set(SNAPSHOT, '{"available": false, "count": 0}', ex=SNAPSHOT_LIFE_S)
        while not gone and time.time() < deadline:
            client.publish(CHANNEL, message)
            told += 1
            watch(world, LOOK_EVERY_S)
            gone = not client.exists(SNAPSHOT)
    world.notes["invalidation"] = Invalidation(told=told, gone=gone)


@answers("J-01")
def stopped(world: World) -> Observed:
    return seen_from_both_ends(world)


def asked_of_postgres(world: World, note: str) -> list[CountedStatement]:
    """Availability queries in a window, and whatever an unknown role did in it."""
    found = statements_in(world, world.notes[note])
    return tally([s for s in found if is_availability_query(s) or unknown_roles([s])])


@answers("J-02")
def beacon_in_the_outage(world: World) -> Observed:
    before, polls = world.notes["polls before"], world.notes["polls in the outage"]
    expected, expected_shown = available_in_postgres(world)
    noted = world.notes["polls in the outage window"]
    return Observed(
        BeaconInOutage(
            valkey=world.notes["valkey from both ends"],
            before=answers_of(before),
            polls=seen_all(polls),
            expected=len(expected),
            asked_before=asked_of_postgres(world, "polls before window"),
            asked=asked_of_postgres(world, "polls in the outage window"),
        ),
        [
            *exchanges_evidence(before),
            *exchanges_evidence(polls),
            expected_shown,
            statements_evidence(
                "the backend's statements while it was polled in the outage", statements_in(world, noted)
            ),
        ],
        {"answer_s": ANSWER_S},
    )


@answers("J-03")
def blast_in_the_outage(world: World) -> Observed:
    expected, expected_shown = world.notes["available in postgres"]
    rows, rows_shown = offered(world, "Budi")
    paid, accepted = world.notes["Budi paid"], world.notes["Budi accepted"]
    return Observed(
        BlastInOutage(
            valkey=world.notes["valkey from both ends"],
            names=names_by_id(world),
            expected=expected,
            offered=rows,
            paid=paid.seen(),
            accepted=accepted.seen(),
            mitra=world.mitra("Sari").id,
            asked=asked_of_postgres(world, "blast in the outage"),
        ),
        [paid.evidence(), expected_shown, rows_shown, accepted.evidence()],
        {"answer_s": ANSWER_S},
    )


@answers("J-04", within_s=LOG_FLUSH_S)
def pings_in_the_outage(world: World) -> Observed:
    pings, noted = world.notes["outage pings"], world.notes["pings in the outage"]
    lines = world.log_lines(HEARTBEAT_FALLBACK_LINE, noted.since)
    statements = statements_in(world, noted, LATE_S)
    wrote = [s for s in statements if writes(s, STATUS)]
    return Observed(
        PingsInOutage(
            valkey=world.notes["valkey from both ends"],
            pings=seen_all(pings),
            lines=len(lines),
            wrote=wrote[:SHOWN],
            unknown=tally([s for s in statements if unknown_roles([s])]),
        ),
        [
            *exchanges_evidence(pings),
            evidence.log("backend a, in the outage", stamped(lines), looked_for=HEARTBEAT_FALLBACK_LINE),
            statements_evidence("the backend's statements while they were sent", statements),
        ],
        {"answer_s": ANSWER_S},
    )


def healed_within_s(world: World) -> float:
    return max(RESEED_S, world.cadence.seconds("reconcile", 300))


@answers("J-05", within_s=lambda world: healed_within_s(world) + 1)
def toggles_survive(world: World) -> Observed:
    """The reconnect seed may heal before the sweep: either will do, within the later of their bounds."""
    noted, back = world.notes["toggles"], world.notes["valkey back at"]
    members = {name: bool(world.bench.mirror.client.sismember("mitras:online", world.mitra(name).id)) for name in noted}
    healed = all(member is (noted[name]["way"] == "online") for name, member in members.items())
    if healed:
        world.notes.setdefault("healed at", time.time())  # of the first look that saw it, whatever else is waited for
    at = world.notes["healed at"] if healed else None
    toggles = {
        name: ToggleInOutage(
            toggle=one["exchange"].seen(), online=one["way"] == "online", text=one["text"],
            rows=[list(row) for row in one["row"].rows], lines=[text for _, text in one["lines"]],
        )
        for name, one in noted.items()
    }  # fmt: skip
    shown = [
        item
        for name, one in noted.items()
        for item in (
            one["exchange"].evidence(),
            one["row"].evidence(),
            evidence.log("backend a, in the outage", stamped(one["lines"]), looked_for=one["text"]),
            evidence.valkey(f"SISMEMBER mitras:online {world.mitra(name).id}", int(members[name])),
        )
    ]
    shown.append(evidence.timing("mirrored after Valkey's return", at and at - back, healed_within_s(world)))
    return Observed(
        TogglesInOutage(
            valkey=world.notes["valkey from both ends"],
            toggles=toggles,
            members=members,
            back_at=back,
            healed_at=at,
        ),
        shown,
        {"within_s": healed_within_s(world), "answer_s": ANSWER_S},
    )


def asked_after(world: World) -> list[Exchange]:
    return [
        world.notes["Dewi ping"],
        *world.notes["after pings"],
        *world.notes["after polls"],
        world.notes["Tini paid"],
    ]


@answers("J-06")
def restored(world: World) -> Observed:
    """Judged on the whole log from the seed line to the exit, and on what the two stores held right after the seed."""
    noted, seeded, back = world.notes["after"], world.notes["seeded at"], world.notes["valkey back at"]
    commands = writes_in(world, noted)
    pinged = [c for c in commands if sets_key(c, HEARTBEAT + world.mitra("Sari").id)]
    recomputed = [c for c in commands if is_recompute(c)]
    since = seeded or noted.since
    lines = [line for line in world.log_lines("", since) if any(text in line[1] for text in FALLBACKS)]
    expected, expected_shown = world.notes["available in postgres after"]
    rows, rows_shown = offered(world, "Tini")
    return Observed(
        Restored(
            stopped_at=world.notes["valkey stopped at"],
            back_from=world.notes["valkey back from"],
            back_at=back,
            seeded_at=seeded,
            truth=world.notes["stores"].truth,
            mirror=world.notes["stores"].mirror,
            exit_code=world.notes["exit code"],
            at_once=world.notes["Dewi ping"].seen(),
            pings=answers_of(world.notes["after pings"]),
            polls=seen_all(world.notes["after polls"]),
            paid=world.notes["Tini paid"].seen(),
            expected=expected,
            expected_before=world.notes["available in postgres"][0],
            offered=rows,
            names=names_by_id(world),
            sets=len(pinged),
            recomputes=len(recomputed),
            asked=asked_of_postgres(world, "after"),
            seeds=sum(at > since for at, _ in world.log_lines(SEED_LINE, since, noted.until + LOG_FLUSH_S)),
            lines=[text for _, text in lines[:SHOWN]],
            blind_s=blind_s(world, noted),
            invalidation=world.notes["invalidation"],
        ),
        [
            evidence.timing("a seed line after Valkey's return", None if seeded is None else seeded - back, RESEED_S),
            evidence.log(
                "backend a, from Valkey's return on",
                stamped(world.log_lines(SEED_LINE, back - 1)),
                looked_for=SEED_LINE,
            ),
            *world.notes["stores shown"],
            *exchanges_evidence(asked_after(world)),
            expected_shown,
            rows_shown,
            commands_evidence("pings and recomputes in Valkey after the seed", pinged + recomputed),
            evidence.note(
                f"config:invalidate was told {world.notes['invalidation'].told} times;"
                f" the snapshot is {'gone' if world.notes['invalidation'].gone else 'still there'}"
            ),
            evidence.log("backend a, from the seed line to its exit", stamped(lines), looked_for="falling back to"),
        ],
        {"within_s": RESEED_S, "clock_s": CLOCK_S},
    )
