"""Tests of box checks start from an observation that passes and change one place of it."""

import copy
from collections.abc import Sequence
from typing import Any

from rig.checks import judge_seen, load_checks

A, B, C = (f"00000000-0000-4000-8000-00000000000{digit}" for digit in "abc")
T = 1_800_000_000.0
HEARTBEAT = "2027-01-15T08:00:00.000Z"  # T
Path = Sequence[str | int]
DELETE = object()
load_checks()


def changed(seen: dict[str, Any], *changes: tuple[Path, Any]) -> dict[str, Any]:
    """A copy with each place set to its value, or taken out for DELETE. KeyError for a place that is not there."""
    copied = copy.deepcopy(seen)
    for path, value in changes:
        holder: Any = copied
        for step in path[:-1]:
            holder = holder[step]
        if value is DELETE:
            del holder[path[-1]]
        else:
            holder[path[-1]] = value
    return copied


def verdict(item: str, seen: dict[str, Any], bounds: dict[str, float]) -> tuple[str, str]:
    judgement = judge_seen(item, seen, bounds)
    return str(judgement.verdict), judgement.message


def statement(at: float, text: str, ids: Sequence[str] = (), **facts: Any) -> dict[str, Any]:
    """A committed statement of instance a, with an array of ids as its parameter."""
    parameters = ["{" + ",".join(ids) + "}"] if ids else []
    return {
        "at": at, "role": "sut_a", "instance": "a", "class": "work", "text": text, "parameters": parameters,
        "severity": "LOG", "committed_at": at + 0.001, **facts,
    }  # fmt: skip


def exchange(reply: Any, status: int | None = 200, **facts: Any) -> dict[str, Any]:
    return {
        "method": "POST", "url": "http://x/", "action": "ping", "status": status, "reply": reply, "error": None,
        "code": None, "started": T, "ended": T + 0.01, **facts,
    }  # fmt: skip


def pings(mitras: Sequence[str], since: float, until: float, every_s: float = 0.2) -> list[dict[str, Any]]:
    count = int((until - since) / every_s)
    return [
        {"id": mitra, "at": since + n * every_s, "ended": since + n * every_s + 0.01, "status": 200, "is_online": True}
        for n in range(count)
        for mitra in mitras
    ]


START = {
    "variable": "X_SECONDS", "wanted": "1", "given": "1", "process": "1", "running": True, "seed_lines": ["seed"],
}  # fmt: skip
START_VARIANTS = [
    (("running",), False, "does not run"),
    (("given",), "30", "not 1"),
    (("process",), "30", "its process"),
    (("seed_lines",), [], "no seed line"),
]
STOPPED = {"how": "killed", "direct": "refused", "through_proxy": "closes"}
STOPPED_VARIANTS = [
    (("through_proxy",), "answers", "still answers on the backend's address"),
    (("direct",), "answers", "still answers directly"),
]
SKIPPED = {"valkey": STOPPED, "stopped_at": T, "back_at": T + 4.3, "lines": [[T + n, "skipping"] for n in (1, 2, 3, 4)]}
SKIPPED_BOUNDS = {"every_s": 1.0, "flush_s": 1.0}
