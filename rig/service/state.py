"""Who and what the service knows: mitras, customers, chats, codes, sign-ins and settings. Names stand for ids."""

from dataclasses import dataclass, field
from typing import Literal

from rig.contract import COUNTED

Status = Literal["searching", "active", "pending_payment", "ended", "cancelled"]
DEFAULTS = {"max_customers_per_mitra": 3, "stale_after_seconds": 90}
WRONG_CODES_MAX = 5
SNAPSHOT_S = 11.0  # the age that an answer of the beacon may have, and a second for clocks
# How long before and after a deadline either state is right, in seconds.
EARLY_S = 0.1
LATE_S = 2.1


@dataclass
class Mitra:
    """`heartbeat`: epoch seconds of the last one in Valkey, None for none. `audit`: the statuses of her audit rows."""

    name: str
    active: bool = True
    online: bool = False
    heartbeat: float | None = None
    audit: list[str] = field(default_factory=list)
    was_deactivated: bool = False


@dataclass
class Chat:
    """`offers`: by mitra, `open` or `declined`. `extension`: seconds of an unpaid one. `ends_at`: epoch seconds."""

    name: str
    customer: str
    duration: int
    status: Status = "searching"
    mitra: str | None = None
    ends_at: float | None = None
    paid: bool = False
    offers: dict[str, str] = field(default_factory=dict)
    extension: int | None = None

    @property
    def counted(self) -> bool:
        return self.status in COUNTED


@dataclass
class RefreshToken:
    """A refresh token, by the name that a step gave it."""

    role: str
    user: str
    live: bool = True
    logged_out: bool = False


@dataclass
class Service:
    """All of the service. `valkey` is whether Valkey answers; `outage` from its loss to the seed that ends it."""

    goodbye_s: float
    mitras: dict[str, Mitra] = field(default_factory=dict)
    customers: set[str] = field(default_factory=set)
    chats: dict[str, Chat] = field(default_factory=dict)
    codes: dict[tuple[str, str], int] = field(default_factory=dict)  # open requests: how many wrong answers they got
    used_codes: set[tuple[str, str]] = field(default_factory=set)  # requests whose code has signed in
    renewed: set[tuple[str, str]] = field(default_factory=set)  # requests that replaced one with too many wrong codes
    tokens: dict[str, RefreshToken] = field(default_factory=dict)
    settings: dict[str, int] = field(default_factory=lambda: dict(DEFAULTS))
    outage: bool = False
    recovered: float | None = None  # when the last outage was over
    token_s: int = 900  # life of an access token
    counts: list[tuple[float, int]] = field(
        default_factory=list
    )  # how many were available after each step, with its time

    def name_token(self, name: str, token: RefreshToken) -> None:
        """From now on the name stands for this token; one that had the name lives on without it."""
        if name in self.tokens:
            self.tokens[f"{name}, an earlier one of {len(self.tokens)}"] = self.tokens[name]
        self.tokens[name] = token

    def load(self, mitra: str) -> int:
        """How many chats count for this mitra."""
        return sum(chat.mitra == mitra and chat.counted for chat in self.chats.values())

    def full(self, mitra: str) -> bool:
        return self.load(mitra) >= self.settings["max_customers_per_mitra"]

    def reachable(self, mitra: str, now: float) -> bool:
        """Online, not deactivated, with a fresh heartbeat; in an outage the heartbeat does not count."""
        found = self.mitras[mitra]
        if not (found.active and found.online):
            return False
        fresh = found.heartbeat is not None and now - found.heartbeat <= self.settings["stale_after_seconds"]
        return self.outage or fresh

    def available(self, now: float) -> set[str]:
        """Whom a blast offers a chat to."""
        return {name for name in self.mitras if self.reachable(name, now) and not self.full(name)}

    def recent_counts(self, now: float) -> list[int]:
        """Each number of available mitras that an answer of the beacon may still tell, the newest first."""
        older = [count for at, count in self.counts if at < now - SNAPSHOT_S][-1:]
        recent = [count for at, count in self.counts if at >= now - SNAPSHOT_S]
        return list(dict.fromkeys([len(self.available(now)), *reversed(recent), *older]))

    def note_count(self, now: float) -> None:
        """Remember how many are available after a step."""
        self.counts.append((now, len(self.available(now))))

    def settled(self, now: float) -> bool:
        """Whether no answer of the beacon can be of a time before the last outage was over."""
        return self.recovered is None or now - self.recovered > SNAPSHOT_S

    def online(self) -> set[str]:
        return {name for name, mitra in self.mitras.items() if mitra.online}

    def deactivated(self) -> set[str]:
        return {name for name, mitra in self.mitras.items() if not mitra.active}

    def time_is_up(self, chat: Chat, now: float) -> bool:
        return chat.ends_at is not None and now >= chat.ends_at

    def advance(self, now: float) -> None:
        """End the chats whose time and goodbye window are up."""
        for chat in self.chats.values():
            if chat.counted and chat.ends_at is not None and now >= chat.ends_at + self.goodbye_s:
                chat.status = "ended"

    def unsure(self, began: float, ended: float) -> str | None:
        """The chat, if any, for which two states are right within this time: its deadline is too near."""
        for chat in self.chats.values():
            if not chat.counted or chat.ends_at is None:
                continue
            window_ends = chat.ends_at + self.goodbye_s
            near_end = began - EARLY_S <= chat.ends_at <= ended + EARLY_S
            near_window = began - LATE_S <= window_ends <= ended + EARLY_S
            if near_end or near_window:
                return chat.name
        return None
