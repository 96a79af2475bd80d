"""The forms of what stands in results.json, as far as the code reads it again. The report shows more fields."""

from typing import NotRequired, TypedDict

from rig.record.evidence import Evidence


class Answer(TypedDict):
    """One answer of an item, from a scenario and variant. Times are epoch seconds, `seconds` is how long it took."""

    scenario: str
    variant: str
    verdict: str
    message: str
    seconds: float
    started: float
    bounds: object
    weakened: list[str]
    evidence: list[Evidence]
    differences: NotRequired[list[dict[str, object]]]


class Item(TypedDict):
    """An item with its verdict. `all_along`: it was judged from all lines of the run. `part`: the part that judged it."""

    id: str
    section: str
    section_title: str
    kind: str
    title: str
    audience: str
    verdict: str
    message: str
    seconds: float
    all_along: NotRequired[bool]
    part: NotRequired[str]
    answers: list[Answer]
    replay: str


class Campaign(TypedDict):
    """The declaration of a campaign; the rest of it is read by `rig.runs.chaos`."""

    name: str
    replay: list[str]


class Results(TypedDict):
    """A judged run. `name` is that of its directory."""

    kind: str
    name: str
    started: float
    command: str
    random_seed: int | None
    verdict: str
    exit_code: int
    seconds: float
    items: list[Item]
    judged: NotRequired[dict[str, object]]
    campaign: NotRequired[Campaign]
    under: NotRequired[str]
    cadence: NotRequired[str]
    level: NotRequired[str]
