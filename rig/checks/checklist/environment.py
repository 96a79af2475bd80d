"""The backend was restarted with an environment variable."""

from rig.checks.framework import Judge
from rig.record.observations.parts import ServerStart


def require_started_in(judge: Judge, seen: ServerStart) -> None:
    variable, wanted = seen.variable, seen.wanted
    judge.require(seen.running, "the backend does not run")
    judge.require(seen.given == wanted, f"the backend was started with {variable}={seen.given}, not {wanted}")
    judge.require(seen.seed_lines, "no seed line since that start")
    if seen.process is None:
        judge.note(f"started with {variable}={wanted} (its process' own environment could not be read)")
        return
    judge.require(seen.process == wanted, f"its process runs with {variable}={seen.process}, not {wanted}")
    judge.note(f"its process runs with {variable}={wanted}")
