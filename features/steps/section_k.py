"""How the boxes of section K are observed: two backends at work on the same stores at the same time."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from pytest_bdd import given, parsers, when

from features.steps.looks import (
    LOOK_EVERY_S,
    audit_rows,
    cadence_of,
    sample_of,
    shown,
    stamped,
    watch,
    writes_to,
)
from features.steps.people import NAMES, must, split_names
from rig.checks.boxes.k import SNAPSHOT, deletes_snapshot
from rig.checks.statements import failed, uses_unnest
from rig.drive.world import SEED_LINE, WRITE_THROUGH_S, Observed, World, answers
from rig.record import evidence
from rig.traffic import Customer, Exchange, Pinger

BOTH = ("a", "b")
WAYS = ("online", "offline")
SNAPSHOT_LIFE_S = 9.5  # of its 10 s, what a reader can rely on
RECOMPUTE_VERBS = ("SDIFF", "SDIFFSTORE")
LATE_S = 1.0  # what the contract adds to a mirror cycle
SHOWN_ROUNDS = 6
STATUS = "mitra_online_status"


# --- starting together ------------------------------------------------------------------------------------------


@when("both backends are restarted at the same time")
def restart_both(world: World) -> None:
    """What the mirror holds once both say that they are ready is noted at once."""
    for name in BOTH:
        world.bench.stop(name)
    since = world.bench.start_together()
    servers = {name: world.bench.server(name) for name in BOTH}
    world.notes["started together"] = {
        "since": since,
        "ready": world.mirror_state(),
        "instances": {
            name: {"started_at": server.started, "ready_at": server.ready} for name, server in servers.items()
        },
    }


@when("both backends are stopped")
def stop_both(world: World) -> None:
    for name in BOTH:
        world.notes["started together"]["instances"][name]["exit_code"] = world.bench.stop(name)


@answers("K-01", within_s=1.0)
def started_together(world: World) -> Observed:
    """The exits have completed the logs."""
    noted = world.notes["started together"]
    instances, logs = {}, []
    for name, one in noted["instances"].items():
        lines = world.log_lines(SEED_LINE, noted["since"], instance=name)
        instances[name] = {**one, "lines": [text for _, text in lines]}
        logs.append(evidence.log(f"backend {name}, from its start to its exit", stamped(lines), looked_for=SEED_LINE))
    return Observed(
        {"instances": instances, "truth": world.truth(), "ready": noted["ready"], "stopped": world.mirror_state()},
        [*logs, *world.truth_evidence(), *world.mirror_evidence()],
    )


# --- toggling at the same time ----------------------------------------------------------------------------------


@when(parsers.re(r"(?P<name>[A-Z]\w+) is toggled through both backends at once, (?P<count>\d+) times over"))
def toggle_at_once(world: World, name: str, count: str) -> None:
    world.notes["rounds"] = []
    for _ in range(int(count)):
        world.notes["rounds"].append(toggle_round(world, name))
        if world.notes["rounds"][-1]["agreed_at"] is None:
            break  # the next round would begin on a mirror that is wrong already


def toggle_round(world: World, name: str) -> dict[str, Any]:
    """One toggle through each backend at once, drawn, two times in three against each other.

    A drawn shift of up to 3 ms moves the two against each other, so that each step of one meets each step of the other.
    """
    first = world.rng.choice(WAYS)
    second = first if world.rng.random() < 1 / 3 else next(way for way in WAYS if way != first)
    ways = dict(zip(BOTH, (first, second), strict=True))
    shifts_s = {via: world.rng.choice((0, world.rng.uniform(0, 0.003))) for via in BOTH}
    mitras = {via: world.mitra(name).via(world.bench.server(via)) for via in BOTH}
    barrier, done = threading.Barrier(len(BOTH)), dict[str, Exchange]()

    def toggle(via: str) -> None:
        barrier.wait()
        time.sleep(shifts_s[via])
        done[via] = mitras[via].online() if ways[via] == "online" else mitras[via].offline()

    begun = time.time()
    run_together([lambda via=via: toggle(via) for via in BOTH])
    exchanges = sorted(done.values(), key=lambda exchange: exchange.started)
    answered_at = max(exchange.ended for exchange in exchanges)
    agreed_at, state = await_agreement(world, mitras["a"].id, answered_at)
    return {
        "ways": ways,
        "overlap": exchanges[1].started < min(exchange.ended for exchange in exchanges),
        "answers": [
            [e.action, e.status, e.reply.get("is_online") if isinstance(e.reply, dict) else None] for e in exchanges
        ],
        "answered_at": answered_at,
        "agreed_at": agreed_at,
        "postgres": state["postgres"],
        "state": f"Postgres online={state['postgres']}, Valkey online={state['valkey']}, heartbeat={state['heartbeat']}",
        "lag_s": round(world.bench.lag.worst(begun, time.time()), 3),
    }


def run_together(actions: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=action, daemon=True) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def await_agreement(world: World, id: str, answered_at: float) -> tuple[float | None, dict[str, Any]]:
    """Until set, heartbeat and row say the same, with nobody toggling; None when they don't in time."""
    while True:
        result = world.bench.tables.query("SELECT is_online FROM mitra_online_status WHERE mitra_id = %s", (id,))
        postgres, now = bool(result.value), time.time()
        valkey = bool(world.bench.mirror.client.sismember("mitras:online", id))
        heartbeat = world.bench.mirror.heartbeat(id) is not None
        state = {"postgres": postgres, "valkey": valkey, "heartbeat": heartbeat}
        if postgres == valkey == heartbeat:
            return now, state
        if now > answered_at + WRITE_THROUGH_S:
            return None, state
        time.sleep(0.005)


@answers("K-02")
def agree_after_each_round(world: World) -> Observed:
    rounds, sari = world.notes["rounds"], world.mitra("Sari").id
    audit, audit_shown = audit_rows(world, [sari])
    lines = [f"a {one['ways']['a']}, b {one['ways']['b']}: {one['state']}" for one in rounds[-SHOWN_ROUNDS:]]
    return Observed(
        {"rounds": rounds, "audit": audit[sari]},
        [
            evidence.note(f"the last {len(lines)} of {len(rounds)} rounds: " + " | ".join(lines)),
            world.bench.mirror.describe("mitras:online"),
            {**audit_shown, "rows": audit_shown["rows"][-2 * SHOWN_ROUNDS :]},
        ],
        {"within_s": WRITE_THROUGH_S},
    )


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
    available = len(world.truth()["online"])
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
            {
                **{name: noted[name] for name in ("filler", "reader", "available", "toggled")},
                "first": first.plain(), "second": second.plain(), "commands": commands,
            }
        )  # fmt: skip
        title = f"snapshot and SDIFF, while {noted['filler']} and then {noted['reader']} were polled"
        evidences += [first.evidence(), toggle.evidence(), second.evidence(), commands_evidence(title, commands)]
    return Observed({"relays": relays}, evidences, {"life_s": SNAPSHOT_LIFE_S})


def snapshot_commands(world: World, since: float, until: float) -> list[dict[str, Any]]:
    """What the backends did to the snapshot, and every SDIFF; commands inside scripts bear their caller's name."""
    return [
        command
        for command in world.commands(since, until)
        if SNAPSHOT in command["args"][1:] or command["args"][0].upper() in RECOMPUTE_VERBS
    ]


def commands_evidence(title: str, commands: Sequence[dict[str, Any]]) -> evidence.Evidence:
    lines = [
        f"{c['at']:.6f} [{c['instance']}{' in a script' if c['lua'] else ''}] {' '.join(c['args'])[:160]}"
        for c in commands
    ]
    return evidence.commands(title, lines)


# --- a setting that both hear of --------------------------------------------------------------------------------


@given(parsers.re(r"the snapshot holds what backend (?P<via>[ab]) answers"))
def warm(world: World, via: str) -> None:
    """As of now: what the steps before left in it is taken away first."""
    world.bench.mirror.client.delete(SNAPSHOT)
    must(poller(world, via).beacon(), 200)


@when(
    parsers.re(
        r"the operator sets (?P<key>\w+) to (?P<value>\d+) on backend (?P<via>[ab]),"
        r" and nobody polls until backend (?P<other>[ab]) has heard of it"
    )
)
def set_on_one(world: World, key: str, value: str, via: str, other: str) -> None:
    world.bench.settings_touched()
    before = world.bench.mirror.snapshot()
    exchange = world.operator(via).set_config(key, int(value))
    deadline = exchange.ended + WRITE_THROUGH_S
    while not deleted_by(snapshot_commands(world, exchange.started, time.time()), other) and time.time() < deadline:
        watch(world, LOOK_EVERY_S / 5)
    heard_until = time.time()
    loads = world.truth()["loads"]
    world.notes.setdefault("changes", []).append(
        {
            "via": via, "other": other, "before": before, "exchange": exchange, "until": heard_until,
            "polls": {name: poller(world, name).beacon() for name in BOTH},
            "available": sum(1 for id in world.truth()["online"] if loads.get(id, 0) < int(value)),
        }
    )  # fmt: skip


def deleted_by(commands: Sequence[dict[str, Any]], instance: str) -> bool:
    return any(c["instance"] == instance and deletes_snapshot(c) for c in commands)


@answers("K-04")
def invalidated_everywhere(world: World) -> Observed:
    changes, evidences = [], []
    for noted in world.notes["changes"]:
        exchange, polls = noted["exchange"], noted["polls"]
        commands = snapshot_commands(world, exchange.started, noted["until"])
        changes.append(
            {
                **{name: noted[name] for name in ("via", "other", "before", "available")},
                "exchange": exchange.plain(), "commands": commands,
                "polls": {name: poll.plain() for name, poll in polls.items()},
            }
        )  # fmt: skip
        title = f"the snapshot, after the setting was changed on {noted['via']}"
        evidences += [exchange.evidence(), commands_evidence(title, commands), *(p.evidence() for p in polls.values())]
    return Observed({"changes": changes}, evidences, {"within_s": WRITE_THROUGH_S})


# --- two heartbeat mirrors --------------------------------------------------------------------------------------


@given(
    parsers.re(NAMES + r" keeps? pinging (?P<where>backend a|backend b|both backends) every (?P<seconds>\d+) seconds")
)
def keep_pinging_via(world: World, names: str, where: str, seconds: str) -> None:
    """Through both backends: by turns, so that each instance's mirror meets heartbeats that the other one took."""
    instances = BOTH if where == "both backends" else (where[-1],)
    mitras = [world.mitra(name, via=via) for name in split_names(names) for via in instances]
    pinger = Pinger(mitras, world.cadence.seconds("ping", int(seconds)))
    world.notes.setdefault("pingers", []).append(pinger.start())
    world.notes[f"pinger {len(world.notes['pingers'])}"] = pinger


@when(parsers.re(r"both backends have mirrored (?P<count>\d+) times"))
def both_have_mirrored(world: World, count: str) -> None:
    """Meanwhile the column is sampled; after the time of so many cycles, one more and 2 s the box judges what there is."""
    since, every_s = time.time(), cadence_of(world, "heartbeat-mirror")
    deadline = since + (int(count) + 1) * every_s + 2
    samples = [sample_of(world)]
    while time.time() < deadline:
        watch(world, LOOK_EVERY_S)
        samples.append(sample_of(world))
        mirrored = [s["instance"] for s in writes_to(world, [STATUS], since)[0] if uses_unnest(s)]
        if all(mirrored.count(name) >= int(count) for name in BOTH):
            break
    world.notes["side by side"] = {"from": since, "samples": samples}


@answers("K-05", within_s=lambda world: cadence_of(world, "heartbeat-mirror") + LATE_S)
def mirrors_side_by_side(world: World) -> Observed:
    """Each look is one more sample of the column; the heartbeats have stood still since the last ping."""
    noted = world.notes["side by side"]
    noted["samples"].append(sample_of(world))
    read_at = noted["samples"][-1]["at"]
    pings = [exchange for pinger in world.notes["pingers"] for exchange in pinger.exchanges]
    heartbeats = world.bench.mirror.heartbeats()
    every = world.statements(noted["from"], read_at)
    statements = [s for s in every if failed(s) or s["class"] == "unknown" or uses_unnest(s)]
    counts = {name: sum(1 for s in statements if s["instance"] == name and uses_unnest(s)) for name in BOTH}
    return Observed(
        {
            "instances": list(BOTH),
            "mitras": {name: person.id for name, person in world.people.items()},
            "from": noted["from"],
            "until": read_at,
            "read_at": read_at,
            "last_ping_at": max(exchange.ended for exchange in pings),
            "statements": statements,
            "samples": noted["samples"],
            "heartbeats": heartbeats,
        },
        [
            evidence.statements("UNNEST statements by backend, and every failed statement", counts, shown(statements)),
            evidence.note(f"{len(noted['samples'])} samples of last_heartbeat_at, the last: {noted['samples'][-1]}"),
            *(world.bench.mirror.describe(f"mitra:heartbeat:{person.id}") for person in world.people.values()),
        ],
        {"within_s": cadence_of(world, "heartbeat-mirror") + LATE_S},
    )
