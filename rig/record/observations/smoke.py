"""What the smoke scenarios observed."""

import msgspec

from rig.record.observations.parts import HttpExchange, Seen


class SeedLines(Seen, frozen=True, kw_only=True):
    """SMOKE-01: the seed lines since the start."""

    lines: list[str]


class Membership(Seen, frozen=True, kw_only=True):
    """SMOKE-02, SMOKE-06: a toggle, and whether the mitra is a member of mitras:online after it."""

    exchange: HttpExchange
    member: bool


class BeaconPolls(Seen, frozen=True, kw_only=True):
    """SMOKE-03: the beacon with the only mitra online, offline and online again."""

    online: HttpExchange
    offline: HttpExchange
    online_again: HttpExchange = msgspec.field(name="online again")


class ChatAndCapacity(Seen, frozen=True, kw_only=True):
    """SMOKE-04, SMOKE-05: a request that starts or ends a chat, and the capacity key after it."""

    exchange: HttpExchange
    capacity: str | None
