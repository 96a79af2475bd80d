"""What can go wrong with the stack. Each error composes its message: what happened, log's end, what to do."""

from pathlib import Path

from rig.stores import Lacks

TAIL_LINES = 12


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log without their stamps, indented; or a word on why there are none."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "    (no log yet)"
    if not text:
        return "    (it printed nothing)"
    return "\n".join("    " + line.partition(" ")[2] for line in text[-lines:])


class StackError(Exception):
    """The stack, not the server under test, is at fault: a run that meets it is broken."""


class SpecError(StackError):
    """The stack asked for cannot be, or is not ours to touch: a usage error."""


class CapabilityMissing(StackError, Lacks):
    """This kind of stack cannot do that (stop somebody else's Postgres, say): what needs it is skipped, by name."""


class SupervisorGone(StackError):
    """The supervisor no longer answers, and with it all processes of the run have ended."""


class SpawnError(StackError):
    """A command could not even be started."""


class ServerDied(StackError):
    """The server under test exited before it was ready."""

    def __init__(self, name: str, exit_code: int, command: str, log: Path) -> None:
        self.exit_code = exit_code
        how = f"was killed by signal {-exit_code}" if exit_code < 0 else f"exited with code {exit_code}"
        super().__init__(
            f"server {name} {how} before it was ready. Its last lines ({log}):\n{tail(log)}\n"
            f"  To see it by hand: `rig serve`, or run {command!r} with the environment of docs/contract.md."
        )


class NotReady(StackError):
    """The server under test runs but its /readyz did not answer 200 in time."""

    def __init__(self, name: str, within_s: float, last: str, log: Path) -> None:
        super().__init__(
            f"server {name} was not ready within {within_s:g} s: {last}. Its last lines ({log}):\n"
            f"{tail(log)}\n  It must answer GET /readyz on INTERNAL_PORT with 200 once it serves; "
            "on a slow machine give it more with --ready-within-s."
        )
