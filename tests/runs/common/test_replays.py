"""The replay of a run, at its end and in its report, is a command line that does the same again."""

import itertools
import json
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rig.cli.ways import RUNNING, Way
from rig.config import PREFIX, Settings, read
from rig.errors import UsageError
from rig.record import RunDirectory
from rig.runs.benchmark import hot_path as hotpath
from rig.runs.benchmark import load_generator as generator
from rig.runs.benchmark import outage as goals
from rig.runs.chaos.campaign import INVARIANTS
from rig.runs.common import scaffold
from rig.runs.common.replay import SECRET, replay_command
from rig.runs.common.session import RunPlan
from rig.runs.load.options import options_of
from rig.runs.model import run as model
from rig.runs.mutation import run as prove
from rig.stack import SpecError
from tests.support.command_lines import EVERY_WAY, GROUP, TEXTS, Words, effect, line, nothing_runs, options, words_for

SEED = 77
# Kinds of run, each with what has to be typed besides for it to be one run. Those that keep none, or only look, have none.
RUNS = [
    (command, way) for command, way in EVERY_WAY
    if way.words in (
        "rig checklist", "rig chaos random", "rig chaos matrix", "rig chaos", "rig load --scale", "rig load", "rig soak",
        "rig bench --fleet", "rig bench --hot", "rig bench", "rig prove", "rig model",
    )
]  # fmt: skip
# Neither where it is kept, nor how much is printed, nor how often it is repeated or what else is written, changes what one run tests.
KEPT_WHERE = frozenset({"random_seed", "reports", "keep", "quiet"})  # the random seed is drawn, and looked at by itself
NOT_TESTED = KEPT_WHERE | {"repeat", "write_docs"}
A_RUNNING_SERVER = ("base_url", "internal_url", "jwt_secret", "otp_code", "postgres", "valkey", "toxiproxy")
SUMMARY = {
    "items": [], "verdict": "passed", "exit_code": 0, "random_seed": SEED, "seconds": 1.0,
    "counts": dict.fromkeys(("passed", "failed", "inconclusive", "broken", "skipped"), 0), "model": {},
}  # fmt: skip


class Told:
    """What a run says is its replay: `whole` of it, and `one` of an item of it."""

    def __init__(self) -> None:
        self.whole: list[str] = []
        self.one: list[str] = []


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Told:
    """Everything that would start or judge something is replaced; what makes the replays is not."""
    found = Told()
    directory = RunDirectory(tmp_path)
    (tmp_path / "logs").mkdir()
    directory.meta.write_text(json.dumps({"started": 0.0, "cross": False, "random_seed": SEED, "command": ""}))

    @contextmanager
    def run_session(settings: Settings, plan: RunPlan, facts: Any) -> Iterator[Any]:
        found.whole.append(plan.command)
        found.one.append(plan.replay or plan.command)
        recorder = SimpleNamespace(add=lambda line: None)
        yield SimpleNamespace(
            directory=directory, recorder=recorder, random_seed=plan.random_seed, interrupted=False, supervisor=None
        )

    def nothing(*_: Any, **__: Any) -> Any:
        return None

    monkeypatch.setattr(scaffold, "run_session", run_session)
    monkeypatch.setattr(scaffold, "conclude", lambda _: SUMMARY)
    monkeypatch.setattr(scaffold, "mapped_schema", nothing)
    monkeypatch.setattr(scaffold, "run_facts", lambda *_: {"judged": {}, "stack": {"lacks": {}}})
    for place in (
        "rig.report.print_summary", "rig.report.growth.print_table", "rig.report.model.print_control",
        "rig.runs.checklist.run.toxiproxy_binary", "rig.runs.checklist.run.run_features",
        "rig.runs.chaos.run.play", "rig.runs.load.run.play", "rig.runs.scaling.run.play", "rig.runs.soak.run.play", "rig.runs.mutation.run.print_outcomes",
    ):  # fmt: skip
        monkeypatch.setattr(place, nothing)
    monkeypatch.setattr(model, "Pool", lambda *_: SimpleNamespace(run=nothing))
    monkeypatch.setattr(model, "keep_violations", lambda _: [])
    monkeypatch.setattr(prove, "prove", lambda *_: ([], False))
    monkeypatch.setattr(prove, "open_run", lambda *_: directory)
    supervisor = SimpleNamespace(start=lambda: nullcontext(SimpleNamespace(spawn=nothing)))
    monkeypatch.setattr(generator, "Supervisor", supervisor)
    for module in (goals, hotpath, generator):
        monkeypatch.setattr(module, "show", lambda *_: 0)
    for module in (goals, hotpath):
        monkeypatch.setattr(module, "benchmark_testbed", lambda _: nullcontext(None))
        monkeypatch.setattr(module, "measure", nothing)
    monkeypatch.setattr(generator, "port_of", lambda _: 1)
    monkeypatch.setattr(
        generator, "Locust",
        lambda *_: SimpleNamespace(running=lambda: False, check=nothing, new_lines=lambda: (), close=nothing),
    )  # fmt: skip
    monkeypatch.setattr("random.SystemRandom", lambda: SimpleNamespace(randrange=lambda *_: SEED))
    monkeypatch.setattr("rig.stack.spec.StackSpec._check_program", nothing)
    monkeypatch.setattr("rig.stack.spec.StackSpec.directory", lambda _: Path("/tmp"))
    return found


def replays_of(words: Words, told: Told, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What the run itself prints last, or else keeps in its record."""
    told.whole.clear()
    told.one.clear()
    capsys.readouterr()
    GROUP(list(words), standalone_mode=False, prog_name="rig")
    printed = re.findall(r"^replay {7}(.*)$", capsys.readouterr().out, re.M)
    return printed or told.whole


def again(replay: str) -> Words:
    """As a shell reads it, in the same environment."""
    variables = {f'"${name}"': shlex.quote(value) for name, value in os.environ.items() if name.startswith(PREFIX)}
    for mention, value in variables.items():
        replay = replay.replace(mention, value)
    words = shlex.split(replay)
    assert words[0] == "rig"
    return tuple(words[1:])


def same(words: Words) -> Any:
    """What the line does, but for what changes nothing of what is tested; the random seed is the drawn one."""
    with pytest.MonkeyPatch.context() as patch:
        nothing_runs(patch)
        end, arguments = effect(words)
    settings = arguments.pop("settings")
    if end == "runs.load.options.run":  # a given Postgres leaves less of a load, said or not
        arguments = {"options": options_of(Settings.model_construct(**settings), **arguments["given"])}
    seed = SEED if settings["random_seed"] is None else settings["random_seed"]
    kept = {name: value for name, value in settings.items() if name not in KEPT_WHERE}
    return end, {**arguments, "docs": None, "times": None}, kept, seed


def beside(command: str, way: Way, name: str, tmp_path: Path) -> list[Words]:
    """What makes one short run of the line, where the option itself does not."""
    found = [("--reports", str(tmp_path))] if "reports" in way.reads else []
    if way.words == "rig chaos matrix" and name != "classes":
        found.append(("--class", "cuts"))
    if way.words == "rig chaos" and name not in ("fault", "profile", "schedule"):
        found.append(("hang",))
    if name in RUNNING:
        found += [(options(command)[one].opts[0], TEXTS[one]) for one in A_RUNNING_SERVER if one != name]
    return found


def companions(command: str, way: Way, more: list[Words], others: list[Words]) -> list[Words]:
    """With what the option needs beside it, so that it is taken."""
    for number in range(3):
        for company in itertools.combinations(others, number):
            try:
                GROUP(list(line(command, way, [*company, *more])), standalone_mode=False, prog_name="rig")
                return [*company, *more]
            except (UsageError, SpecError):
                continue
    raise AssertionError(f"{way.words} never takes {more}")


@pytest.mark.parametrize(("command", "way"), [pytest.param(c, w, id=w.words) for c, w in RUNS])
def test_every_option_that_changes_what_is_tested_is_repeated(
    command: str,
    way: Way,
    told: Told,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Parse, take the replay, parse again: the same. For each option alone, with what it needs beside it."""
    monkeypatch.setattr("rig.stack.sut.attachment.Attachment.__post_init__", lambda _: None)
    base = line(command, way)
    read = {name: words_for(one) for name, one in options(command).items() if name in way.reads - NOT_TESTED}
    typed = {name: words for name, words in read.items() if words[0] not in base}
    if "schedule" in typed:
        typed["schedule"] = ("--schedule", str(schedule_in(tmp_path)))
    for name, words in [("", ()), *typed.items()]:
        own = [words] if words else []
        others = [other for other in typed.values() if other != words]
        more = companions(command, way, [*own, *beside(command, way, name, tmp_path)], others)
        asked = line(command, way, more)
        (replay,) = replays_of(asked, told, capsys)
        hidden = {secret: TEXTS[secret] for secret in ("postgres", *SECRET) if TEXTS[secret] in asked}
        assert not any(value in replay for value in hidden.values()), "a report is shown around"
        for secret, value in hidden.items():
            monkeypatch.setenv(PREFIX + secret.upper(), value)
        assert same(again(replay)) == same(asked), f"{name}: {replay}"
        for one in [one for one in told.one if "{item}" in one]:
            boxes = [] if name == "only" else [("--only", "C-02")]
            assert same(again(one.replace("{item}", "C-02"))) == same(line(command, way, [*more, *boxes])), (
                f"{name}: {one}"
            )
        for secret in hidden:
            monkeypatch.delenv(PREFIX + secret.upper())


@pytest.mark.parametrize(("name", "other"), [("mode", "docker"), ("cadence", "written"), ("sut", "another")])
def test_a_default_that_overrules_the_environment_is_repeated(
    name: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left out, the same line in the same environment would test something else."""
    typed = Settings.model_fields[name].default
    monkeypatch.setenv(PREFIX + name.upper(), other)
    assert (
        replay_command(["rig", "checklist"], read(**{name: typed}))
        == f"rig checklist --{name} {shlex.quote(str(typed))}"
    )


def schedule_in(directory: Path) -> Path:
    plain = {"name": "mine", "shows": "x", "strikes": [], "instances": ["a"], "checks": INVARIANTS}
    (directory / "s.json").write_text(json.dumps(plain))
    return directory / "s.json"
