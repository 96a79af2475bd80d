"""Lines of a contract run: what was asked of the server step by step, and what the rig did beside it."""

import msgspec

from rig.record.lines.base import Json, Line

StepValue = int | str | bool | None  # what a request carries: a duration, a setting, a code, the name of a token


class ChatColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The row of a chat, in names. `duration` in seconds, `ends_at` in epoch seconds."""

    status: str | None
    mitra: str | None
    customer: str
    duration: int
    ends_at: float | None


class Rows(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rows of a case after a step, by name."""

    online: dict[str, bool]
    active: dict[str, bool]
    audit: dict[str, list[str]]
    chats: dict[str, ChatColumns]
    offers: dict[str, list[str]]
    sign_ins: dict[str, int]  # those of a mitra that are not revoked
    settings: dict[str, int | str]


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The mirror's keys after a step. Ids are names; one that belongs to nobody stands as it is.

    `of`: the mitras whose keys were looked at. `after_s`: seconds from the answer to this look. `expiring`: keys that must not expire and do.
    """

    of: list[str]
    online: list[str]
    deactivated: list[str]
    capacities: dict[str, str | None]
    heartbeats: dict[str, str | None]
    expiring: list[str]
    after_s: float


class ContractStep(Line, frozen=True, kw_only=True, tag="contract-step"):
    """One request and its answer, in names, with rows and keys as they were then (None: not looked at).

    `group` names the people whose case it is: the steps of several cases alternate in a batch.
    """

    batch: int
    case: str
    group: str = ""
    number: int
    action: str
    actor: str
    chat: str = ""
    mitra: str = ""
    value: StepValue = None
    key: str = ""
    token: str = "fresh"
    instance: str = "a"
    began: float
    ended: float
    status: int | None
    reply: Json
    error: str | None = None
    curl: str = ""
    rows: Rows | None = None
    keys: Keys | None = None
    lag_s: float = 0.0


class ContractEvent(Line, frozen=True, kw_only=True, tag="contract-event"):
    """What the rig did: `begin` of a batch on empty stores, `people` planted, `aged` a heartbeat, an outage, a restart.

    `value`: by how many seconds a heartbeat was made older; after an outage in how many every instance had seeded, -1 for not in time.
    """

    batch: int
    event: str
    case: str = ""
    mitras: list[str] = []
    customers: list[str] = []
    value: float = 0.0


class Probe(Line, frozen=True, kw_only=True, tag="probe"):
    """What one probe saw: a mapping that its check in `rig/checks/contract` reads. `error`: why there is nothing.

    `lacks`: what the stack lacks for this probe, so that nothing was tried.
    """

    probe: str
    seen: dict[str, Json]
    error: str = ""
    lacks: str = ""
    lag_s: float = 0.0


class ShortestWalk(Line, frozen=True, kw_only=True, tag="shortest-walk"):
    """The shortest walk found that breaks a sentence. Its requests are the steps of the batch."""

    walk: str
    sentence: str
    message: str
    steps: int
    batch: int
