"""Judges starts on what was left in the stores, with a slow Valkey and without one, and the log lines of a start."""

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.checks.contract.refusals import came_of, early
from rig.contract import (
    BLAST_FALLBACK_LINE,
    HEARTBEAT_FALLBACK_LINE,
    LOG_FLUSH_S,
    REACHABLE_FALLBACK_LINE,
    SEED_LINE,
)
from rig.record.observations import environment
from rig.record.observations.parts import fields_of

DELAY_S = 10.0
CLOCK_S = 0.1  # what the clocks of an answer and of a line may differ
LISTENERS = ("public", "internal")
LINES = {
    SEED_LINE: "LOG-02", HEARTBEAT_FALLBACK_LINE: "LOG-04", REACHABLE_FALLBACK_LINE: "LOG-05",
    BLAST_FALLBACK_LINE: "LOG-06",
}  # fmt: skip
LEFT = ("START-04", "START-06", "KEY-08", "KEY-09", "KEY-10", "TABLE-08", "ENV-06", "ENV-13", "READY-02")


@probe_check("start on what was left", *LEFT)
def start_on_what_was_left(judge: ProbeJudge, seen: environment.StartOnWhatWasLeft) -> None:
    early(judge, seen)
    ids = fields_of(seen.available).get("mitra_ids")
    right = isinstance(ids, list) and seen.full not in ids and seen.here in ids
    judge.require("KEY-09", right, "without capacity keys a full mitra is available, or one with room is not")
    for status, code in seen.answers:
        judge.require(
            "KEY-10", status == 200, f"with keys of the wrong type a request was answered {status} {code or ''}"
        )
    if not judge.assume("START-04", seen.ready_s is not None, f"the instance did not come up: {came_of(seen)}"):
        return
    count = seen.seeds
    judge.require("START-04", count > 0, "no seed line was logged at the start")
    judge.require("ENV-06", count <= 1, f"with 0 for the periodic seed {count} seeds were logged within some seconds")
    judge.require("START-06", seen.chat == "ended", f"a chat whose time was up an hour ago is {seen.chat}")
    judge.require(
        "ENV-13", all(seen.listens), f"of the two ports that were given, these take connections: {seen.listens}"
    )
    judge.require("ENV-13", not any(seen.other_address), "with HOST=127.0.0.1 a port takes connections at 127.0.0.2")
    judge.require("TABLE-08", seen.unknown_rows == 0, f"{seen.unknown_rows} rows belong to unknown ids")
    keys(judge, seen.truth, seen.mirror)


def keys(judge: ProbeJudge, truth: environment.Truth, mirror: environment.MirrorKeys) -> None:
    """The mirror after the seed."""
    for name, held, right in (
        ("online", mirror.online, truth.online),
        ("deactivated", mirror.deactivated, truth.deactivated),
    ):
        judge.require(
            "KEY-10",
            held == right,
            f"after a seed mitras:{name} is {held}, expected {right}",
        )
    others = sorted(set(mirror.heartbeats) - set(truth.online))
    judge.require("KEY-08", not others, f"after a seed ids that are not online have a heartbeat key: {others}")
    wrong = {id: load for id, load in mirror.capacities.items() if load != str(truth.loads.get(id, 0))}
    judge.require("KEY-08", not wrong, f"after a seed capacity keys differ from the loads: {wrong}")


@probe_check("start with nobody online", "START-04", "START-07")
def start_with_nobody_online(judge: ProbeJudge, seen: environment.StartWithNobodyOnline) -> None:
    if judge.assume("START-07", seen.ready_s is not None, f"the instance did not come up: {came_of(seen)}"):
        judge.require("START-07", not seen.online, f"with nobody online mitras:online holds {seen.online}")
        judge.require("START-04", seen.seeds == 1, f"{seen.seeds} seed lines were logged at a start, expected one")


@probe_check("start without Valkey", "START-02", "START-05", "READY-02")
def start_without_valkey(judge: ProbeJudge, seen: environment.StartsWithoutValkey) -> None:
    for how, start in seen.starts.items():
        early(judge, start)
        what = f"with Valkey {how}"
        ready_s, most = start.ready_s, DELAY_S + 2 * seen.usual_s
        if not judge.require(
            "START-02", ready_s is not None and ready_s <= most,
            f"{what} a start took {ready_s} s, expected {most:.1f} s at most ({came_of(start)})",
        ):  # fmt: skip
            continue
        wrong = [answer for answer in seen.served[how] if answer[0] != 200]
        judge.require("START-05", not wrong, f"{what} a start does not serve from Postgres: {wrong}")
        count, running = seen.seeds[how]
        judge.require("START-05", running, f"{what} the instance ended")
        judge.require("START-05", count > 0, f"{what} no seed was logged within 5 s of Valkey answering")
    judge.require("START-05", seen.unknown_gone, "after the seeds mitras:online holds an unknown id")


@probe_check("start with a slow Valkey", "START-01")
def start_with_slow_valkey(judge: ProbeJudge, seen: environment.SlowStart) -> None:
    """The timers are not seen from outside before the listeners are bound, so only the last two steps are compared."""
    for name in LISTENERS:
        if judge.assume("START-01", name in seen.starts[-1], f"the {name} listener took no connection at all"):
            after_s, seeded = seen.starts[-1][name]
            told = f"the {name} listener took a connection {after_s:.2f} s after the start, before the seed had filled mitras:online"
            judge.require("START-01", seeded, told)


@probe_check("lines of a start and an outage", *LINES.values(), "LOG-03", "LOG-09")
def lines_of_an_outage(judge: ProbeJudge, seen: environment.LinesAtEvents) -> None:
    if not judge.assume("LOG-09", seen.ready, "the instance did not come up"):
        return
    for line, late_s in seen.lines:
        if judge.require(LINES.get(line, "LOG-03"), late_s is not None, f"no line holds {line!r} after its event"):
            right = late_s is not None and late_s <= LOG_FLUSH_S + CLOCK_S
            judge.require(
                "LOG-09", right, f"the line {line!r} came {late_s} s after the answer to its event, expected 1 s"
            )
