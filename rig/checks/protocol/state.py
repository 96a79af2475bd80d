"""What Valkey holds of each mitra, followed command by command; a part that the record does not show is unknown.

An unknown part stands for all of its values at once: a step is refused only if no value allows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from rig.checks.protocol.calls import DELETES, EPOCH, ID_LENGTH, MARK, SEED, VERSIONS, SeedStep, SeedSwap
from rig.contract import DEACTIVATED, HEARTBEAT, ONLINE

UNKNOWN: Final = "?"  # no value of the protocol is this text
EXPIRES_S = 0.5  # around the end of a key's life it may be there or not
SEED_LIFE_S = 60.0
KEPT_MAX = 11  # members of a command that the record keeps for certain


@dataclass
class Mitra:
    """The parts of one mitra's state in Valkey. None: not there. `noted` and `built` belong to the running seed."""

    version: int | str | None = UNKNOWN
    online: bool | str = UNKNOWN
    deactivated: bool | str = UNKNOWN
    heartbeat: str | None = UNKNOWN
    mark: str | None = UNKNOWN
    mark_ends: float = 0.0
    noted: int | str | None = UNKNOWN
    built: int | str | None = UNKNOWN
    built_as: tuple[bool, bool] | None = None  # online and active, as the running seed has read them


def absent() -> Mitra:
    return Mitra(None, False, False, None, None, 0.0, None, None)


@dataclass
class Valkey:
    """The state of the whole mirror."""

    epoch: str | None = UNKNOWN
    seed: str | None = UNKNOWN
    seed_ends: float = 0.0
    steps: int | str = UNKNOWN  # of the running seed
    empty: bool = False  # a mitra who was not seen yet has no keys; otherwise they are unknown
    mitras: dict[str, Mitra] = field(default_factory=dict)

    def forget(self, *, empty: bool = False) -> None:
        """From here on nothing is known; with `empty`, no key is there."""
        nothing = None if empty else UNKNOWN
        self.epoch, self.seed, self.steps, self.empty = nothing, nothing, UNKNOWN, empty
        self.mitras.clear()

    def of(self, id: str) -> Mitra:
        """The state of this mitra."""
        if id not in self.mitras:
            mitra = absent() if self.empty else Mitra()
            if self.steps != UNKNOWN:  # the begin of the running seed was seen, and nothing of her since
                mitra.noted = mitra.built = None
            self.mitras[id] = mitra
        return self.mitras[id]

    def mark_of(self, id: str, at: float) -> str | None:
        """The mark that stands at this time; UNKNOWN near the end of its life."""
        mitra = self.of(id)
        if mitra.mark in (None, UNKNOWN) or at < mitra.mark_ends - EXPIRES_S:
            return mitra.mark
        return UNKNOWN if at < mitra.mark_ends + EXPIRES_S else None

    def seed_of(self, at: float) -> str | None:
        """The nonce of the running seed at this time; UNKNOWN near the end of its life."""
        if self.seed in (None, UNKNOWN) or at < self.seed_ends - EXPIRES_S:
            return self.seed
        return UNKNOWN

    # --- commands --------------------------------------------------------------------------------------------

    def take(self, args: Sequence[str], at: float) -> None:
        """Carry out one command."""
        verb, words = args[0].upper(), args[1:]
        if verb in ("FLUSHDB", "FLUSHALL"):
            self.forget(empty=True)
        elif verb in DELETES:
            for key in words:
                self._set(key, None, at)
        elif verb in ("SET", "SETEX", "PSETEX"):
            self._set(words[0], words[-1] if verb != "SET" else words[1], at, life_s(words))
        elif verb == "MSET" and len(args) <= KEPT_MAX:
            for key, value in zip(words[::2], words[1::2], strict=False):
                self._set(key, value, at)
        elif verb in ("SADD", "SREM") and words[0] in (ONLINE, DEACTIVATED):
            self._member(words, verb == "SADD", cut=len(words) >= KEPT_MAX)
        elif verb in ("HSET", "HDEL") and words[0] == VERSIONS:
            self._versions(words[1:], verb == "HDEL")
        elif verb not in ("HSET", "HDEL", "INCR", "EXPIRE", "PEXPIRE", "PERSIST", "SADD", "SREM", "PUBLISH"):
            for key in words:
                self._set(key, UNKNOWN, at)

    def _set(self, key: str, value: str | None, at: float, lasts_s: float | None = None) -> None:
        if key == EPOCH:
            self.epoch = value
        elif key == SEED:
            self.seed, self.seed_ends = value, at + (lasts_s or SEED_LIFE_S)
            self.steps = UNKNOWN
        elif key.startswith(HEARTBEAT):
            self.of(key.removeprefix(HEARTBEAT)).heartbeat = value
        elif key.startswith(MARK):
            mitra = self.of(key.removeprefix(MARK))
            mitra.mark, mitra.mark_ends = value, at + (lasts_s or float("inf"))
        elif key in (ONLINE, DEACTIVATED, VERSIONS):
            self._whole(key, None if value is None else UNKNOWN)

    def _whole(self, key: str, value: str | None) -> None:
        """A key that concerns all mitras was deleted, or became unknown."""
        self.empty = self.empty and value is None
        for mitra in self.mitras.values():
            if key == VERSIONS:
                mitra.version = value
            elif key == ONLINE:
                mitra.online = UNKNOWN if value else False
            else:
                mitra.deactivated = UNKNOWN if value else False

    def _member(self, words: Sequence[str], added: bool, *, cut: bool) -> None:
        if cut:
            self._whole(words[0], UNKNOWN)
        for id in words[1:]:
            if words[0] == ONLINE:
                self.of(id).online = added
            else:
                self.of(id).deactivated = added

    def _versions(self, words: Sequence[str], deleted: bool) -> None:
        if deleted:
            for id in words:
                self.of(id).version = None
            return
        for id, version in zip(words[::2], words[1::2], strict=False):
            if len(id) == ID_LENGTH and version.isdecimal():
                self.of(id).version = int(version)

    # --- the seed --------------------------------------------------------------------------------------------

    def seed_begins(self, nonce: str, at: float, versions_gone: bool) -> None:
        """*begin* has run."""
        self.seed, self.seed_ends, self.steps = nonce, at + SEED_LIFE_S, 0
        for mitra in self.mitras.values():
            mitra.noted, mitra.built, mitra.built_as = None, None, None
            if versions_gone:
                mitra.version = None

    def seed_steps(self, step: SeedStep) -> None:
        """*step* has run: what it wrote of its mitras, by its arguments."""
        self.steps, self.seed_ends = step.number + 1, step.at + SEED_LIFE_S
        touched = step.touched
        for id, online, active, version in step.rows:
            mitra = self.of(id)
            mitra.built, mitra.built_as = version or None, (online, active)
            if f"{HEARTBEAT}{id}" in touched:
                mitra.heartbeat = step.taken.args[2] if online else None

    def seed_swaps(self, swap: SeedSwap) -> None:
        """*swap* has run: the new sets and versions are in use, with noted changes as they stand."""
        for mitra in self.mitras.values():
            noted = mitra.noted if isinstance(mitra.noted, int) else 0
            if mitra.built_as is None or mitra.noted == UNKNOWN:
                mitra.version, mitra.online, mitra.deactivated = UNKNOWN, UNKNOWN, UNKNOWN
            elif noted <= (mitra.built if isinstance(mitra.built, int) else 0):
                online, active = mitra.built_as
                mitra.version, mitra.online, mitra.deactivated = mitra.built, online, not active
            else:
                mitra.version = noted
            mitra.noted, mitra.built, mitra.built_as = None, None, None
        self.epoch, self.empty = swap.epoch, False


def life_s(words: Sequence[str]) -> float | None:
    """How long a key lives that SET has set; None if it does not end."""
    upper = [word.upper() for word in words]
    for unit, seconds in (("EX", 1.0), ("PX", 0.001)):
        if unit in upper[2:-1]:
            return float(words[upper.index(unit, 2) + 1]) * seconds
    return None
