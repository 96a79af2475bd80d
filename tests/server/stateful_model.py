"""What the contract says of mitras, chats and sign-ins, in plain Python: each answer is predicted, then compared."""

from dataclasses import dataclass, field

Answer = tuple[int, str | None]  # the status, and the error's code if it is one
OK: Answer = (200, None)
COUNTED = ("active", "pending_payment")


def refusal(status: int, code: str) -> Answer:
    return status, code


@dataclass
class Mitra:
    id: str
    active: bool = True
    online: bool = False
    live: list[str] = field(default_factory=list)  # refresh tokens that still serve
    spent: list[str] = field(default_factory=list)  # used, revoked or logged out


@dataclass
class Chat:
    id: str
    customer: str
    status: str = "searching"
    mitra: str | None = None
    offered: set[str] = field(default_factory=set)
    declined: set[str] = field(default_factory=set)


INACTIVE = refusal(403, "ACCOUNT_INACTIVE")
NOT_YOURS = refusal(403, "FORBIDDEN")
NO_SUCH = refusal(404, "NOT_FOUND")
WRONG_STATE = refusal(409, "INVALID_STATE")


@dataclass
class Model:
    mitras: dict[str, Mitra] = field(default_factory=dict)
    chats: dict[str, Chat] = field(default_factory=dict)
    maximum: int = 3

    def load(self, mitra_id: str) -> int:
        return sum(chat.mitra == mitra_id and chat.status in COUNTED for chat in self.chats.values())

    def reachable(self, mitra_id: str) -> bool:
        return self.mitras[mitra_id].active and self.mitras[mitra_id].online

    def available(self) -> set[str]:
        return {id_ for id_ in self.mitras if self.reachable(id_) and self.load(id_) < self.maximum}

    def toggle(self, mitra: Mitra, online: bool) -> Answer:
        if not mitra.active:
            return INACTIVE
        mitra.online = online
        return OK

    def set_active(self, mitra: Mitra, active: bool) -> Answer:
        mitra.active = active
        if not active:
            mitra.spent, mitra.live = [*mitra.spent, *mitra.live], []
        return OK

    def pay(self, chat: Chat, customer: str) -> tuple[Answer, int]:
        """And how many it is offered to."""
        if chat.customer != customer:
            return NOT_YOURS, 0
        if chat.status != "searching":
            return WRONG_STATE, 0
        available = self.available()
        if (chat.offered - chat.declined) & available:
            return WRONG_STATE, 0
        fresh = available - chat.offered
        if not fresh:
            return refusal(409, "NO_MITRA_AVAILABLE"), 0
        chat.offered |= fresh
        return OK, len(fresh)

    def accept(self, chat: Chat, mitra: Mitra) -> Answer:
        if not mitra.active:
            return INACTIVE
        if mitra.id not in chat.offered:
            return NO_SUCH
        if chat.mitra is not None:
            return refusal(409, "ALREADY_TAKEN")
        if chat.status != "searching" or mitra.id in chat.declined:
            return WRONG_STATE
        if self.load(mitra.id) >= self.maximum:
            return refusal(409, "MITRA_AT_CAPACITY")
        chat.status, chat.mitra = "active", mitra.id
        return OK

    def decline(self, chat: Chat, mitra: Mitra) -> Answer:
        if not mitra.active:
            return INACTIVE
        if mitra.id not in chat.offered:
            return NO_SUCH
        if mitra.id not in chat.declined:
            if chat.status != "searching":
                return WRONG_STATE
            chat.declined.add(mitra.id)
        return 204, None

    def end_by_mitra(self, chat: Chat, mitra: Mitra) -> Answer:
        if not mitra.active:
            return INACTIVE
        if chat.mitra != mitra.id:
            return NOT_YOURS
        return self._move(chat, COUNTED, "ended")

    def by_customer(self, action: str, chat: Chat, customer: str) -> Answer:
        """cancel, end, extend, extension/pay or goodbye (whose time has never come here)."""
        if chat.customer != customer:
            return NOT_YOURS
        if action == "cancel":
            return self._move(chat, ("searching",), "cancelled")
        if action == "end":
            return self._move(chat, COUNTED, "ended")
        if action == "extension/pay":
            return self._move(chat, ("pending_payment",), "active")
        if action == "goodbye":
            return WRONG_STATE
        if chat.status != "active":
            return WRONG_STATE
        if chat.mitra is None or not self.reachable(chat.mitra):
            return refusal(409, "MITRA_UNREACHABLE")
        return self._move(chat, ("active",), "pending_payment")

    def reroute(self, chat: Chat, mitra: Mitra) -> Answer:
        if chat.status != "active" or chat.mitra == mitra.id:
            return WRONG_STATE
        if not self.reachable(mitra.id):
            return refusal(409, "MITRA_UNREACHABLE")
        if self.load(mitra.id) >= self.maximum:
            return refusal(409, "MITRA_AT_CAPACITY")
        chat.mitra = mitra.id
        return OK

    def _move(self, chat: Chat, allowed: tuple[str, ...], to: str) -> Answer:
        if chat.status not in allowed:
            return WRONG_STATE
        chat.status = to
        return OK
