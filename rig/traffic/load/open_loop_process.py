"""Requests at planned moments from a process of its own: what its owner does meanwhile delays none of them."""

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rig.traffic.load.open_loop import Shot, fire


def write_plan(path: Path, url: str, requests: Sequence[bytes], begin: float, rate: float, seconds: float) -> None:
    """`begin` is a moment of the monotonic clock, which all processes of a machine share. The file holds tokens."""
    path.touch(mode=0o600)
    plan = {"url": url, "requests": [request.decode() for request in requests]}
    path.write_text(json.dumps({**plan, "begin": begin, "rate": rate, "seconds": seconds}))


def ending(path: Path) -> Path:
    """The file by which the storm is told to end before its plan does."""
    return path.with_suffix(".end")


def shots_of(path: Path) -> list[Shot]:
    """What an ended storm has left."""
    return [Shot(*shot) for shot in json.loads(path.with_suffix(".shots").read_text())]


def main(path: Path) -> None:
    plan = json.loads(path.read_text())

    def moments() -> Iterator[float]:
        for number in range(int(plan["seconds"] * plan["rate"])):
            if ending(path).exists():
                return
            yield plan["begin"] + number / plan["rate"]

    shots = asyncio.run(fire(plan["url"], moments(), [text.encode() for text in plan["requests"]]))
    path.with_suffix(".shots").write_text(json.dumps([(shot.planned, shot.ended, shot.status) for shot in shots]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
