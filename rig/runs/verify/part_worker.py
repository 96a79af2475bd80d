"""`python -m rig.runs.verify.part_worker FILE`: runs one part of a verification, and keeps its record."""

import json
import os
import pickle
import sys
from pathlib import Path

from rig.record import RunDirectory
from rig.record.directory import new_part
from rig.runs.common.failures import rescued
from rig.runs.common.session import meta_of, recorded
from rig.runs.verify.parts import Handed
from rig.stack import Supervisor

SHARED = ("judged", "stack")  # facts of the verification that hold for each part


def main(file: Path) -> None:
    """From an empty stack to the end of the record. What goes wrong stands in it, or in this process's log and exit code."""
    handed = pickle.loads(file.read_bytes())
    assert isinstance(handed, Handed)
    whole, part = RunDirectory(handed.run), handed.part
    told = json.loads(whole.meta.read_text())
    meta = {**meta_of(handed.settings, part.plan), **{name: told[name] for name in SHARED if name in told}}
    directory = new_part(whole, part.name, part.plan.kind, part.plan.random_seed or 0, meta)
    supervisor = Supervisor.attach(os.environ["RIG_SUPERVISOR"])
    with recorded(directory, supervisor, part.plan) as session, rescued(session.recorder):
        part.play(session, handed.settings)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
