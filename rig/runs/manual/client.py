"""`rig valkey`, `rig server`, `rig env`: ask the `rig serve` that runs, by its socket. Imports no client of a store, to answer at once."""

import json
import socket
from collections.abc import Mapping
from typing import Any

from typer import echo

from rig.environment.running_stacks import NO_SESSION, the_session
from rig.errors import UsageError

Request = Mapping[str, Any]


class SessionEnded(UsageError):
    """The session has ended: it was killed, or stopped a moment ago."""


def run(session: str | None, request: Request) -> int:
    """`rig valkey`, `rig server` and `rig env`: have the running session do it, and print what it answers."""
    for line in ask(the_session(session), request):
        echo(line)
    return 0


def ask(facts: Mapping[str, Any], request: Request) -> list[Any]:
    """Have the session of this state file carry out a request: the lines that it answers.

    UsageError for what cannot be, SessionEnded, StackError when it failed.
    """
    session = facts["session"]
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(session["answers_within_s"])
            connection.connect(session["control"])
            connection.sendall(json.dumps(dict(request)).encode() + b"\n")
            with connection.makefile("rb") as stream:
                reply = json.loads(stream.readline() or "{}")
    except TimeoutError:
        raise failure()(f"{facts['name']} gave no answer within {session['answers_within_s']:g} s") from None
    except (FileNotFoundError, ConnectionError):
        raise SessionEnded(f"{facts['name']} has ended: {NO_SESSION}") from None
    if not reply:
        raise SessionEnded(f"{facts['name']} ended before it answered: {NO_SESSION}")
    if "error" in reply:
        raise (UsageError if reply["usage"] else failure())(reply["error"])
    lines: list[Any] = reply["lines"]
    return lines


def failure() -> type[Exception]:
    from rig.stack.errors import StackError  # here, as it brings the clients of the stores along

    return StackError
