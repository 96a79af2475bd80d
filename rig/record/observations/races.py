"""What the races of a contract run saw: the answers to requests at the same moment, and what the rows hold afterwards."""

from typing import NamedTuple

from rig.record.lines.base import Json
from rig.record.observations.parts import Seen


class Answered(NamedTuple):
    """One answer. Without an answer `status` is None and `code` says why."""

    status: int | None
    code: Json


class Answers(Seen, frozen=True, kw_only=True):
    """The answers to all requests, in the order of their callers."""

    answers: list[Answered]

    @property
    def served(self) -> int:
        """How many were answered 200."""
        return sum(answer.status == 200 for answer in self.answers)


class Refreshes(Answers, frozen=True, kw_only=True):
    """`live`: how many sign-ins of the mitra are alive afterwards."""

    signed_in: int | None
    live: int


class Verifications(Answers, frozen=True, kw_only=True):
    """`rows`: how many customers have the phone afterwards."""

    asked: int | None
    rows: int


class WrongCodes(Answers, frozen=True, kw_only=True):
    """`right`: the answer to the right code afterwards."""

    asked: int | None
    right: Answered


class Accepts(Answers, frozen=True, kw_only=True):
    """`mitra`: who has the chat by its row. `winners`: who was told so."""

    mitra: str | None
    winners: list[str]


class Load(Answers, frozen=True, kw_only=True):
    """`load`: the chats of one mitra that count afterwards. `maximum`: how many may."""

    load: int
    maximum: int


class Toggles(Answers, frozen=True, kw_only=True):
    """`audit`: the statuses of the mitra's audit rows."""

    audit: list[str]


class Ends(Answers, frozen=True, kw_only=True):
    """`taken`: the status of the accept before. `load`: of the mitra afterwards."""

    taken: int | None
    load: int


class ExtensionPayments(Answers, frozen=True, kw_only=True):
    """`extended`: the status of the extension before. `moved_s`: by how much `ends_at` was moved, in seconds."""

    extended: int | None
    moved_s: float | None


class Payments(Answers, frozen=True, kw_only=True):
    """`offers`: how often each available mitra has an offer. `others`: how many others have one."""

    offers: list[int]
    others: int


class Settings(Seen, frozen=True, kw_only=True):
    """In each round the settings that the operators set, and those that the rows hold afterwards."""

    wanted: list[dict[str, int]]
    rows: list[dict[str, int]]


class Deactivation(Answers, frozen=True, kw_only=True):
    """`live`: how many sign-ins of the deactivated mitra are alive afterwards."""

    live: int


class Beat(NamedTuple):
    """A heartbeat key: its text, the time that this is in epoch seconds (None: it is no time), and when it was read."""

    text: str | None
    at: float | None
    read: float


class PingsOutOfOrder(Seen, frozen=True, kw_only=True):
    """The answers to a mitra's pings, and her heartbeat key as it was read between them."""

    pings: list[Answered]
    beats: list[Beat]
