"""The state files of running stacks, by which commands such as `rig vk` and `rig server` find the one to talk to.

Looking for a stack imports no client of a store: a command that only looks has to answer at once.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rig.errors import UsageError, unknown
from rig.paths import CHECKOUT, cache_directory

if TYPE_CHECKING:
    from rig.fixtures import Schema
    from rig.stack.stack import Stack

NONE_RUNS = "start one with `rig serve`, or keep one with --keep"
NO_SESSION = "start one with `rig serve` in another terminal"


def directories() -> list[Path]:
    """Where state files may be: in the checkout, and in the user's cache where that is read-only or there is none."""
    in_checkout = [CHECKOUT / ".rig" / "running"] if CHECKOUT else []
    return [*in_checkout, cache_directory() / "running"]


@contextmanager
def announced(
    stack: "Stack", command: str, schema: "Schema | None" = None, session: Mapping[str, Any] | None = None
) -> Iterator[None]:
    """Let other commands find this stack while it runs. Call `announce` again after starting servers to tell of them."""
    path = announce(stack, command, schema, session)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def announce(
    stack: "Stack", command: str, schema: "Schema | None" = None, session: Mapping[str, Any] | None = None
) -> Path:
    """Write or renew the state file of this process; only its owner may read it, as it holds passwords.

    With a foreign schema `rig sql` reads the contract's names too. `session` is what `rig serve` tells of itself:
    by it the commands of a manual session reach it.
    """
    from rig.fixtures import Schema, reading_options

    facts = {
        "pid": os.getpid(),
        "name": f"{command}-{os.getpid()}",
        "supervisor": str(stack.supervisor.socket),
        "written": time.time(),
        "stack": {
            **stack.describe(),
            "sql_options": reading_options(schema or Schema()),
            "clients": clients(stack.spec.postgres_wheel),
        },
        **({"session": dict(session)} if session is not None else {}),
    }
    directory = writable_directory()
    path, fresh = directory / f"{os.getpid()}.json", directory / f".{os.getpid()}"
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(facts, file, indent=2)
    fresh.replace(path)
    return path


def clients(postgres_wheel: str | None = None) -> dict[str, str | None]:
    """Where the command-line clients of the stores are; None where this machine has none."""
    from rig.stack.embedded.postgres_binaries import installed
    from rig.stack.embedded.valkey_binaries import command_line_client
    from rig.stack.errors import StackError

    valkey_client = command_line_client()
    try:
        psql = str(installed(postgres_wheel) / "bin" / "psql")
    except StackError:
        psql = None
    return {"valkey-cli": str(valkey_client) if valkey_client else None, "psql": psql}


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
    return look()[0]


def look() -> tuple[list[dict[str, Any]], list[str]]:
    """The stacks that run now, and the names of those that were killed, whose state files are removed."""
    found, killed = [], []
    for directory in directories():
        for path in sorted(directory.glob("*.json")) if directory.is_dir() else ():
            try:
                facts = json.loads(path.read_text())
            except (OSError, ValueError):
                continue  # another program's file, or one that is just being removed
            if Path(facts["supervisor"]).exists() and process_exists(facts["pid"]):
                found.append(facts)
            else:
                path.unlink(missing_ok=True)
                killed.append(facts["name"])
    return found, killed


def process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it is another user's
    return True


def the_stack(name: str | None) -> dict[str, Any]:
    """`Stack.describe()`, `sql_options` and `clients` of the stack that runs, or of the one named (by name or pid)."""
    stack: dict[str, Any] = choose(name, *look(), what="stack", none=NONE_RUNS)["stack"]
    return stack


def the_session(name: str | None) -> dict[str, Any]:
    """The state file of the `rig serve` that runs, or of the one named (by name or pid).

    UsageError in one line when there is none, when there are several and no name, and when it was killed.
    """
    found, killed = look()
    sessions = [facts for facts in found if "session" in facts]
    others = [facts["name"] for facts in found if "session" not in facts]
    if name in others or (name is None and others and not sessions):
        raise UsageError(f"{name or others[0]} is no manual session: {NO_SESSION}")
    return choose(name, sessions, killed, what="session", none=NO_SESSION)


def choose(
    name: str | None, stacks: list[dict[str, Any]], killed: list[str], *, what: str, none: str
) -> dict[str, Any]:
    """The one that is meant. UsageError lists those that there are."""
    chosen = [facts for facts in stacks if name in (None, facts["name"], str(facts["pid"]))]
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(facts["name"] for facts in stacks)
    gone = [one for one in killed if name is None or name in (one, one.rpartition("-")[2])]
    if not chosen and gone:
        instead = f"choose {names}" if stacks else none
        raise UsageError(f"{' and '.join(gone)} was killed and has ended: {instead}")
    if not stacks:
        raise UsageError(f"no {what} is running: {none}")
    if not chosen:
        raise unknown(f"running {what}", str(name), [facts["name"] for facts in stacks])
    raise UsageError(f"several {what}s are running ({names}): choose one with --session NAME")
