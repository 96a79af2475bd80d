"""How the boxes of section K are observed: two backends at work on the same stores at the same time."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from pytest_bdd import given, parsers, when

from features.steps.looks import (
    LOOK_EVERY_S,
    audit_rows,
    cadence_of,
    pinging,
    pings_of,
    sample_of,
    shown,
    stamped,
    watch,
    writes_to,
)
from features.steps.people import NAMES, split_names
from rig.checks.common.sql_statements import failed, uses_unnest
from rig.contract import SEED_LINE, SLACK_S, WRITE_THROUGH_S
from rig.record import evidence
from rig.record.observations.parts import fields_of
from rig.record.observations.section_k import (
    MirrorsSideBySide,
    RoundAnswer,
    StartedInstance,
    StartedTogether,
    ToggleRound,
    ToggleRounds,
)
from rig.runs.checklist.observation import Observed, answers
from rig.runs.checklist.world import World
from rig.traffic import BackgroundPings, Exchange

BOTH = ("a", "b")
WAYS = ("online", "offline")
FAR, FAR_MS = "further", 10  # as far as another zone of a cloud
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
        instances[name] = StartedInstance(**one, lines=[text for _, text in lines])
        logs.append(evidence.log(f"backend {name}, from its start to its exit", stamped(lines), looked_for=SEED_LINE))
    return Observed(
        StartedTogether(instances=instances, truth=world.truth(), ready=noted["ready"], stopped=world.mirror_state()),
        [*logs, *world.truth_evidence(), *world.mirror_evidence()],
    )


# --- toggling at the same time ----------------------------------------------------------------------------------


@when(
    parsers.re(
        r"(?P<name>[A-Z]\w+) is toggled through both backends at once, (?P<count>\d+) times over,"
        r" with Valkey as near to both, then further from one, then from the other"
    )
)
def toggle_at_once(world: World, name: str, count: str) -> None:
    """Who is further from Valkey may commit first and yet write last: what is written must be the truth all the same."""
    world.notes["rounds"] = []
    for far in (None, *BOTH):
        with further(world, far):
            for _ in range(int(count) // (1 + len(BOTH))):
                world.notes["rounds"].append(toggle_round(world, name))
                if world.notes["rounds"][-1].agreed_at is None:
                    return  # the next round would begin on a mirror that is wrong already


@contextmanager
def further(world: World, name: str | None) -> Iterator[None]:
    """While in it, that backend's commands take FAR_MS longer to Valkey."""
    if name is None:
        yield
        return
    proxy, toxiproxy = world.bench.server(name).proxy, world.bench.stack.toxiproxy
    toxiproxy.add_toxic(proxy, FAR, "latency", "upstream", {"latency": FAR_MS, "jitter": 0})
    try:
        yield
    finally:
        toxiproxy.remove_toxic(proxy, FAR)


def toggle_round(world: World, name: str) -> ToggleRound:
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

    run_together([lambda via=via: toggle(via) for via in BOTH])
    exchanges = sorted(done.values(), key=lambda exchange: exchange.started)
    answered_at = max(exchange.ended for exchange in exchanges)
    agreed_at, state = await_agreement(world, mitras["a"].id, answered_at)
    found = f"Postgres online={state['postgres']}, Valkey online={state['valkey']}, heartbeat={state['heartbeat']}"
    return ToggleRound(
        ways=ways,
        overlap=exchanges[1].started < min(exchange.ended for exchange in exchanges),
        answers=[RoundAnswer(e.action, e.status, fields_of(e.reply).get("is_online")) for e in exchanges],
        answered_at=answered_at,
        agreed_at=agreed_at,
        postgres=state["postgres"],
        state=found,
    )


def run_together(actions: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=action, daemon=True) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def await_agreement(world: World, id: str, answered_at: float) -> tuple[float | None, dict[str, bool]]:
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
    lines = [f"a {each.ways['a']}, b {each.ways['b']}: {each.state}" for each in rounds[-SHOWN_ROUNDS:]]
    return Observed(
        ToggleRounds(rounds=rounds, audit=audit[sari]),
        [
            evidence.note(f"the last {len(lines)} of {len(rounds)} rounds: " + " | ".join(lines)),
            world.bench.mirror.describe("mitras:online"),
            {**audit_shown, "rows": audit_shown["rows"][-2 * SHOWN_ROUNDS :]},
        ],
        {"within_s": WRITE_THROUGH_S},
    )


# --- two heartbeat mirrors --------------------------------------------------------------------------------------


@given(
    parsers.re(NAMES + r" keeps? pinging (?P<where>backend a|backend b|both backends) every (?P<seconds>\d+) seconds")
)
def keep_pinging_via(world: World, names: str, where: str, seconds: str) -> None:
    """Through both backends: by turns, so that each instance's mirror meets heartbeats that the other one took."""
    instances = BOTH if where == "both backends" else (where[-1],)
    mitras = [world.mitra(name, via=via) for name in split_names(names) for via in instances]
    pings = BackgroundPings(mitras, world.cadence.seconds("ping", int(seconds)))
    world.notes.setdefault("background pings", []).append(pings.start())
    world.notes[f"background pings {len(world.notes['background pings'])}"] = pings


@when(parsers.re(r"both backends have mirrored (?P<count>\d+) times"))
def both_have_mirrored(world: World, count: str) -> None:
    """Meanwhile the column is sampled; after the time of so many cycles, one more and 2 s the box judges what there is."""
    since, every_s = time.time(), cadence_of(world, "heartbeat-mirror")
    deadline = since + (int(count) + 1) * every_s + 2
    samples = [sample_of(world)]
    while time.time() < deadline:
        watch(world, LOOK_EVERY_S)
        samples.append(sample_of(world))
        mirrored = [s.instance for s in writes_to(world, [STATUS], since)[0] if uses_unnest(s)]
        if all(mirrored.count(name) >= int(count) for name in BOTH):
            break
    world.notes["side by side"] = {"from": since, "samples": samples}


@answers("K-05", within_s=lambda world: cadence_of(world, "heartbeat-mirror") + SLACK_S)
def mirrors_side_by_side(world: World) -> Observed:
    """Each look is one more sample of the column; the heartbeats have stood still since the last ping."""
    noted = world.notes["side by side"]
    noted["samples"].append(sample_of(world))
    read_at = noted["samples"][-1].at
    pings = [exchange for pings in world.notes["background pings"] for exchange in pings.exchanges]
    heartbeats = world.bench.mirror.heartbeats()
    every = world.statements(noted["from"], read_at)
    statements = [s for s in every if failed(s) or s.class_ == "unknown" or uses_unnest(s)]
    counts = {name: sum(1 for s in statements if s.instance == name and uses_unnest(s)) for name in BOTH}
    return Observed(
        MirrorsSideBySide(
            instances=list(BOTH),
            mitras={name: person.id for name, person in world.people.items()},
            since=noted["from"],
            until=read_at,
            read_at=read_at,
            last_ping_at=max((exchange.ended for exchange in pings), default=noted["from"]),
            pings=pings_of(world, noted["from"]),
            pinging=pinging(world),
            statements=statements,
            samples=noted["samples"],
            heartbeats=heartbeats,
        ),
        [
            evidence.statements("UNNEST statements by backend, and every failed statement", counts, shown(statements)),
            evidence.note(f"{len(noted['samples'])} samples of last_heartbeat_at, the last: {noted['samples'][-1]}"),
            *(world.bench.mirror.describe(f"mitra:heartbeat:{person.id}") for person in world.people.values()),
        ],
        {"within_s": cadence_of(world, "heartbeat-mirror") + SLACK_S},
    )
