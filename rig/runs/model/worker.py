"""`python -m rig.runs.model.worker RUN JOB`: one exploration, or one negative control, in a process of its own.

Its lines go straight into the record of the run. A process for each job frees all memory at its end, and a limit of
memory ends one exploration and not the run.
"""

import json
import pickle
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from rig.model.checker import explore
from rig.model.found import Explored
from rig.model.language import Spec, SpecError
from rig.record import Recorder, RunDirectory
from rig.record.lines import line_from
from rig.record.lines import model as lines
from rig.runs.model.control import controlled, unfinished
from rig.runs.model.specifications import load
from rig.runs.model.summary import told_bounds
from rig.runs.model.violation_path import plain_violation

BYTES_A_MB = 1 << 20
HARD = 1.5  # the limit that the system keeps, as a multiple of the one at which the checker ends in order
# Of one exploration of a negative control; the thorough one explores to its end without rules that nothing breaks.
EACH_S, THOROUGH_S = 60.0, 600.0
INTERRUPTED = threading.Event()


def main(run: Path, job: dict[str, Any]) -> None:
    """Carry out one job, and write what came of it."""
    most = int(HARD * job["memory_mb"] * BYTES_A_MB)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    found = load(job["source"])
    with Recorder(RunDirectory(run), f"job-{job['number']:03d}") as recorder:
        if job["do"] == "explore":
            signal.signal(signal.SIGINT, lambda *_: INTERRUPTED.set())
            recorder.add(line_from(lines.Explored, explored(found.spec, job, kept(run, job["number"]))))
        else:
            control_of(found.spec, job, run, recorder)


def kept(run: Path, number: int) -> Path:
    """Where an exploration leaves what the negative control of its specification wants to know of it."""
    return run / "logs" / f"job-{number:03d}.pickle"


def control_of(spec: Spec, job: dict[str, Any], run: Path, recorder: Recorder) -> None:
    """The negative control, until it has ended, is interrupted, or its time is over."""
    own = {"spec": job["spec"], "number": job["number"]}
    stopped = ""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGALRM, time_over)
    signal.setitimer(signal.ITIMER_REAL, max(0.01, job["seconds_max"]))
    clean = [pickle.loads(path.read_bytes()) for number in job["after"] if (path := kept(run, number)).is_file()]
    try:
        done = controlled(
            spec, lambda line: recorder.add(line_from(lines.Control, {**own, **line})), clean, workers=job["workers"],
            thorough=job["thorough"], seconds_max=THOROUGH_S if job["thorough"] else EACH_S, memory_max_bytes=job["memory_mb"] * BYTES_A_MB,
        )  # fmt: skip
        for title in (*done.unbroken, *done.untold):
            recorder.add(line_from(lines.Unbroken, {**own, "title": title, "known": title in done.unbroken}))
        stopped = unfinished(done)
    except KeyboardInterrupt:
        stopped = "interrupted"
    except TimeoutError:
        stopped = f"it took longer than {job['seconds_max']:.0f} s"
    if stopped:
        recorder.add(line_from(lines.Uncontrolled, {**own, "stopped": stopped, "seconds": 0.0}))


def time_over(*_: object) -> NoReturn:
    raise TimeoutError


def explored(spec: Spec, job: dict[str, Any], keep: Path) -> dict[str, Any]:
    """The fields of an `explored` line: what was found within these bounds, and why no more."""
    began = time.monotonic()
    try:
        found = explore(
            spec, job["bounds"], job["without"], states_max=job["states_max"], seconds_max=job["seconds_max"],
            memory_max_bytes=job["memory_mb"] * BYTES_A_MB, stop=lambda: "interrupted" if INTERRUPTED.is_set() else "",
        )  # fmt: skip
    except MemoryError:
        found = Explored(job["bounds"], frozenset(job["without"]), seconds=time.monotonic() - began)
        found.stopped = f"more than {job['memory_mb']} MB of memory"
    if found.complete and not found.violation:
        keep.write_bytes(pickle.dumps(found))
    return {**of_job(job), **figures_of(found), "violation": path_of(spec, found, job)}


def of_job(job: dict[str, Any]) -> dict[str, Any]:
    own = {name: job[name] for name in ("spec", "number", "bounds", "without", "mutant")}
    return {**own, "within": told_bounds(job["bounds"])}


def figures_of(found: Explored) -> dict[str, Any]:
    return {
        "states": found.states,
        "transitions": found.transitions,
        "depth": found.depth,
        "seconds": round(found.seconds, 3),
        "complete": found.complete,
        "stopped": found.stopped,
        "taken": dict(found.taken),
    }


def path_of(spec: Spec, found: Explored, job: dict[str, Any]) -> dict[str, Any] | None:
    if found.violation is None:
        return None
    return plain_violation(spec, found.violation, found.bounds, sorted(found.without), job["mutant"])


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()))
    except SpecError as defect:  # which says all in one line
        sys.exit(str(defect))
