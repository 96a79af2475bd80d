"""Runs chaos campaigns: traffic, one fault, observations, then verdicts and a report, one run directory each."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from typer import echo

from rig.config import Settings
from rig.environment.stack_spec import stack_spec
from rig.environment.testbed import Testbed, open_testbed
from rig.faults import Fault
from rig.faults.catalogue import faults
from rig.faults.requirements import Requirement, libfaketime, no_resolver
from rig.record import Verdict, exit_code, overall
from rig.record.lines.chaos import Phase, Schedule
from rig.record.lines.common import Missing, Weakness
from rig.runs.chaos.campaign import Campaign
from rig.runs.chaos.fault_scheduler import FaultScheduler, note_schedule, refuse_what_is_missing
from rig.runs.chaos.final_state import write_history, write_versions
from rig.runs.chaos.metrics_scraper import Scraper
from rig.runs.chaos.people import make_workload
from rig.runs.chaos.random_campaign import generate_campaign, possible_here
from rig.runs.chaos.registry import DIRECTORY, alone, campaigns, failed_campaigns, from_file, of_profile, select
from rig.runs.chaos.sampler import Sampler
from rig.runs.chaos.schedule import PlannedFault, require_possible
from rig.runs.chaos.steering import steps_towards
from rig.runs.common.failures import Exits, keep_logs, rescued
from rig.runs.common.replay import replay_command
from rig.runs.common.scaffold import FinishedRun, carry_out
from rig.runs.common.seeds import draw_random_seed, random_seeds
from rig.runs.common.session import RunPlan, Session
from rig.stores import Lacks
from rig.traffic.background.steps import digest, schedule
from rig.traffic.background.workload import Workload

CALM_ROUNDS = 3  # of pings by who stays online, before all else: what a ping costs by itself is seen there (INV-10)
LOOK_EVERY_S = 0.05
TRAFFIC_SPARE_S = 12.0  # what the confirming and healing of one fault may take beyond its own time


def list_campaigns(directory: Path = DIRECTORY) -> int:
    """Print each campaign with what a pass of it proves."""
    for campaign in campaigns(directory).values():
        echo(f"{campaign.name}: {campaign.shows} ({', '.join(campaign.profiles)})")
    return 0


def list_faults() -> int:
    """Print each fault of the catalogue with what it does."""
    for name, fault in faults().items():
        echo(f"{name}: {fault.shows} ({fault.family})")
    return 0


def run(
    settings: Settings,
    names: list[str],
    fault_names: list[str],
    profile: str | None = None,
    schedule_file: Path | None = None,
    directory: Path = DIRECTORY,
) -> int:
    """The whole command; the worst campaign's exit code. UsageError for a name that is none.

    `fault_names`: faults of the catalogue, each to be a campaign by itself; `profile`: a set of campaigns; without
    any of these all campaigns of the directory run.
    """
    chosen = of_profile(profile, directory) if profile else []
    chosen += [alone(name) for name in fault_names]
    chosen += [from_file(schedule_file)] if schedule_file else []
    if names or not chosen:
        chosen = [*select(names, directory), *chosen]
    words = ["rig", "chaos", *names, *(["--profile", profile] if profile else [])]
    words += [word for name in fault_names for word in ("--fault", name)]
    words += ["--schedule", str(schedule_file)] if schedule_file else []
    return run_all(settings, chosen, words)


def run_failed(settings: Settings) -> int:
    """Run each campaign that did not pass when it last ran. Exit code 0 when there is none."""
    chosen = failed_campaigns(settings.reports)
    words = [word for campaign in chosen for word in campaign.replay or (campaign.name,)]
    return run_all(settings, chosen, ["rig", "chaos", *words]) if chosen else 0


def run_random(settings: Settings, minutes: float, fleet: int = 0, towards: Sequence[str] = ()) -> int:
    """One campaign drawn from the random seed, with so many further mitras; a failed one tells how to shrink it.

    `towards`: steps of the protocol to steer it to, or `untaken`. UsageError for another word.
    """
    steps = steps_towards(towards, settings.reports)
    if towards:
        echo(f"steered to: {', '.join(steps) or 'nothing, as each step was taken already'}")
    seed = draw_random_seed(settings.random_seed)
    campaign, left_out = possible_here(generate_campaign(seed, minutes, fleet, steps))
    chosen = settings.model_copy(update={"random_seed": seed})
    return run_all(chosen, [campaign], ["rig", "chaos"], left_out)


def run_all(
    settings: Settings, chosen: Sequence[Campaign], words: Sequence[str], weaknesses: Sequence[str] = ()
) -> int:
    """The worst verdict's exit code. `words` ask for them all again; each has a random seed that follows from the first.

    `weaknesses`: what makes the verdicts weaker than they look, known before the first run.
    """
    for campaign in chosen:
        require_possible(campaign.strikes, campaign.instances)
    rows, began = [], time.monotonic()
    seeds = random_seeds(draw_random_seed(settings.random_seed), len(chosen))
    for campaign, seed in zip(chosen, seeds, strict=True):
        since = time.monotonic()
        finished = run_one(settings.model_copy(update={"random_seed": seed}), campaign, weaknesses)
        if finished.interrupted:
            return finished.exit_code
        verdict, skips = Verdict(finished.results["verdict"]), finished.results["counts"]["skipped"]
        rows.append((campaign.name, verdict, skips, time.monotonic() - since))
    if len(rows) > 1:
        print_rows(rows, time.monotonic() - began)
        echo(f"replay       {replay_command(words, settings, seeds[0])}")
    worst = overall(verdict for _, verdict, _, _ in rows)
    return exit_code(worst, skipped=sum(row[2] for row in rows), strict=settings.strict)


def print_rows(rows: Sequence[tuple[str, Verdict, int, float]], seconds: float) -> None:
    """One line per campaign, the worst verdict last."""
    echo()
    for name, verdict, skips, took in sorted(rows, key=lambda row: list(Verdict).index(row[1]), reverse=True):
        skipped = f", {skips} skipped" if skips else ""
        echo(f"  {verdict:<12} {took:5.0f} s  {name}{skipped}")
    counts = Counter(verdict for _, verdict, _, _ in rows)
    verdicts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
    echo(f"{len(rows)} campaigns in {seconds / 60:.1f} min: {verdicts}")


def run_one(settings: Settings, campaign: Campaign, weaknesses: Sequence[str] = ()) -> FinishedRun:
    """One campaign; see `run_all` for `weaknesses`."""
    seed = draw_random_seed(settings.random_seed)

    def work(session: Session) -> None:
        for text in weaknesses:
            session.recorder.add(Weakness(t=time.time(), text=text))
        play(session, settings, campaign)

    finished = carry_out(settings, plan_of(settings, campaign, seed), work)
    if campaign.replay[:1] == ("random",) and finished.results["verdict"] == Verdict.FAILED:
        shrink = replay_command(["rig", "chaos", "shrink", str(finished.directory.path)], lenient(settings))
        echo(f"random seed {seed} failed; a smaller schedule: {shrink}")
    return finished


def plan_of(settings: Settings, campaign: Campaign, seed: int) -> RunPlan:
    """What a run of this campaign has to answer."""
    return RunPlan(
        "chaos",
        list(campaign.judged),
        command=replay_command(["rig", "chaos", *(campaign.replay or [campaign.name])], settings, seed),
        headline=f"campaign {campaign.name}, random seed {seed}",
        random_seed=seed,
        spec=stack_spec(settings, Path(".")),
        meta={"campaign": campaign.plain(), "excused": list(campaign.excused)},
        judging={"scenario": campaign.name, "bounds": campaign.judged},
    )


def lenient(settings: Settings) -> Settings:
    """Without `--strict`, which says nothing to `rig chaos shrink`."""
    return settings.model_copy(update={"strict": False})


def play(session: Session, settings: Settings, campaign: Campaign) -> None:
    """From an empty stack to the last observation. The caller records exceptions."""
    recorder = session.recorder
    required = {need for fault in campaign.faults for need in fault.requirements}
    logs = session.directory.logs.resolve()
    spec = replace(
        stack_spec(settings, Path(".")),
        logs=logs,
        truth_proxied=Requirement.POSTGRES_PROXY in required,
        clock_library=libfaketime() if Requirement.OWN_CLOCKS in required else None,
        own_resolver=Requirement.OWN_RESOLVER in required and no_resolver() is None,
    )
    with open_testbed(
        spec, session.supervisor, "chaos", recorder, settings, random_seed=session.random_seed
    ) as testbed:
        try:
            refuse_what_is_missing(testbed, campaign.strikes)
            testbed.ready(testbed.environment_for(**campaign.intervals), campaign.instances)
            exits = Exits(testbed)
            with rescued(recorder, exits):
                run_phases(testbed, campaign, exits)
        except Lacks as lack:
            recorder.add(Missing(t=time.time(), text=str(lack)))
        finally:
            keep_logs(testbed)


def run_phases(testbed: Testbed, campaign: Campaign, exits: Exits) -> None:
    """The phases, each recorded once it is over."""
    spans = campaign.phases
    workload = make_workload(testbed, campaign)
    steps = schedule(campaign.pace, testbed.random_seed, spans.traffic_s + TRAFFIC_SPARE_S * len(campaign.strikes))
    testbed.recorder.add(Schedule(t=time.time(), steps=len(steps), digest=digest(steps), pace=asdict(campaign.pace)))
    note_schedule(testbed.recorder, campaign.strikes)
    if campaign.excused:
        text = f"not judged, as the fault itself changes it: {', '.join(campaign.excused)}"
        testbed.recorder.add(Weakness(t=time.time(), text=text))

    def wait(seconds: float) -> None:
        pass_time(exits, workload, seconds)

    def when_active(strike: PlannedFault, fault: Fault) -> None:
        if campaign.pace.returning is not None and campaign.felt(strike, fault):
            workload.reactivate(campaign.pace.returning)

    began = time.time()
    write_versions(testbed)
    with (
        FaultScheduler(testbed, campaign.strikes, campaign.instances, workload.stand_still, when_active) as scheduler,
        Sampler(testbed, workload.mitra_ids),
        Scraper(testbed),
    ):
        exits.expected = scheduler.ended
        with phase(testbed, "calm"):
            workload.ping_in_turn(range(campaign.pace.steady), CALM_ROUNDS)
        workload.start(steps)
        try:
            with phase(testbed, "warm-up"):
                wait(spans.warm_up_s)
            with phase(testbed, "baseline"):
                wait(spans.baseline_s)
            with phase(testbed, "fault"):
                scheduler.run(spans.fault_s, wait)
            with phase(testbed, "recovery"):
                wait(spans.recovery_s)
        finally:
            workload.stop()
        if workload.left_out:
            text = f"{workload.left_out} steps were left out: their actor was still busy"
            testbed.recorder.add(Weakness(t=time.time(), text=text))
        with phase(testbed, "drain"):
            wait(spans.drain_s)
    write_history(testbed, began, time.time())


@contextmanager
def phase(testbed: Testbed, name: str) -> Iterator[None]:
    """Record the phase when it ends. A phase that an exception ends adds no line."""
    echo(f"  {name}")
    began = time.time()
    yield
    ended = time.time()
    testbed.recorder.add(Phase(t=ended, name=name, since=began, until=ended))


def pass_time(exits: Exits, workload: Workload, seconds: float) -> None:
    """Wait for so many seconds. Raises what an actor raised; records servers that exit."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        workload.check()
        exits.note()
        time.sleep(min(LOOK_EVERY_S, max(0.0, until - time.monotonic())))
