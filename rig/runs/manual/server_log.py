"""`rig log`: what the servers of the session print, and what was done to them by command."""

from collections.abc import Sequence

from rig.environment.running_stacks import the_session
from rig.observe import ServerLog
from rig.runs.manual.lines import ACTIONS_LOG, Line, Wanted, chosen, show


def run(session: str | None, instances: Sequence[str], wanted: Wanted) -> int:
    """Print lines of the servers that are named, else of all of them and of the session's commands."""
    facts = the_session(session)
    paths = facts["session"]["logs"]
    chosen(instances, [name for name in paths if name != ACTIONS_LOG])
    logs = {name: ServerLog(paths[name]) for name in instances or paths}

    def read(since: float | None) -> list[Line]:
        found = [Line(at, name, text) for name, log in logs.items() for at, text in log.lines(since)]
        return sorted(found, key=lambda line: line.at)

    return show(facts, read, wanted)
