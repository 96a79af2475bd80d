"""How commands reach `rig serve`: a Unix socket for its owner, one line of JSON each way. This is the end of `rig serve`."""

import json
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rig.errors import UsageError
from rig.runs.manual.client import Request
from rig.stack.errors import SpecError, StackError

REQUEST_S = 2.0  # in which a client has to say what it wants, as nobody else is served meanwhile


class ControlSocket:
    """Requests are served one after the other, by the thread that calls `serve_one`."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "control.sock"
        self._listener = socket.socket(socket.AF_UNIX)
        previous = os.umask(0o177)  # from its first moment on nobody but the owner may connect
        try:
            self._listener.bind(str(self.path))
        finally:
            os.umask(previous)
        self._listener.listen(8)

    def serve_one(self, act: Callable[[Request], Sequence[Any]], within_s: float) -> bool:
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
                return True  # the client has left, or sent no JSON
        return True

    def describe(self, answers_within_s: float) -> dict[str, Any]:
        """What a client has to know."""
        return {"control": str(self.path), "answers_within_s": answers_within_s}

    def close(self) -> None:
        self._listener.close()


def answer(act: Callable[[Request], Sequence[Any]], request: Request) -> dict[str, Any]:
    """What the command prints, or its one line of error and whether it is one of usage."""
    try:
        return {"lines": act(request)}
    except (UsageError, SpecError) as error:
        return {"error": str(error), "usage": True}
    except StackError as error:
        return {"error": " ".join(str(error).split()), "usage": False}
    except Exception as error:  # a defect, or a request that no command of ours sends: the session has to go on
        return {"error": f"{type(error).__name__}: {error}", "usage": False}
