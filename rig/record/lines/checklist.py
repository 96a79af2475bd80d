"""Lines of the checklist."""

from typing import TYPE_CHECKING

import msgspec

from rig.record.lines.base import Json, Number, ScenarioLine, Verdict

if TYPE_CHECKING:
    from rig.record.evidence import Evidence as SavedEvidence
else:  # msgspec would drop fields that a TypedDict does not name: evidence is saved and read as it is
    SavedEvidence = dict[str, Json]


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of a scenario as it went."""

    keyword: str
    text: str
    verdict: Verdict
    seconds: float


class StepError(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What stopped a scenario or an observation; `owner` is the item that fails because of it."""

    verdict: Verdict
    message: str
    step: str = ""
    owner: str = ""


class Scenario(ScenarioLine, frozen=True, kw_only=True, tag="scenario"):
    """A scenario begins or ends (`phase`). `voids`: the reasons why this attempt does not count."""

    phase: str
    attempt: int
    items: list[str]
    began: float = 0.0
    steps: list[Step] = []
    error: StepError | None = None
    voids: list[str] = []


class Observation(ScenarioLine, frozen=True, kw_only=True, tag="observation"):
    """One observation of an item: `seen` is what its check judges, `evidence` what the report shows."""

    item: str
    attempt: int
    seen: dict[str, Json]
    bounds: dict[str, Number]
    evidence: list[SavedEvidence]
    started: float
    ended: float
    error: StepError | None = None
    lag_so_far_s: float = 0.0
