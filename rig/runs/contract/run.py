"""Tests a server against docs/contract.md: `rig contract`."""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from typer import echo

from rig.checks.contract.probes import load_probe_checks
from rig.checks.contract.replay import Followed
from rig.config import Settings
from rig.environment.stack_spec import level_of, stack_spec
from rig.environment.testbed import Testbed, open_testbed
from rig.record.lines.common import Weakness
from rig.runs.common.failures import Exits, keep_logs, rescued
from rig.runs.common.progress_bar import ProgressBar
from rig.runs.common.replay import ITEM, replay_command
from rig.runs.common.scaffold import carry_out
from rig.runs.common.seeds import draw_random_seed
from rig.runs.common.session import RunPlan, Session
from rig.runs.contract.cases import every
from rig.runs.contract.driver import Driver
from rig.runs.contract.pairs import Player
from rig.runs.contract.plan import ContractPlan, plan_contract, sentences_of, ways_of
from rig.runs.contract.probing import run_probe
from rig.runs.contract.walks import Walker, drawn
from rig.service.sentences import sentences

GOODBYE_S = 30  # long enough for a batch of chats whose time is up
TOKEN_S = 900
INSTANCES = ("a", "b")
WALKS = 20


def list_sentences() -> int:
    """Print each sentence of the contract with what judges it."""
    judged_by: dict[str, list[str]] = {}
    for id in {id for case in every() for id in sentences_of(case)}:
        judged_by.setdefault(id, []).append("pairs, walks")
    for probe in load_probe_checks().values():
        for id in probe.sentences:
            judged_by.setdefault(id, []).append(f"probe {probe.probe}")
    for one in sentences().values():
        level = " (hardened)" if one.hardened else ""
        echo(f"{one.id}{level}: {one.text}")
        echo(f"  judged by: {'; '.join(judged_by.get(one.id, ['nothing in this run']))}")
    return 0


def run(settings: Settings, only: Sequence[str], stages: Sequence[str], walks: int = WALKS) -> int:
    """The whole command; its exit code. UsageError for a sentence or stage that does not exist."""
    level = level_of(settings)
    planned = plan_contract(only, stages, walks, level=level)
    seed = draw_random_seed(settings.random_seed)
    words = ["rig", "contract", *(word for stage in stages for word in ("--stage", stage))]
    words += ["--walks", str(walks)] * (walks != WALKS)
    items = [one.id for one in planned.judged]
    plan = RunPlan(
        "contract",
        items,
        command=replay_command([*words, *(word for id in only for word in ("--only", id))], settings, seed),
        replay=replay_command([*words, "--only", ITEM], settings, seed),
        headline=f"{len(items)} {'sentence' if len(items) == 1 else 'sentences'} of the contract, random seed {seed}",
        random_seed=seed,
        spec=stack_spec(settings, Path(".")),
        meta={"goodbye_s": GOODBYE_S, "token_s": TOKEN_S},
        judging={
            "scenario": "contract",
            "bounds": {id: {} for id in items},
            "sentences": [asdict(one) for one in planned.judged],
        },
    )
    return carry_out(settings, plan, lambda session: play(session, settings, planned)).exit_code


def play(session: Session, settings: Settings, planned: ContractPlan) -> None:
    """From an empty stack to the last observation. The caller records exceptions."""
    recorder = session.recorder
    if planned.left_out:
        text = (
            f"this run does not judge {len(planned.left_out)} of {len(sentences())} sentences: see rig contract --list"
        )
        recorder.add(Weakness(t=time.time(), text=text))
    spec = replace(stack_spec(settings, Path(".")), logs=session.directory.logs.resolve())
    with open_testbed(
        spec, session.supervisor, "contract", recorder, settings, random_seed=session.random_seed
    ) as testbed:
        exits = Exits(testbed)
        try:
            with rescued(recorder, exits):
                run_stages(testbed, planned, session.random_seed)
        finally:
            keep_logs(testbed)


def run_stages(testbed: Testbed, planned: ContractPlan, seed: int) -> None:
    """Pairs, walks and probes, one after the other on one stack."""
    testbed.ready(testbed.environment_for(goodbye=GOODBYE_S), INSTANCES)
    driver = Driver(testbed, GOODBYE_S, TOKEN_S, Followed())
    total = sum(len(case.tries) for case in planned.cases) + planned.walks + len(planned.probes)
    with ProgressBar("contract", total) as bar:
        if planned.cases:
            player = Player(driver, lambda done: bar.show("pairs", completed=done))
            player.play(ways_of(planned.cases))
            if player.unplayed:
                text = f"{len(player.unplayed)} cases could not be judged: {', '.join(player.unplayed[:5])}"
                testbed.recorder.add(Weakness(t=time.time(), text=text))
        if planned.walks:
            take_walks(driver, planned.walks, seed, bar)
        driver.restore_settings()
        for probe in planned.probes:
            bar.show(f"probe {probe.name}", advance=1)
            run_probe(testbed, probe)


def take_walks(driver: Driver, count: int, seed: int, bar: ProgressBar) -> None:
    """Each walk begins with empty stores; one that fails is made as short as possible, and printed."""
    walker = Walker(driver)
    for number in range(1, count + 1):
        bar.show(f"walk {number}", advance=1)
        moves = drawn(f"{seed}/{number}", INSTANCES)
        found = walker.walk(f"walk {number}", moves)
        if not found:
            continue
        bar.print(f"walk {number} broke {found[0].sentence}: {found[0].message}")
        shorter = walker.shrunk(f"walk {number}", moves, found[0].sentence)
        if shorter:
            bar.print(f"the shortest that breaks it has {len(shorter.moves)} steps: {shorter.findings[0].message}")
