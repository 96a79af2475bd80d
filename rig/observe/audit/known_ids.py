"""Which ids Postgres has, in 8 bytes per id."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from hashlib import blake2b


class KnownIds:
    """A set of ids that keeps a hash of 64 bits of each: with 10 million ids, two are alike once in 360,000 sets."""

    def __init__(self) -> None:
        self._hashes = array("Q")
        self._sorted = True

    def add(self, ids: Iterable[str]) -> None:
        self._hashes.extend(map(hash_of, ids))
        self._sorted = False

    def __contains__(self, id: str) -> bool:
        if not self._sorted:
            self._hashes = array("Q", sorted(self._hashes))
            self._sorted = True
        hashed = hash_of(id)
        place = bisect_left(self._hashes, hashed)
        return place < len(self._hashes) and self._hashes[place] == hashed

    def __len__(self) -> int:
        return len(self._hashes)


def hash_of(id: str) -> int:
    return int.from_bytes(blake2b(id.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "big")
