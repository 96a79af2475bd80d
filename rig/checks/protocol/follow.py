"""Follows a run event by event, in Valkey's own order, and asks the rules whether the protocol allows each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

from rig.checks.chaos.timeline import Period
from rig.checks.protocol import answers, pings, scripts, seeds, sweeps
from rig.checks.protocol.calls import (
    Apply,
    Call,
    OtherScript,
    Ping,
    SecondLook,
    SeedBegin,
    SeedEnd,
    SeedStep,
    SeedSwap,
    Strays,
    call_of,
)
from rig.checks.protocol.context import Context
from rig.checks.protocol.state import UNKNOWN
from rig.checks.protocol.transactions import Log, transactions
from rig.checks.protocol.truth import courses
from rig.record import Lines
from rig.record.lines.chaos import CommandTaken, FaultEvent, OtherCommand, ProtocolSeen, ScriptTaken, Versions, Watched

# Faults under which keys change without a command that MONITOR shows: another Valkey, an older copy, evicted keys.
UNSEEN_FAULTS = frozenset({
    "valkey killed", "old snapshot", "loading", "failover to a lagging replica", "two stores", "eviction",
    "out of memory, volatile-lru",
})  # fmt: skip
AROUND_S = 1.0  # before and after what was not seen, and after a fault


@dataclass
class Seen:
    """The calls that are judged together after the whole run was followed."""

    pings: list[Ping] = field(default_factory=list)
    looks: list[SecondLook] = field(default_factory=list)
    begun: dict[str, seeds.Seed] = field(default_factory=dict)
    known: int = 0  # scripts of the protocol


def follow(lines: Lines) -> tuple[Context, Seen]:
    """Judge a whole run: the convictions and the steps that were taken. Pure."""
    context, seen = context_of(lines), Seen()
    before = -inf
    for line in lines:
        if not isinstance(line, ScriptTaken | CommandTaken | OtherCommand):
            continue
        if context.blind_in(before, line.t):
            context.state.forget()
        before = line.t
        if isinstance(line, ScriptTaken):
            take_script(context, seen, call_of(line))
        elif isinstance(line, OtherCommand):
            context.state.take(line.args, line.t)
        elif not line.lua:
            scripts.judge_plain_command(context, line.args, line.t)
            context.state.take(line.args, line.t)
    if seen.known and context.statements:
        sweeps.judge_changes(context)
        sweeps.judge_sweeps(context, lines, seen.looks)
        answers.judge_answers(context, lines, seen.pings)
    context.convictions.sort(key=lambda found: found.at)
    return context, seen


def context_of(lines: Lines) -> Context:
    found = transactions(lines)
    told, watched, versions = lines.first(ProtocolSeen), lines.first(Watched), lines.first(Versions)
    faults = list(fault_spans(lines))
    unseen = [span for name, span in faults if name in UNSEEN_FAULTS]
    blind = [Period(since - AROUND_S, until + AROUND_S) for since, until in (watched.blind if watched else ())]
    rewound = [event.t for event in lines.of(FaultEvent) if event.rewinds]
    statements = bool(watched and watched.statements)
    return Context(
        Log(found),
        courses(found, versions.of if versions and statements else {}),
        one_clock=bool(told and told.one_clock),
        statements=statements,
        unseen=[*blind, *unseen],
        faulty=[span for _, span in faults],
        rewound=min(rewound, default=inf),
    )


def fault_spans(lines: Lines) -> Iterator[tuple[str, Period]]:
    """Each fault with the time from its request until it was healed, and a second around it."""
    by_number: dict[int, list[FaultEvent]] = {}
    for event in lines.of(FaultEvent):
        by_number.setdefault(event.number, []).append(event)
    for events in by_number.values():
        healed = [event.t for event in events if event.event == "healed"]
        yield events[0].name, Period(events[0].t - AROUND_S, (healed[-1] if healed else inf) + AROUND_S)


def take_script(context: Context, seen: Seen, call: Call) -> None:
    """Judge one script by the state before it, then carry it out."""
    seen.known += not isinstance(call, OtherScript)
    if isinstance(call, SeedBegin | SeedStep | SeedSwap):
        take_seed(context, seen, call)
        return
    if isinstance(call, Apply):
        take_apply(context, call)
    elif isinstance(call, Ping):
        seen.pings.append(call)
        context.judged.update(call.ids)
        pings.judge_ping(context, call)
    elif isinstance(call, SecondLook):
        seen.looks.append(call)
        scripts.judge_second_look(context, call)
    elif isinstance(call, Strays):
        context.steps["a seed clears strays"] += not call.refused
        scripts.judge_strays(context, call)
    elif isinstance(call, SeedEnd):
        context.steps["a seed ends"] += not call.refused
    for write in call.writes:
        context.state.take(write, call.at)


def take_apply(context: Context, call: Apply) -> None:
    scripts.judge_apply(context, call)
    course = context.courses.get(call.id)
    if call.refused or course is None or call.at >= context.rewound:
        return
    context.judged.add(call.id)
    if not course.explain(call.version, call.row, call.at):
        context.convict(
            call.at, call.id, "section 1, rule 3",
            f"apply carried version {call.version} as {seeds.told(*call.row)}, and no commit that was made by then left this",
            "after COMMIT, apply carries the row that was committed",
        )  # fmt: skip
    seed = context.state.seed_of(call.at)
    if seed not in (None, UNKNOWN) and call.wrote("HSET", f"mirror:seed:{seed}:changes", call.id):
        context.state.of(call.id).noted = call.version


def take_seed(context: Context, seen: Seen, call: SeedBegin | SeedStep | SeedSwap) -> None:
    known = seen.begun.get(call.nonce)
    if isinstance(call, SeedBegin):
        begun = seeds.judge_begin(context, call)
        if begun is not None:
            seen.begun[call.nonce] = begun
            context.state.seed_begins(call.nonce, call.at, seeds.versions_gone(call))
    elif isinstance(call, SeedStep):
        seeds.judge_step(context, call, known)
        if call.writes:
            context.state.seed_steps(call)
    else:
        seeds.judge_swap(context, call, known)
        if call.writes:
            context.state.seed_swaps(call)


def not_judged(context: Context, ids: Sequence[str]) -> list[str]:
    """The mitras of these of whom no event was judged."""
    return [id for id in ids if id not in context.judged]
