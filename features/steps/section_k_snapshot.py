"""How K-03 and K-04 are observed: one snapshot of availability for all backends, deleted by all of them."""

import time
from collections.abc import Sequence

from pytest_bdd import given, parsers, when

from features.steps.held import with_commit_held
from features.steps.looks import LOOK_EVERY_S, watch
from features.steps.people import must
from features.steps.section_k import BOTH
from features.steps.states import maximum, set_heartbeat, setting
from rig.checks.common.availability_model import AVAILABLE, states
from rig.checks.common.valkey_commands import deletes_key
from rig.contract import SNAPSHOT, WRITE_THROUGH_S
from rig.record import evidence
from rig.record.observations.parts import ValkeyCommand
from rig.record.observations.section_k import Relay, Relays, SettingChange, SettingChanges
from rig.runs.checklist.observation import Observed, answers
from rig.runs.checklist.world import World
from rig.traffic import Customer

SNAPSHOT_LIFE_S = 9.5  # of its 10 s, what a reader can rely on
RECOMPUTE_VERBS = ("SDIFF", "SDIFFSTORE")


# --- the shared snapshot ----------------------------------------------------------------------------------------


def poller(world: World, via: str) -> Customer:
    """Somebody with the customer's app open, at that backend."""
    return Customer(world.bench.server(via), recorder=world.recorder, name=f"at backend {via}")


@when(
    parsers.re(
        r"the snapshot is missing, backend (?P<filler>[ab]) is polled, (?P<name>[A-Z]\w+) goes (?P<way>online|offline),"
        r" and backend (?P<reader>[ab]) is polled"
    )
)
def relay(world: World, filler: str, name: str, way: str, reader: str) -> None:
    """The toggle in between deletes no snapshot, and makes an answer that is computed anew differ."""
    mitra, since = world.mitra(name), time.time()
    available = len(world.truth().online)
    world.bench.mirror.client.delete(SNAPSHOT)
    first = poller(world, filler).beacon()
    toggle = mitra.online() if way == "online" else mitra.offline()
    second = poller(world, reader).beacon()
    relays = world.notes.setdefault("relays", [])
    relays.append(
        {
            "filler": filler, "reader": reader, "available": available, "toggled": toggle.status,
            "exchanges": (first, toggle, second), "since": since, "until": time.time(),
        }
    )  # fmt: skip


@answers("K-03")
def snapshot_is_shared(world: World) -> Observed:
    relays, evidences = [], []
    for noted in world.notes["relays"]:
        first, toggle, second = noted["exchanges"]
        commands = snapshot_commands(world, noted["since"], noted["until"])
        relays.append(
            Relay(
                **{name: noted[name] for name in ("filler", "reader", "available", "toggled")},
                first=first.seen(), second=second.seen(), commands=commands,
            )
        )  # fmt: skip
        title = f"snapshot and SDIFF, while {noted['filler']} and then {noted['reader']} were polled"
        evidences += [first.evidence(), toggle.evidence(), second.evidence(), commands_evidence(title, commands)]
    return Observed(Relays(relays=relays), evidences, {"life_s": SNAPSHOT_LIFE_S})


def snapshot_commands(world: World, since: float, until: float) -> list[ValkeyCommand]:
    """What the backends did to the snapshot, and every SDIFF; commands inside scripts bear their caller's name."""
    return [
        command
        for command in world.commands(since, until)
        if SNAPSHOT in command.args[1:] or command.args[0].upper() in RECOMPUTE_VERBS
    ]


def commands_evidence(title: str, commands: Sequence[ValkeyCommand]) -> evidence.Evidence:
    lines = [f"{c.at:.6f} [{c.instance}{' in a script' if c.lua else ''}] {' '.join(c.args)[:160]}" for c in commands]
    return evidence.commands(title, lines)


# --- a setting that both hear of --------------------------------------------------------------------------------


@given(parsers.re(r"the snapshot holds what backend (?P<via>[ab]) answers"))
def warm(world: World, via: str) -> None:
    """As of now: what the steps before left in it is taken away first."""
    world.bench.mirror.client.delete(SNAPSHOT)
    must(poller(world, via).beacon(), 200)


@when(parsers.re(r"(?P<name>[A-Z]\w+)'s last ping is (?P<seconds>\d+) seconds old, by hand"))
def pinged_long_ago(world: World, name: str, seconds: str) -> None:
    set_heartbeat(world, name, float(seconds))


@when(
    parsers.re(
        r"the operator sets (?P<key>\w+) to (?P<value>\d+) on backend (?P<via>[ab]),"
        r" and nobody polls until backend (?P<other>[ab]) has heard of it"
    )
)
def set_on_one(world: World, key: str, value: str, via: str, other: str) -> None:
    world.bench.settings_touched()
    before = standing_snapshot(world, via)
    held = with_commit_held(world, "app_config", lambda: world.operator(via).set_config(key, int(value)))
    exchange = held.exchange
    deadline, since = exchange.ended + WRITE_THROUGH_S, held.released_at or exchange.started
    while not deleted_by(snapshot_commands(world, since, time.time()), other) and time.time() < deadline:
        watch(world, LOOK_EVERY_S / 5)
    heard_until = time.time()
    available = sum(state == AVAILABLE for state in states_now(world).values())
    world.notes.setdefault("changes", []).append(
        {
            "via": via, "other": other, "before": before, "key": key, "exchange": exchange, "until": heard_until,
            "released_at": held.released_at,
            "polls": {name: poller(world, name).beacon() for name in BOTH},
            "available": available,
        }
    )  # fmt: skip


def standing_snapshot(world: World, via: str) -> str | None:
    """With another poll while there is none: of a change before, the deletion of who told it may come after the polls."""
    deadline = time.time() + WRITE_THROUGH_S
    while (found := world.bench.mirror.snapshot()) is None and time.time() < deadline:
        must(poller(world, via).beacon(), 200)
    return found


def states_now(world: World) -> dict[str, str]:
    """Who is available by what both stores hold and by the settings in `app_config`."""
    stale_s = setting(world, "stale_after_seconds", 90)
    return states(world.mirror_state(), world.truth().loads, maximum(world), stale_s, time.time())


def deleted_by(commands: Sequence[ValkeyCommand], instance: str) -> bool:
    return any(c.instance == instance and deletes_key(c, SNAPSHOT) for c in commands)


@answers("K-04")
def invalidated_everywhere(world: World) -> Observed:
    changes, evidences = [], []
    for noted in world.notes["changes"]:
        exchange, polls = noted["exchange"], noted["polls"]
        commands = snapshot_commands(world, exchange.started, noted["until"])
        published = [c for c in world.commands(exchange.started, noted["until"]) if c.args[0].upper() == "PUBLISH"]
        changes.append(
            SettingChange(
                **{name: noted[name] for name in ("via", "other", "before", "key", "available", "released_at")},
                exchange=exchange.seen(), commands=commands, published=published,
                polls={name: poll.seen() for name, poll in polls.items()},
            )
        )  # fmt: skip
        title = f"the snapshot, after the setting was changed on {noted['via']}"
        evidences += [
            exchange.evidence(),
            commands_evidence(title, commands + published),
            *(p.evidence() for p in polls.values()),
        ]
    return Observed(SettingChanges(changes=changes), evidences, {"within_s": WRITE_THROUGH_S})
