"""The shortest way to each state that an action is tried in: of the chat, of the mitra, of a setting."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rig.service.steps import Step

# In a case, m1 is the mitra and chat1 the chat that the action speaks of; m2 is another mitra, c2 another customer.
M1, M2, C1, C2, CHAT = "m1", "m2", "c1", "c2", "chat1"
LONG_S = 1800
SHORT_S = 3  # of a chat whose time runs out: enough for all cases of a batch to get there
UP_S = 0.3  # past the end of a chat, so that no clock doubts it
STALE_S = 300.0  # age of a heartbeat that is stale under the default
DOUBTFUL_S = 60.0  # age that is fresh under the default, and stale under a changed one


@dataclass(frozen=True)
class Wait:
    """Let `seconds` pass."""

    seconds: float


@dataclass(frozen=True)
class Age:
    """Make a mitra's heartbeat so old."""

    mitra: str
    by_s: float


@dataclass(frozen=True)
class Do:
    """Something that the rig does to the stack: `away`, `back`, `restart`."""

    event: str


class InVain(Step):
    """A request on the way to a state that a right server refuses."""


Move = Step | Wait | Age | Do
Way = Sequence[Move]


def step(action: str, actor: str = "operator", **fields: object) -> Step:
    return Step(action, actor, **fields)  # type: ignore[arg-type]


def create(seconds: int = LONG_S) -> Way:
    return [step("create", C1, chat=CHAT, value=seconds)]


def offered(seconds: int = LONG_S) -> Way:
    """Both mitras are online, and the chat is offered to them."""
    return [
        step("online", M1),
        step("online", M2),
        *create(seconds),
        step("pay", C1, chat=CHAT),
    ]


def active(seconds: int = LONG_S) -> Way:
    return [*offered(seconds), step("accept", M1, chat=CHAT)]


def pending(seconds: int = LONG_S) -> Way:
    return [*active(seconds), step("extend", C1, chat=CHAT, value=LONG_S)]


PAST_END = Wait(SHORT_S + UP_S)

# By the name of the chat's state; m1 is online in each of them, as far as the chat needs it.
CHATS: dict[str, Callable[[], Way]] = {
    "searching": lambda: [step("online", M1), *create()],
    "offered": offered,
    "declined by some": lambda: [*offered(), step("decline", M1, chat=CHAT)],
    "declined by all": lambda: [*offered(), step("decline", M1, chat=CHAT), step("decline", M2, chat=CHAT)],
    "active": active,
    "taken by another": lambda: [*offered(), step("accept", M2, chat=CHAT)],
    "past its end": lambda: [*active(SHORT_S), PAST_END],
    "pending extension": pending,
    "pending past its end": lambda: [*pending(SHORT_S), PAST_END],
    "extended": lambda: [*pending(), step("extension-pay", C1, chat=CHAT)],
    "ended early": lambda: [*active(), step("end", C1, chat=CHAT)],
    "cancelled": lambda: [*offered(), step("cancel", C1, chat=CHAT)],
}


def fill() -> Way:
    """m1 gets another chat, and the maximum is what she has then."""
    return [
        step("create", C2, chat="chat2", value=LONG_S),
        step("online", M1),
        step("pay", C2, chat="chat2"),
        step("accept", M1, chat="chat2"),
    ]


def busy() -> Way:
    """m1 has another chat, and room for more."""
    return fill()


# What is done to m1 once the chat is where it should be.
MITRAS: dict[str, Callable[[], Way]] = {
    "as the chat needs it": list,
    "offline": lambda: [step("online", M1), step("offline", M1)],
    "deactivated": lambda: [step("set-active", mitra=M1, value=False)],
    "deactivated offline": lambda: [step("offline", M1), step("set-active", mitra=M1, value=False)],
    "reactivated": lambda: [
        step("set-active", mitra=M1, value=False),
        step("set-active", mitra=M1, value=True),
    ],
    "busy": busy,
    "full": lambda: [*fill(), step("set-config", key="max_customers_per_mitra", value=1)],
    "full and offline": lambda: [
        *fill(),
        step("set-config", key="max_customers_per_mitra", value=1),
        step("offline", M1),
    ],
    "stale": lambda: [step("online", M1), Age(M1, STALE_S)],
    "quiet for a minute": lambda: [step("online", M1), Age(M1, DOUBTFUL_S)],
}

SETTINGS: dict[str, Callable[[], Way]] = {
    "a lower maximum": lambda: [step("set-config", key="max_customers_per_mitra", value=1)],
    "a higher maximum": lambda: [step("set-config", key="max_customers_per_mitra", value=20)],
    "a shorter time to be stale": lambda: [
        step("online", M1),
        Age(M1, DOUBTFUL_S),
        step("set-config", key="stale_after_seconds", value=30),
    ],
}

# The stack; the action comes after these.
STACKS: dict[str, Callable[[], Way]] = {
    "Valkey away": lambda: [Do("away")],
    "Valkey back": lambda: [Do("away"), Do("back")],
    "restarted": lambda: [Do("restart")],
}
