"""`rig model` as a run: verdicts, exit codes, mutants, replays, and the example of docs/model.md as it is printed there."""

import doctest
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rig.cli import main as entry
from rig.cli.commands import app
from rig.errors import UsageError, suggestion
from rig.model.catalogue import specifications
from rig.model.checker import explore
from rig.model.language import Rules
from rig.paths import CHECKOUT
from rig.record import Run, RunDirectory
from rig.results.judge import judge_run
from rig.runs.model import run as drive
from rig.runs.model.specifications import known_specs, load, select, select_mutant
from rig.runs.model.state_names import NONE, Names, name_of, named
from rig.stack.errors import StackError
from tests.support.stack_support import rig

PAGE = (CHECKOUT / "docs" / "model.md").read_text(encoding="utf-8")
EXAMPLE = re.search(r"```python\n(.*?)```", PAGE, re.S)[1]  # type: ignore[index]
CONSOLES = re.findall(r"```console\n\$ (.*?)\n(.*?)```", PAGE, re.S)
LATE, UNHEARD = "a late script wins", "nobody hears of a change"


@pytest.fixture
def fence(tmp_path: Path) -> Path:
    """The example of the page, in a directory of its own."""
    (tmp_path / "fence.py").write_text(EXAMPLE, encoding="utf-8")
    return tmp_path


def changed(folder: Path, name: str, *pairs: tuple[str, str]) -> str:
    """A specification made of the example, with parts of it replaced."""
    source = EXAMPLE.replace('name="fence"', f'name="{name}"')
    for before, after in pairs:
        assert before in source, before
        source = source.replace(before, after)
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    return f"{name}.py"


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def model(fence: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """`rig model` in this process, in the directory of the example."""
    monkeypatch.chdir(fence)

    def run(*words: str) -> Done:
        capsys.readouterr()
        try:
            code = app(["model", *words], standalone_mode=False, prog_name="rig")
        except entry.Misuse as error:
            error.show()
            code = entry.EXIT_USAGE
        except (UsageError, StackError) as error:
            code = entry.code_of(error)
            print(f"rig: {error}", file=sys.stderr)
        printed = capsys.readouterr()
        return Done(code or 0, printed.out, printed.err)

    return run


def latest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "reports" / "latest" / "results.json").read_text())


def verdicts(results: dict[str, Any]) -> dict[str, str]:
    return {item["id"]: item["verdict"] for item in results["items"]}


def test_the_page_is_true(fence: Path) -> None:
    """Every command of the page, in its order, prints what the page says."""
    assert len(CONSOLES) >= 3
    for command, wanted in CONSOLES:
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', command)]
        assert words[0] == "rig"
        done = rig(*words[1:], cwd=fence, COLUMNS="80")
        printed = "\n".join(line.rstrip() for line in done.stdout.splitlines()) + "\n"
        assert doctest.OutputChecker().check_output(wanted, printed, doctest.ELLIPSIS), (
            f"$ {command}\n{printed}{done.stderr}"
        )


def test_an_exhausted_specification_passes(fence: Path, model: Callable[..., Done]) -> None:
    done = model("--spec", "fence.py", "--no-control")
    assert done.returncode == 0, done.stderr
    results = latest(fence)
    assert verdicts(results) == dict.fromkeys(["fence/INV-01", "fence/LIVENESS", "fence/ACTIONS"], "passed")
    (line,) = results["model"]["explored"]
    assert (line["states"], line["complete"], line["within"]) == (99, True, "2 instances, 3 changes, 1 fault")
    assert {item["section_title"] for item in results["items"]} == {"fence: A change and its way into Valkey"}
    directory = (fence / "reports" / "latest").resolve()
    for name in ("run.json", "report.html", "summary.md", "junit.xml", "record-main.jsonl"):
        assert (directory / name).stat().st_size
    assert "exhausted" in (directory / "summary.md").read_text()


def test_a_run_can_be_judged_again_from_its_files(fence: Path, model: Callable[..., Done]) -> None:
    model("--spec", "fence.py", "--mutant", LATE)
    before = latest(fence)
    (fence / "fence.py").unlink()
    done = rig("recheck", "latest", cwd=fence)
    assert done.returncode == 1
    assert latest(fence) == before


def test_a_mutant_says_that_it_is_one_and_keeps_its_path(fence: Path, model: Callable[..., Done]) -> None:
    done = model("--spec", "fence.py", "--mutant", LATE)
    assert done.returncode == 1
    results = latest(fence)
    assert verdicts(results)["fence/INV-01"] == "failed"
    told = results["items"][0]["message"]
    assert told.startswith("explored was the mutant “a late script wins”, not the protocol")
    assert "not the protocol but the mutant" in results["weakens"][0]
    saved = json.loads((fence / "reports" / "latest" / "violation-fence-1.json").read_text())
    assert [step["action"] for step in saved["steps"]][-1] == "copy_is_written"
    assert len(saved["steps"]) == 6
    assert ["b: carries", "2", "nothing"] in [change for step in saved["steps"] for change in step["changes"]]
    source = (fence / "reports" / "latest" / "report.html").read_text()
    assert source.count('<svg class="sequence"') == 1


@pytest.mark.parametrize("word", [LATE.upper(), "p-99", "an older version is refused"])
def test_a_mutant_is_found_by_name_finding_or_rule(fence: Path, word: str) -> None:
    file = changed(
        fence,
        "found",
        (
            f'mutant("{LATE}", FENCE, breaks="INV-01")',
            f'mutant("{LATE}", FENCE, breaks="INV-01", finding="P-98, P-99")',
        ),
    )
    _, mutant = select_mutant(word, [load(str(fence / file))])
    assert mutant.without == {"an older version is refused"}


def test_a_violation_is_replayed_with_states_and_the_invariant_last(fence: Path, model: Callable[..., Done]) -> None:
    model("--spec", "fence.py", "--mutant", UNHEARD)
    done = model("--replay", "latest/violation-fence-1.json")
    assert done.returncode == 0
    lines = [line.rstrip() for line in done.stdout.splitlines() if line.strip()]
    assert lines[-1] == "INV-01 In quiet, Valkey has what Postgres has: Valkey has version 0, Postgres has version 1"
    assert "never changes: valkey: 0" in done.stdout
    assert re.search(r"> +a: carries +1 +nothing", done.stdout)
    assert re.search(r"faults left +1 +same", done.stdout)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--spec", "swep"], "--spec swep: there is no such specification"),
        (["--spec", "nowhere.py"], "--spec nowhere.py: there is no such file"),
        (["--spec", "fence.py", "--mutant", "a late scrip win"], "(did you mean 'a late script wins'?)"),
        (["--spec", "fence.py", "--mutant", "nobody"], "(did you mean 'nobody hears of a change'?)"),
        (["--spec", "fence.py", "--mitras", "2"], "--mitras: no specification that is explored here has this bound"),
        (["--spec", "fence.py", "--instances", "0"], "Invalid value for '--instances'"),
        (["--replay", "nothing.json"], "--replay nothing.json: No such file or directory"),
        (["--replay", "fence.py"], "--replay fence.py is not JSON"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(
    fence: Path, model: Callable[..., Done], words: list[str], told: str
) -> None:
    done = model(*words)
    assert done.returncode == 4
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert not (fence / "reports").exists()


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        (("SPEC = Spec(", "SPEC = dict("), "holds no specification"),
        (("from typing import NamedTuple", "from typing import NamedTupel"), "ImportError"),
        (('    """A change commits with the next version."""\n', ""), "change_commits` has no docstring"),
        (('breaks="INV-01"', 'breaks="INV-99"'), "INV-99, which is no invariant here"),
        (('"changes": 3, ', ""), ""),
    ],
)
def test_a_specification_that_is_none_is_refused_with_its_file(
    fence: Path, model: Callable[..., Done], pair: tuple[str, str], told: str
) -> None:
    file = changed(fence, "bad", pair)
    done = model("--spec", file, "--no-control")
    assert done.returncode == (4 if told else 3), done.stdout
    assert "bad.py" in done.stderr + done.stdout
    assert told in done.stderr


def test_a_defect_that_only_the_exploration_shows_is_broken(fence: Path, model: Callable[..., Done]) -> None:
    file = changed(fence, "unhashable", ("valkey=version)", "valkey=[version])"))
    done = model("--spec", file, "--no-control")
    assert done.returncode == 3
    assert "unhashable.py" in latest(fence)["message"]


def test_what_is_broken_in_the_protocol_fails(fence: Path, model: Callable[..., Done]) -> None:
    file = changed(fence, "wrong", ("rules.holds(FENCE, version > state.valkey)", "rules.holds(FENCE, True)"))
    done = model("--spec", file, "--no-control")
    assert done.returncode == 1
    assert "mutant" not in latest(fence)["items"][0]["message"]


def test_what_never_comes_to_an_end_fails(fence: Path, model: Callable[..., Done]) -> None:
    file = changed(
        fence,
        "stuck",
        ("kind=Kind.FAULT)", "kind=Kind.FAULT)  # and nobody looks"),
        ("actions=[change_commits, copy_is_written, instance_looks, ", "actions=[change_commits, copy_is_written, "),
    )
    done = model("--spec", file, "--no-control")
    assert done.returncode == 1
    assert verdicts(latest(fence))["stuck/LIVENESS"] == "failed"
    assert (fence / "reports" / "latest" / "violation-stuck-1.json").is_file()


def test_an_action_that_never_comes_is_inconclusive(fence: Path, model: Callable[..., Done]) -> None:
    done = model("--spec", "fence.py", "--faults", "0", "--no-control")
    assert done.returncode == 2
    results = latest(fence)
    assert verdicts(results)["fence/ACTIONS"] == "inconclusive"
    assert verdicts(results)["fence/INV-01"] == "passed"
    assert "never came: process_is_killed" in next(i for i in results["items"] if i["id"] == "fence/ACTIONS")["message"]


def test_each_action_has_to_come_in_one_of_the_bounds(fence: Path, model: Callable[..., Done]) -> None:
    two = '[{"instances": 2, "changes": 3, "faults": 1}, {"instances": 2, "changes": 1, "faults": 0}]'
    often = changed(fence, "often", ('[{"instances": 2, "changes": 3, "faults": 1}]', two))
    assert model("--spec", often, "--no-control").returncode == 0
    assert len(latest(fence)["model"]["explored"]) == 2


def test_given_bounds_stand_in_place_of_the_written_ones(fence: Path, model: Callable[..., Done]) -> None:
    assert model("--spec", "fence.py", "--instances", "3", "--faults", "2", "--no-control").returncode == 0
    (line,) = latest(fence)["model"]["explored"]
    assert line["bounds"] == {"instances": 3, "changes": 3, "faults": 2}


IDLE = (
    "    if not state.owes[instance]:",
    '    if not rules.holds("the moon is up", True) or not state.owes[instance]:',
)


def of_control(results: dict[str, Any]) -> dict[str, tuple[str, str, int]]:
    return {line["name"]: (line["outcome"], line["killed_by"], line["steps"]) for line in results["model"]["control"]}


def test_mutants_and_dropped_rules_are_killed(fence: Path, model: Callable[..., Done]) -> None:
    assert model("--spec", "fence.py").returncode == 0
    results = latest(fence)
    assert of_control(results) == {
        LATE: ("killed", "INV-01", 6),
        UNHEARD: ("killed", "INV-01", 2),
        "an older version is refused": ("killed", "INV-01", 6),
        "a change is notified to every instance": ("killed", "INV-01", 2),
    }
    assert verdicts(results)["fence/CONTROL"] == "passed"
    assert (fence / "reports" / "latest" / "report.html").read_text().count(LATE) >= 1


def test_a_rule_that_nothing_misses_is_inconclusive_unless_it_is_explained(
    fence: Path, model: Callable[..., Done]
) -> None:
    done = model("--spec", changed(fence, "idle", IDLE))
    assert done.returncode == 2
    results = latest(fence)
    assert of_control(results)["the moon is up"] == ("survived", "", 0)
    assert verdicts(results)["idle/CONTROL"] == "inconclusive"
    assert verdicts(results)["idle/INV-01"] == "passed"
    assert "survived" in done.stdout
    said = ("    relabel=relabel,", '    relabel=relabel,\n    unkilled={"the moon is up": "it shines"},')
    assert model("--spec", changed(fence, "moon", IDLE, said)).returncode == 0
    assert of_control(latest(fence))["the moon is up"] == ("explained", "", 0)
    assert "it shines" in (fence / "reports" / "latest" / "report.html").read_text()


def test_a_mutant_that_needs_other_bounds_has_its_own(fence: Path, model: Callable[..., Done]) -> None:
    own = (
        f'mutant("{LATE}", FENCE, breaks="INV-01")',
        'mutant("two die", "the moon is up", breaks="INV-01", faults=2)',
    )
    assert model("--spec", changed(fence, "own", IDLE, own)).returncode == 0
    tried = {line["name"]: line for line in latest(fence)["model"]["control"]}
    for name in ("two die", "the moon is up"):  # the mutant shows the rule, which is not tried a second time
        line = tried[name]
        assert (line["outcome"], line["steps"], line["within"]) == ("killed", 4, "2 instances, 2 changes, 2 faults")
    assert tried["the moon is up"]["states"] == 0


def test_an_invariant_that_cannot_fail_is_inconclusive(fence: Path, model: Callable[..., Done]) -> None:
    more = (
        "def relabel(",
        '@invariant("INV-02", "Versions are counted")\ndef counted(rules, before, step, after):\n    """Never."""\n    return ""\n\n\ndef relabel(',
    )
    listed = ("invariants=[mirror_is_right]", "invariants=[mirror_is_right, counted]")
    assert model("--spec", changed(fence, "idle", more, listed)).returncode == 2
    found = {item["id"]: item for item in latest(fence)["items"]}
    assert found["idle/INV-02"]["verdict"] == "passed"
    assert "“Versions are counted”: it cannot fail" in found["idle/CONTROL"]["message"]


def test_a_protocol_that_breaks_has_no_control(fence: Path, model: Callable[..., Done]) -> None:
    broken = ("rules.holds(FENCE, version > state.valkey)", "rules.holds(FENCE, True)")
    assert model("--spec", changed(fence, "wrong", broken)).returncode == 1
    control = next(item for item in latest(fence)["items"] if item["id"] == "wrong/CONTROL")
    assert control["verdict"] == "inconclusive"
    assert "a path broke an invariant" in control["message"]


ENDLESS = ("bounds=[{", 'bounds=[{"instances": 3, "changes": 4000, "faults": 1}, {')
# The exploration of the endless bounds leaves a file once it has found some states.
UNDER_WAY = (
    '    """Nothing is under way."""\n',
    """    if rules.bounds["changes"] == 4000 and state.changes < 3998:
        open("under-way", "w").close()
""",
)


def test_an_interrupted_run_tells_what_was_found_so_far(fence: Path) -> None:
    file = changed(fence, "endless", ENDLESS, UNDER_WAY)
    began = subprocess.Popen(
        [sys.executable, "-m", "rig", "model", "--spec", file, "--no-control"],
        cwd=fence, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert began.stdout is not None
    lines = [began.stdout.readline(), began.stdout.readline()]  # the second comes once the small bounds are exhausted
    assert "exhausted" in lines[1]
    deadline = time.monotonic() + 60
    while not (fence / "under-way").exists():
        assert time.monotonic() < deadline, "the endless exploration has found nothing"
        time.sleep(0.05)
    began.send_signal(signal.SIGINT)
    _, errors = began.communicate(timeout=60)
    assert began.returncode == 130, errors
    assert "Traceback" not in errors
    results = latest(fence)
    wide, small = results["model"]["explored"]
    assert (small["complete"], wide["complete"], wide["stopped"]) == (True, False, "interrupted")
    assert wide["states"] > 0
    assert verdicts(results)["endless/INV-01"] == "inconclusive"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("STATES_MAX", {False: 500}, "500 states"),
        ("JOB_S", {False: 0.5}, "longer than 0.5 s"),
        ("MEMORY_MB", 50, "GB of memory"),
        ("BUDGET_S", {False: 0.0}, "the time of the whole run was over before"),
    ],
)
def test_a_limit_that_is_reached_is_inconclusive(
    fence: Path, model: Callable[..., Done], monkeypatch: pytest.MonkeyPatch, name: str, value: Any, told: str
) -> None:
    monkeypatch.setattr(drive, name, value)
    file = changed(fence, "endless", ENDLESS)
    done = model("--spec", file, "--no-control")
    assert done.returncode == 2
    results = latest(fence)
    assert set(verdicts(results).values()) <= {"inconclusive", "passed"}
    assert told in results["items"][0]["message"]
    wide = results["model"]["explored"][0]
    assert not wide["complete"]
    assert (wide["states"] > 100) is (name != "BUDGET_S")


def test_a_process_that_is_killed_is_inconclusive(
    fence: Path, model: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = changed(
        fence,
        "killed",
        (
            "def quiet(",
            "import os\nimport sys\n\nif 'rig.runs.model.worker' in sys.orig_argv:\n    os.kill(os.getpid(), 9)\n\n\ndef quiet(",
        ),
    )
    assert model("--spec", file, "--no-control").returncode == 2
    assert "its process was ended by signal 9" in latest(fence)["items"][0]["message"]


def test_judging_is_pure_and_asks_for_every_planned_exploration(fence: Path, model: Callable[..., Done]) -> None:
    model("--spec", "fence.py", "--no-control")
    directory = (fence / "reports" / "latest").resolve()
    for record in directory.glob("record-job-*.jsonl"):
        record.unlink()
    again = judge_run(Run.load(RunDirectory(directory)))
    assert again["verdict"] == "inconclusive"
    assert "was not explored" in again["items"][0]["message"]


def test_a_near_name_is_suggested() -> None:
    assert suggestion("sweeep", ["sweep", "seed"]) == " (did you mean 'sweep'?)"
    assert suggestion("zzz", ["sweep", "seed"]) == ""


def test_all_of_ours_can_be_read() -> None:
    assert known_specs() == list(specifications())
    for name in known_specs():
        found = select([name])[0]
        assert found.rules, f"{found.file} asks for no rule"
        assert found.spec.name == name


def test_parts_of_a_state_are_named_by_who_has_them(fence: Path) -> None:
    spec = load(str(fence / "fence.py")).spec
    rules = Rules(spec.small)
    names = Names(spec, rules, [spec.initial(rules)])
    assert dict(names.rows(spec.initial(rules))) == {
        "postgres": "0", "valkey": "0", "a: carries": "nothing", "b: carries": "nothing", "a: owes": "no",
        "b: owes": "no", "changes left": "2", "faults left": "1",
    }  # fmt: skip
    assert explore(spec, spec.small).complete


MADE_UP = '''
"""Instances with records, mitras with flags, numbers that name one, sets of records."""
from typing import NamedTuple

from rig.model.language import Rules, Spec, action, invariant


class Server(NamedTuple):
    serves: int = -1
    debts: tuple = (False, False)


class Late(NamedTuple):
    whom: int
    version: int


class State(NamedTuple):
    online: tuple
    servers: tuple
    late: frozenset
    leader: int


def initial(rules: Rules) -> State:
    return State((True, True), (Server(), Server()), frozenset(), 0)


def relabel(state, instances, mitras):
    place = {old: new for new, old in enumerate(mitras)} | {-1: -1}
    return State(
        tuple(state.online[one] for one in mitras),
        tuple(
            Server(place[state.servers[one].serves], tuple(state.servers[one].debts[m] for m in mitras))
            for one in instances
        ),
        frozenset(one._replace(whom=place[one.whom]) for one in state.late),
        instances.index(state.leader),
    )


@action("instance")
def serve(rules, state, instance):
    """It serves."""
    yield state._replace(late=state.late | {Late(1, 3)}, servers=(Server(1, (False, True)), state.servers[1]))


@invariant("INV-01", "Something")
def something(rules, before, step, after):
    return ""


BOUNDS = {"instances": 2, "mitras": 2}
SPEC = Spec("made", "Made up", initial, [serve], [something], lambda rules, state: True, [BOUNDS], BOUNDS, relabel=relabel)
'''


def test_names_are_found_by_relabelling(tmp_path: Path) -> None:
    (tmp_path / "made.py").write_text(MADE_UP)
    spec = load(str(tmp_path / "made.py")).spec
    rules = Rules(spec.small)
    before = spec.initial(rules)
    _, after = next(iter(spec.steps(rules, before)))
    names = Names(spec, rules, [before, after])
    assert dict(names.rows(before)) == {
        "m1: online": "yes", "m2: online": "yes", "a: serves": NONE, "a, m1: debts": "no", "a, m2: debts": "no",
        "b: serves": NONE, "b, m1: debts": "no", "b, m2: debts": "no", "late": NONE, "leader": "a",
    }  # fmt: skip
    assert names.changes(before, after) == [
        ("a: serves", NONE, "m2"), ("a, m2: debts", "no", "yes"), ("late", NONE, "whom m2, version 3"),
    ]  # fmt: skip


def test_names_of_people_and_servers() -> None:
    assert [name_of("instance", 1), name_of("mitra", 1), name_of("chat", 1)] == ["b", "m2", "chat 2"]
    assert named("mitra 0 at instance 1 and mitras 2") == "m1 at b and mitras 2"


def test_the_list_tells_bounds_invariants_and_mutants(fence: Path, model: Callable[..., Done]) -> None:
    done = model("--spec", "fence.py", "--list")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "fence: A change and its way into Valkey (4 actions, 2 rules)",
        "  within     2 instances, 3 changes, 1 fault",
        "  INV-01     In quiet, Valkey has what Postgres has",
        f"  mutant     {LATE} (breaks INV-01)",
        f"  mutant     {UNHEARD} (breaks INV-01)",
    ]
    assert not (fence / "reports").exists()
