"""`rig cutover`: rehearsals, the proof of each row, and the plan."""

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from typer import echo

from rig.checks.cutover.rows import PROOFS, ROWS, bounds_of
from rig.config import Settings
from rig.environment.stack_spec import stack_spec
from rig.record import Run, Verdict
from rig.record.lines.cutover import CutoverStep
from rig.record.verdict import EXIT_INTERRUPTED
from rig.runs.common.replay import replay_command
from rig.runs.common.scaffold import FinishedRun, carry_out
from rig.runs.common.seeds import draw_random_seed, random_seeds
from rig.runs.common.session import RunPlan, Session
from rig.runs.cutover import kept
from rig.runs.cutover.defects import DEFECTS, defect_named
from rig.runs.cutover.options import DAY_S, DEFAULT_PROFILE, Order
from rig.runs.cutover.plan import printed, steps
from rig.runs.cutover.play import play

GO, NO_GO = 0, 1


def print_plan(order: Order) -> int:
    """The steps, without doing anything."""
    echo(printed(steps(order.pace, order.hold_s)))
    return 0


def run(settings: Settings, order: Order) -> int:
    """All rehearsals; 0 if each of them says go, else 1."""
    if order.plant:
        defect_named(order.plant)
    if (told := kept.left_open(settings.reports)) is not None:
        echo(told)
    done: list[FinishedRun] = []
    for seed in random_seeds(draw_random_seed(settings.random_seed), order.rehearsals):
        finished = rehearsal(settings.model_copy(update={"random_seed": seed}), order)
        if finished.interrupted:
            return EXIT_INTERRUPTED
        done.append(finished)
    if len(done) > 1:
        print_times([step_times(one) for one in done])
    return GO if all(decided_go(one) for one in done) else NO_GO


def rehearsal(settings: Settings, order: Order) -> FinishedRun:
    """One rehearsal with its own record, report and runbook."""

    def work(session: Session) -> None:
        with kept.marked_open(settings.reports, session.directory.path):
            echo(f"  to end it and go back to X: touch {session.directory.path}/abort")
            play(session, settings, order)

    finished = carry_out(settings, plan_of(settings, order), work)
    seconds = step_times(finished)
    print_decision(finished)
    if decided_go(finished) and not order.plant:
        print_predictions(finished)
        kept.keep_times(settings.reports, order.factor, seconds)
    return finished


def plan_of(settings: Settings, order: Order) -> RunPlan:
    """What a rehearsal has to answer."""
    rows = [row for row in ROWS if row != PROOFS or order.fresh_s is not None]
    bounds = bounds_of(order.pace.overlap_s, order.fresh_s if order.fresh_s is not None else 7 * DAY_S)
    own_x = settings.model_copy(update={"valkey_profile": None, "valkey_tls": False})
    profile = settings.valkey_profile or DEFAULT_PROFILE
    scenario = f"cutover to {profile}{' with TLS' if settings.valkey_tls else ''}, {order.factor:g} times as fast"
    return RunPlan(
        "cutover", rows,
        command=replay_command(["rig", "cutover", *order.words()], settings, settings.random_seed),
        headline=f"{scenario}, random seed {settings.random_seed}{f', planted: {order.plant}' if order.plant else ''}",
        random_seed=settings.random_seed, spec=stack_spec(own_x, Path(".")),
        meta={"cutover": {"factor": order.factor, "profile": profile, "planted": order.plant}},
        judging={"scenario": scenario, "bounds": {row: bounds[row] for row in rows}},
    )  # fmt: skip


def decided_go(finished: FinishedRun) -> bool:
    """Only rows that all passed are a go: an unknown one is a no-go."""
    return all(item["verdict"] == Verdict.PASSED for item in finished.results["items"])


def print_decision(finished: FinishedRun) -> None:
    echo(f"runbook      {finished.directory.path}/runbook.html")
    if decided_go(finished):
        echo("decision     GO")
        return
    echo("decision     NO-GO")
    rows: dict[tuple[str, str], list[str]] = {}  # those with the same reason are one line
    for item in finished.results["items"]:
        if item["verdict"] != Verdict.PASSED:
            kind = "no" if item["verdict"] == Verdict.FAILED else "unknown"
            rows.setdefault((kind, item["message"].partition("\n")[0].removeprefix("unknown: ")), []).append(item["id"])
    for (kind, reason), ids in rows.items():
        echo(f"  {', '.join(ids)} {kind}: {reason}")


def step_times(finished: FinishedRun) -> dict[str, float]:
    """Measured seconds of each step that was done, without planned waits."""
    lines = Run.load(finished.directory).of(CutoverStep)
    return {line.name: max(0.0, line.seconds - line.fixed_s) for line in lines if line.state == "done"}


def print_predictions(finished: FinishedRun) -> None:
    """How far off the times were that earlier rehearsals let expect."""
    lines = [line for line in Run.load(finished.directory).of(CutoverStep) if line.predicted_s is not None]
    off = [line for line in lines if not as_predicted(line)]
    if lines:
        echo(f"predicted    {len(lines) - len(off)} of {len(lines)} steps as by earlier rehearsals")
    for line in off:
        echo(f"  {line.name}: {line.seconds - line.fixed_s:.1f} s, predicted {line.predicted_s:.1f} s")


def as_predicted(line: CutoverStep) -> bool:
    """A step over 5 s within 20 %, a shorter one within 1 s."""
    assert line.predicted_s is not None, "only for steps with a prediction"
    off_s = abs(line.seconds - line.fixed_s - line.predicted_s)
    return off_s <= (0.2 * line.predicted_s if line.predicted_s > 5 else 1.0)


def print_times(rehearsals: Sequence[dict[str, float]]) -> None:
    """Median and worst of each step."""
    echo(f"{len(rehearsals)} rehearsals, seconds per step without planned waits:")
    for name in rehearsals[0]:
        found = [times[name] for times in rehearsals if name in times]
        echo(f"  {name:<14} median {statistics.median(found):6.2f}   worst {max(found):6.2f}")


def prove(settings: Settings, order: Order) -> int:
    """Plant each defect once: 0 if each turned its row red, else 1. What is proven is kept for later rehearsals."""
    chosen = [defect_named(order.plant)] if order.plant else list(DEFECTS.values())
    survived = []
    for defect in chosen:
        planted = Order(order.factor, plant=defect.name, sql_capacity=order.sql_capacity)
        seed = draw_random_seed(settings.random_seed)
        finished = rehearsal(settings.model_copy(update={"random_seed": seed}), planted)
        if finished.interrupted:
            return EXIT_INTERRUPTED
        verdicts = {item["id"]: item["verdict"] for item in finished.results["items"]}
        red = verdicts[defect.row] == Verdict.FAILED
        echo(f"{'proven' if red else 'NOT PROVEN'}  {defect.row} by {defect.name}: {defect.text}")
        if red:
            kept.keep_proof(settings.reports, defect.row, defect.name, time.time())
        else:
            survived.append(defect.name)
    echo(f"{len(chosen) - len(survived)} of {len(chosen)} defects turned their row red")
    return NO_GO if survived else GO
