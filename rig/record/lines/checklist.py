"""Lines of the checklist."""

from typing import Any

import msgspec

from rig.record.lines.base import ScenarioLine, Verdict


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of a scenario as it went."""

    keyword: str
    text: str
    verdict: Verdict
    seconds: float


class StepError(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What stopped a scenario or an observation; `owner` is the item that it fails."""

    verdict: Verdict
    message: str
    step: str = ""
    owner: str = ""


class Scenario(ScenarioLine, frozen=True, kw_only=True, tag="scenario"):
    """A scenario begins or ends (`phase`); `voids` say why this try does not count, if it does not."""

    phase: str
    attempt: int
    items: list[str]
    began: float = 0.0
    steps: list[Step] = []
    error: StepError | None = None
    voids: list[str] = []


class Observation(ScenarioLine, frozen=True, kw_only=True, tag="observation"):
    """What was observed for one item: what its check judges, its bounds, and what a reader may look at."""

    item: str
    attempt: int
    seen: dict[str, Any]
    bounds: dict[str, float]
    evidence: list[dict[str, Any]]
    started: float
    ended: float
    error: StepError | None = None
    lag_so_far_s: float = 0.0
