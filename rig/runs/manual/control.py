"""How a command reaches the `rig serve` that runs: a Unix socket for its owner, one line of JSON each way."""

import json
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from typer import echo

from rig.environment.running_stacks import NO_SESSION, the_session
from rig.errors import UsageError
from rig.stack.errors import SpecError, StackError

REQUEST_S = 2.0  # in which a client has to say what it wants, as nobody else is served meanwhile
EXIT_BROKEN, EXIT_USAGE = 3, 4

Request = Mapping[str, Any]


class ControlSocket:
    """The end of `rig serve`. Requests are served one after the other, by the thread that calls `serve_one`."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "control.sock"
        self._listener = socket.socket(socket.AF_UNIX)
        previous = os.umask(0o177)  # from its first moment on nobody but the owner may connect
        try:
            self._listener.bind(str(self.path))
        finally:
            os.umask(previous)
        self._listener.listen(8)

    def serve_one(self, act: Callable[[Request], list[str]], within_s: float) -> bool:
        """Wait for a request for at most `within_s`, act on it and answer; whether there was one."""
        self._listener.settimeout(within_s)
        try:
            connection, _ = self._listener.accept()
        except TimeoutError:
            return False
        with connection:
            connection.settimeout(REQUEST_S)
            try:
                with connection.makefile("rwb") as stream:
                    request = json.loads(stream.readline())
                    stream.write(json.dumps(answer(act, request)).encode() + b"\n")
            except (OSError, ValueError):
                return True  # it has gone, or speaks something else
        return True

    def describe(self, answers_within_s: float) -> dict[str, Any]:
        """What `ask` has to know."""
        return {"control": str(self.path), "answers_within_s": answers_within_s}

    def close(self) -> None:
        self._listener.close()


def answer(act: Callable[[Request], list[str]], request: Request) -> dict[str, Any]:
    """What the command prints, or its one line of error with its exit code."""
    try:
        return {"lines": act(request)}
    except (UsageError, SpecError) as error:
        return {"error": str(error), "exit": EXIT_USAGE}
    except StackError as error:
        return {"error": " ".join(str(error).split()), "exit": EXIT_BROKEN}


def run(session: str | None, request: Request) -> int:
    """`rig valkey` and `rig server`: have the running session do it, and print what came of it."""
    for line in ask(the_session(session), request):
        echo(line)
    return 0


def ask(facts: Mapping[str, Any], request: Request) -> list[str]:
    """Have the session of this state file carry out a request; the lines to print.

    UsageError for what cannot be, or when the session has ended; StackError when it failed.
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
        raise StackError(f"{facts['name']} gave no answer within {session['answers_within_s']:g} s") from None
    except (FileNotFoundError, ConnectionError):
        raise UsageError(f"{facts['name']} was killed and has ended: {NO_SESSION}") from None
    if not reply:
        raise StackError(f"{facts['name']} ended before it answered")
    if "error" in reply:
        raise (UsageError if reply["exit"] == EXIT_USAGE else StackError)(reply["error"])
    lines: list[str] = reply["lines"]
    return lines
