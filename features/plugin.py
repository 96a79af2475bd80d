"""Binds scenarios to the rig: one test bed per worker, one world per scenario, and a record line for every step."""

import inspect
import json
import os
import random
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from rig.checks import load_checks
from rig.config import HANDED
from rig.environment.attached import AttachedTestbed
from rig.environment.cadence import Cadence
from rig.environment.running_stacks import announce
from rig.environment.step_errors import blamed
from rig.environment.testbed import Testbed
from rig.fixtures import SchemaMismatch, load_schema
from rig.record import Recorder, RunDirectory
from rig.record.lines.checklist import StepError
from rig.record.lines.common import Broken, StackOpened, Starts
from rig.runs.checklist.scenario_fault import ScenarioFault
from rig.runs.checklist.scenario_log import ScenarioLog, items_of
from rig.runs.checklist.started_by_pytest import a_run_of
from rig.runs.checklist.world import World
from rig.runs.common.kept import hold
from rig.stack import Stack, StackError, StackSpec, Supervisor, open_stack

# Every module of steps, so that a new section is one file and no list of it is kept.
pytest_plugins = [f"features.steps.{path.stem}" for path in Path(__file__).parent.glob("steps/[a-z]*.py")]

# What the rig's own lag or blindness voided is tried again, after so many seconds each.
PAUSES_S = (1.0, 3.0, 9.0)
ATTEMPT = pytest.StashKey[int]()
VOIDS = pytest.StashKey[list[str]]()
TOLD = pytest.StashKey[list[str]]()
LOG = pytest.StashKey[ScenarioLog]()


class Settings:
    """What the driver handed over in `RIG_INTERNAL_CHECKLIST`, as JSON."""

    def __init__(self) -> None:
        given = json.loads(os.environ[HANDED])
        self.run = RunDirectory(Path(given["run"]))
        self.spec = StackSpec.restored(given["spec"], self.run.logs)
        self.cadence = Cadence(given["cadence"])
        self.random_seed = int(given["random_seed"])
        self.items = frozenset(given["items"])
        self.ready_within_s = float(given["ready_within_s"])
        self.keep = bool(given["keep"])
        self.schema = load_schema(Path(given["schema"]) if given["schema"] else None)
        self.level = str(given["level"])
        self.under = given["under"]


def template_of(item: pytest.Item) -> Any:
    """The Gherkin scenario behind a test function, or None for any other test."""
    from pytest_bdd.scenario import scenario_wrapper_template_registry

    return scenario_wrapper_template_registry.get(getattr(item, "function", None))


def begun_by_pytest() -> bool:
    """Whether no driver of ours started this process."""
    return HANDED not in os.environ


def boxes_of(items: Iterable[pytest.Item]) -> list[str]:
    """The boxes that the scenarios among these answer."""
    templates = [template for item in items if (template := template_of(item)) is not None]
    return items_of(step.name for template in templates for step in template.steps)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "xdist_group(name): scenarios that share a started backend stay on one worker")
    if begun_by_pytest() and getattr(config.option, "numprocesses", None):
        raise pytest.UsageError("by pytest the features run on one stack: for several, `rig checklist --workers N`")


def pytest_itemcollected(item: pytest.Item) -> None:
    """So that `-k C-07` picks the scenario that answers this box."""
    item.extra_keyword_matches.update(boxes_of([item]))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the scenarios that answer a wanted box, in an order drawn from the random seed.

    Scenarios of one file that ask for the same backend stay together on a worker and share its start.
    """
    if begun_by_pytest():
        return  # who began it has chosen
    settings = Settings()
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        template = template_of(item)
        if template is None or not settings.items & set(items_of(step.name for step in template.steps)):
            continue
        backend = next((step.name for step in template.all_background_steps + template.steps), "")
        groups.setdefault(f"{backend} | {Path(template.feature.filename).stem}", []).append(item)
    order = random.Random(settings.random_seed)
    names = sorted(groups)
    order.shuffle(names)
    names.sort(key=lambda name: name.split(" | ")[0])  # stable: equal backends next to each other
    kept = []
    for name in names:
        order.shuffle(groups[name])
        for item in groups[name]:
            item.add_marker(pytest.mark.xdist_group(name))
            kept.append(item)
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Run a scenario; again, up to three times, when the rig itself spoiled what it wanted to see."""
    if template_of(item) is None:
        return None  # somebody else's test
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for attempt, pause_s in enumerate((*PAUSES_S, None), 1):
        item.stash[ATTEMPT] = attempt
        item.stash[VOIDS] = []
        reports = runtestprotocol(item, nextitem=nextitem, log=False)
        if not item.stash[VOIDS] or pause_s is None:
            break
        time.sleep(pause_s)
        item._initrequest()  # type: ignore[attr-defined]
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.fixture(scope="session")
def settings(request: pytest.FixtureRequest) -> Iterator[Settings]:
    load_checks()
    if not begun_by_pytest():
        yield Settings()
        return
    with a_run_of(boxes_of(request.session.items), request.config.stash.setdefault(TOLD, [])) as session:
        yield Settings()
        session.interrupted = request.session.exitstatus == pytest.ExitCode.INTERRUPTED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Where the report of a run lies that no driver tells of."""
    for line in terminalreporter.config.stash.get(TOLD, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def testbed(settings: Settings) -> Iterator[Testbed]:
    """This worker's own stack; the supervisor of the whole run owns its processes."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    supervisor = Supervisor.attach(os.environ["RIG_SUPERVISOR"])
    with Recorder(settings.run, worker) as recorder, opened(settings.spec, supervisor, worker, recorder) as stack:
        recorder.add(StackOpened(t=time.time(), worker=worker, mode=settings.spec.mode))
        kind = AttachedTestbed if settings.spec.attached else Testbed
        given = (settings.cadence, settings.random_seed, settings.ready_within_s, settings.schema, settings.level)
        testbed = kind(stack, recorder, *given)
        fault = ScenarioFault(testbed, **settings.under) if settings.under else None
        testbed.scenario_fault = fault
        state_file = announce(stack, "checklist", testbed.schema)
        try:
            require_schema(testbed)
            yield testbed
            if settings.keep and testbed.failed:
                hold(settings.run, testbed, "checklist")
        finally:
            state_file.unlink(missing_ok=True)
            if fault is not None:
                fault.remove()
            recorder.add(Starts(t=time.time(), worker=worker, count=testbed.starts))
            testbed.close()


def require_schema(testbed: Testbed) -> None:
    """A mapping that does not fit is told before the first scenario: it is why no box gets an answer."""
    if testbed.schema.foreign:
        try:
            with suppress(StackError):  # a server that does not come up is told by the scenarios
                testbed.ready(testbed.environment_for(), quiet=False)
        except SchemaMismatch as error:
            testbed.recorder.add(Broken(t=time.time(), text=str(error)))
            raise


@contextmanager
def opened(spec: StackSpec, supervisor: Supervisor, worker: str, recorder: Recorder) -> Iterator[Stack]:
    """The worker's stack; one that does not come up is recorded, as it is why no box gets an answer."""
    with ExitStack() as stack:
        try:
            services = stack.enter_context(open_stack(spec, supervisor, worker))
        except StackError as error:
            recorder.add(Broken(t=time.time(), text=str(error)))
            raise
        yield services


@pytest.fixture
def world(request: pytest.FixtureRequest, testbed: Testbed) -> Iterator[World]:
    log = request.node.stash[LOG]
    world = World(testbed, testbed.recorder, log.scenario, log.variant, request.node.stash[ATTEMPT])
    yield world
    request.node.stash[VOIDS] = world.voids
    if not (testbed.failed and request.getfixturevalue("settings").keep):
        world.close()


def pytest_bdd_before_scenario(request: pytest.FixtureRequest, feature: Any, scenario: Any) -> None:
    testbed: Testbed = request.getfixturevalue("testbed")
    testbed.record_crashes()  # of what the scenario before left running
    example = getattr(request.node, "callspec", None)
    log = ScenarioLog(
        recorder=testbed.recorder,
        feature=Path(feature.filename).name,
        name=scenario.name,
        variant=example.id if example else "",
        attempt=request.node.stash[ATTEMPT],
        items=items_of(step.name for step in scenario.steps),
    )
    request.node.stash[LOG] = log
    testbed.scenario = {"scenario": log.scenario, "variant": log.variant}
    testbed.recorder.about(**testbed.scenario)
    log.begin()


def pytest_bdd_before_step_call(
    request: pytest.FixtureRequest, scenario: Any, step: Any, step_func: Any, step_func_args: Any
) -> None:
    if inspect.iscoroutinefunction(step_func):  # it would pass without having run
        raise TypeError(f"the step {step.name!r} is a coroutine function, which is never awaited: make it a plain one")
    request.node.stash[LOG].step_begins(step.keyword, step.name)
    request.getfixturevalue("world").step_begins(acts=step.type != "then")


def pytest_bdd_after_step(request: pytest.FixtureRequest, step: Any) -> None:
    world: World = request.getfixturevalue("world")
    items = items_of([step.name])
    request.node.stash[LOG].step_ends(world.outcomes[items[0]].verdict if items else "passed")


def pytest_bdd_step_error(request: pytest.FixtureRequest, step: Any, exception: Exception) -> None:
    testbed: Testbed = request.getfixturevalue("testbed")
    request.node.stash[LOG].step_fails(
        step.keyword, step.name, blamed(exception) or testbed.classify_failure(exception)
    )
    request.getfixturevalue("world").step_fails(exception)
    testbed.dirty(f"a step of the scenario before ended with {type(exception).__name__}")


def pytest_bdd_step_func_lookup_error(request: pytest.FixtureRequest, step: Any, exception: Exception) -> None:
    request.node.stash[LOG].step_fails(step.keyword, step.name, StepError("broken", str(exception)))


def pytest_bdd_after_scenario(request: pytest.FixtureRequest) -> None:
    """The scenario fails at its end, once every box has had its answer."""
    log = request.node.stash[LOG]
    world: World = request.getfixturevalue("world")
    log.end(world.voids)
    troubles = world.troubles()
    again = world.voids and log.attempt <= len(PAUSES_S)
    world.testbed.failed |= bool(troubles or log.error) and not again
    if troubles and not log.error:
        pytest.fail("\n".join(troubles), pytrace=False)
