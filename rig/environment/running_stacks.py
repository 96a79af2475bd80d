"""The state files of running stacks, by which `rig vk` and `rig sql` find the one to talk to."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rig.errors import UsageError, unknown
from rig.fixtures import Schema, reading_options
from rig.paths import CHECKOUT, cache_directory
from rig.stack.stack import Stack


def directories() -> list[Path]:
    """Where state files may be: in the checkout, and in the user's cache where that is read-only or there is none."""
    in_checkout = [CHECKOUT / ".rig" / "running"] if CHECKOUT else []
    return [*in_checkout, cache_directory() / "running"]


@contextmanager
def announced(stack: Stack, command: str, schema: Schema | None = None) -> Iterator[None]:
    """Let other commands find this stack while it runs. Ask again after starting servers to tell of them."""
    path = announce(stack, command, schema)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def announce(stack: Stack, command: str, schema: Schema | None = None) -> Path:
    """Write or renew the state file of this process; only its owner may read it, as it holds passwords.

    With a foreign schema `rig sql` reads the contract's names too.
    """
    facts = {
        "pid": os.getpid(),
        "name": f"{command}-{os.getpid()}",
        "supervisor": str(stack.supervisor.socket),
        "written": time.time(),
        "stack": {**stack.describe(), "sql_options": reading_options(schema or Schema())},
    }
    directory = writable_directory()
    path, fresh = directory / f"{os.getpid()}.json", directory / f".{os.getpid()}"
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(facts, file, indent=2)
    fresh.replace(path)
    return path


def writable_directory() -> Path:
    for directory in directories():
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(directory, os.W_OK):
            return directory
    raise OSError(f"none of {', '.join(map(str, directories()))} can be written")


def running() -> list[dict[str, Any]]:
    """The stacks that run now; state files of rigs that were killed are removed on the way."""
    stacks = []
    for directory in directories():
        for path in sorted(directory.glob("*.json")) if directory.is_dir() else ():
            try:
                facts = json.loads(path.read_text())
            except (OSError, ValueError):
                continue  # somebody else's, or just being removed
            if Path(facts["supervisor"]).exists():
                stacks.append(facts)
            else:
                path.unlink(missing_ok=True)
    return stacks


def the_stack(name: str | None) -> dict[str, Any]:
    """`Stack.describe()` and `sql_options` of the one that runs, or of the one named (by name or pid)."""
    stacks = running()
    chosen = [facts for facts in stacks if name in (None, facts["name"], str(facts["pid"]))]
    if len(chosen) == 1:
        stack: dict[str, Any] = chosen[0]["stack"]
        return stack
    names = ", ".join(facts["name"] for facts in stacks)
    if not stacks:
        raise UsageError("no stack is running: start one with `rig serve`, or keep one with --keep")
    if not chosen:
        raise unknown("running stack", str(name), [facts["name"] for facts in stacks])
    raise UsageError(f"several stacks are running ({names}): choose one with --stack NAME")
