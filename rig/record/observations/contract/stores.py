"""What the probes saw that start instances on old stores, on stores that can hold no mirror, and on keys of another server."""

from typing import NamedTuple

import msgspec

from rig.record.observations.environment import MirrorKeys, Truth
from rig.record.observations.parts import Seen


class ServedOn(NamedTuple):
    """An instance on stores that tell these versions.

    `answers`: the statuses of a toggle, a ping and another toggle. `seeds`: its seed lines. `mirrored`: whether Valkey
    held the mitra within 1 s of the first toggle.
    """

    stores: str
    ready: bool
    answers: list[int | None]
    seeds: int
    mirrored: bool


class OlderStore(NamedTuple):
    """An instance on a store that tells a version older than what must be served.

    `code`: the exit code of a start that was refused. Else its log lines and the body of /readyz.
    """

    product: str
    version: str
    code: int | None
    lines: list[str]
    body: str


class StoreVersions(Seen, frozen=True, kw_only=True):
    """Instances on stores of the oldest versions that must be served, and on older ones."""

    served: list[ServedOn]
    older: list[OlderStore]


class Unfit(NamedTuple):
    """An instance whose Valkey cannot hold the mirror: why, and the status and body of its /readyz."""

    why: str
    ready: bool
    status: int | None
    body: str


class UnfitStores(Seen, frozen=True, kw_only=True):
    """`usual`: the body of /readyz of an instance on a good Valkey. `left_out`: what could not be brought about, and why."""

    usual: str
    found: list[Unfit]
    left_out: dict[str, str] = msgspec.field(name="left out", default={})


class Healed(NamedTuple):
    """Both stores after the next seed, by what was done to the server's own keys before it."""

    what: str
    truth: Truth
    mirror: MirrorKeys


class OwnKeys(Seen, frozen=True, kw_only=True):
    """Names of keys, and a seed on keys of another server.

    `strangers`: keys that are neither of the contract nor under `mirror:`. `guest`: whether an instance on another database
    of Postgres has used this one of Valkey before. `ready`: whether the instance came up that ran after it.
    """

    strangers: list[str]
    guest: bool
    ready: bool
    healed: list[Healed] = []
