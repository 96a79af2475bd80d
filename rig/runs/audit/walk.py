"""The walk over both stores: everybody in Postgres, then every key and member of Valkey. It finds suspects."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from rig.checks.audit.differences import SHARED, is_foreign, of_mitra, owner_of
from rig.checks.audit.user_cost import in_mirror, in_truth
from rig.contract import DEACTIVATED, ONLINE
from rig.observe.audit.known_ids import KnownIds
from rig.record.audit import Seen, Truth
from rig.runs.audit.stores import Stores

SUSPECTS_MAX = 20_000


@dataclass
class Suspects:
    """Whom and what to look at again: mitras by id, keys that belong to no mitra. `beyond`: those not kept."""

    ids: dict[str, None] = field(default_factory=dict)  # in the order in which they were found
    keys: dict[str, None] = field(default_factory=dict)
    beyond: int = 0
    foreign: int = 0  # all of them, kept or not

    def add(self, kept: dict[str, None], names: Iterable[str]) -> None:
        for name in names:
            if name in kept:
                continue
            if len(self.ids) + len(self.keys) < SUSPECTS_MAX:
                kept[name] = None
            else:
                self.beyond += 1

    def __len__(self) -> int:
        return len(self.ids) + len(self.keys)


def walk(stores: Stores, allowed: Sequence[str], seen: Seen) -> Suspects:
    """Compare everything once, and count it in `seen`. Errors as `rig.runs.audit.stores.told` knows them."""
    suspects, known = Suspects(), KnownIds()
    suspects.add(suspects.keys, SHARED)
    for page in stores.rows.pages(stores.queries):
        known.add(page)
        suspects.add(suspects.ids, suspicious(stores, page, seen))
    if "SSCAN" not in stores.reader.refused:
        for key in (ONLINE, DEACTIVATED):
            for members in stores.reader.members(key):
                suspects.add(suspects.ids, (id for id in members if id not in known))
    if "SCAN" not in stores.reader.refused:
        for keys in stores.reader.scan():
            seen.keys += len(keys)
            look_at_keys(stores, keys, known, allowed, suspects)
    return suspects


def suspicious(stores: Stores, page: dict[str, Truth], seen: Seen) -> Iterator[str]:
    """Those mitras of a page who are not the same in Valkey."""
    seen.mitras += len(page)
    now = stores.time()
    for ids in batches(list(page), lambda: stores.reader.pace.size):
        for id, mirrored in stores.reader.mitras(ids).items():
            truth = page[id]
            seen.online += truth.online
            seen.deactivated += not truth.active
            limits = (now, stores.stale_s, stores.chats_max)
            seen.available += in_truth(truth, mirrored, *limits)
            seen.available_in_mirror += in_mirror(truth, mirrored, *limits)
            if next(of_mitra(id, truth, mirrored), None) is not None:
                yield id


def look_at_keys(
    stores: Stores, keys: Sequence[str], known: KnownIds, allowed: Sequence[str], suspects: Suspects
) -> None:
    """Keys as SCAN returned them: foreign ones, those of unknown ids, and those of a wrong type or with a life."""
    owned = [key for key in keys if owner_of(key) is not None]
    foreign = [key for key in keys if is_foreign(key, allowed)]
    suspects.foreign += len(foreign)
    suspects.add(suspects.keys, foreign)
    if owned:
        found = stores.reader.scanned_keys(owned)
        odd = (one.key for one in found if one.expires or not one.is_string)
        unknown = (key for key in owned if (owner_of(key) or "") not in known)
        suspects.add(suspects.ids, (owner_of(key) or "" for key in (*odd, *unknown)))


def batches(names: Sequence[str], size: Callable[[], int]) -> Iterator[Sequence[str]]:
    """Parts of a list. The size is asked before each part, as it adapts to how long the last one took."""
    start = 0
    while start < len(names):
        part = names[start : start + size()]
        start += len(part)
        yield part
