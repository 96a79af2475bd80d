"""States that are reached by doing the same thing twice, or by one thing after another that pairs alone do not combine."""

from collections.abc import Sequence
from dataclasses import dataclass

from rig.runs.contract.states import (
    C1,
    C2,
    CHAT,
    LONG_S,
    M1,
    M2,
    Do,
    InVain,
    Move,
    active,
    create,
    fill,
    pending,
    step,
)

MAXIMUM = "max_customers_per_mitra"
EXTENSION_S = 600  # another length than that of the first extension
VALKEY_AWAY = "Valkey away"


@dataclass(frozen=True)
class Repeat:
    """A state, the way to it, and what is tried there."""

    state: str
    way: Sequence[Move]
    tries: tuple[str, ...]
    token: str = "fresh"


def paid_extension() -> list[Move]:
    return [*pending(), step("extension-pay", C1, chat=CHAT)]


def rerouted() -> list[Move]:
    """The chat of m1 is with m2."""
    return [*active(), step("reroute", chat=CHAT, mitra=M2)]


def full_by_a_pending_chat() -> list[Move]:
    """m1 has one chat, which waits for the payment of its extension, and the maximum is one."""
    return [*fill(), step("extend", C2, chat="chat2", value=LONG_S), step("set-config", key=MAXIMUM, value=1)]


def with_chat_of_another() -> list[Move]:
    """m2 has the chat before m1 is filled, so that it may be rerouted to m1."""
    return [
        step("online", M2), *create(), step("pay", C1, chat=CHAT), step("accept", M2, chat=CHAT),
        *full_by_a_pending_chat(),
    ]  # fmt: skip


def offered_to_one() -> list[Move]:
    return [step("online", M1), *create(), step("pay", C1, chat=CHAT)]


def repeats() -> list[Repeat]:
    """All of them."""
    return [
        Repeat(
            "extended and pending again",
            [*paid_extension(), step("extend", C1, chat=CHAT, value=EXTENSION_S)],
            ("get", "extension-pay", "end", "reroute away"),
        ),
        Repeat(
            "extended twice",
            [
                *paid_extension(),
                step("extend", C1, chat=CHAT, value=EXTENSION_S),
                step("extension-pay", C1, chat=CHAT),
            ],
            ("get", "extension-pay", "end"),
        ),
        Repeat(
            "rerouted", rerouted(),
            ("get", "mitra-end", "mitra-end another's", "accept", "decline", "reroute", "reroute away", "extend"),
        ),
        Repeat(
            "rerouted there and back", [*rerouted(), step("reroute", chat=CHAT, mitra=M1)],
            ("mitra-end", "mitra-end another's", "reroute", "reroute away"),
        ),
        Repeat(
            "full by a pending chat", [*with_chat_of_another()], ("reroute", "beacon", "available", "reachable", "online")
        ),
        Repeat(
            "offered, and full by a pending chat",
            [*create(), *full_by_a_pending_chat()],
            ("pay", "available"),
        ),
        Repeat(
            "paid in vain", [*create(), InVain("pay", C1, chat=CHAT), step("online", M1)],
            ("get", "pay", "cancel"),
        ),
        Repeat(
            "paid again after she left",
            [*offered_to_one(), step("offline", M1), step("online", M2), step("pay", C1, chat=CHAT)],
            ("offers", "offers of another", "accept", "accept by another", "pay"),
        ),
        Repeat(
            "paid again after she declined",
            [*offered_to_one(), step("decline", M1, chat=CHAT), step("offline", M1), step("online", M2),
             step("pay", C1, chat=CHAT)],
            ("offers", "offers of another", "accept", "accept by another"),
        ),
        *(
            Repeat(f"{VALKEY_AWAY}, token {token}", [step("online", M1), Do("away")], ("ping", "status"), token=token)
            for token in ("unknown", "expired", "foreign role")
        ),
    ]  # fmt: skip
