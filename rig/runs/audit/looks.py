"""The looks at suspects: at once, after 1 s and after 10 s. What is on its way to the mirror is gone by then."""

import time
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from itertools import islice

from rig.checks.audit.differences import SHARED, Look, of_key, of_mitra, settled
from rig.checks.audit.user_cost import whom_it_costs
from rig.record.audit import (
    GHOST,
    MISSING,
    ORPHAN,
    UNKNOWN,
    AuditState,
    Candidate,
    Difference,
    Mirrored,
    Sighting,
    Truth,
)
from rig.runs.audit.stores import Stores

LOOKS_AT_S = (0.0, 1.0, 10.0)
TOGETHER = 100  # mitras per look at both stores
NOBODY = Truth()


def look_again(
    stores: Stores,
    ids: Iterable[str],
    keys: Iterable[str],
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> list[tuple[Candidate, Sighting]]:
    """The differences that count. Each later look is at what the last one found."""
    began = clock()
    looks: list[Look] = []
    for at_s in LOOKS_AT_S:
        if looks:
            sleep(max(0.0, began + at_s - clock()))
            ids = dict.fromkeys(one.mitra for one in looks[-1] if one.mitra)
            keys = dict.fromkeys(one.key for one in looks[-1] if not one.mitra)
        looks.append(look(stores, ids, set(keys)))
        if not looks[-1]:
            break
    return list(settled(looks)) if len(looks) == len(LOOKS_AT_S) else []


def look(stores: Stores, ids: Iterable[str], keys: AbstractSet[str]) -> dict[Candidate, Sighting]:
    """The differences at one moment. Whoever changes in Postgres while Valkey is asked is left out."""
    found: dict[Candidate, Sighting] = {}
    waiting = iter(ids)
    while some := list(islice(waiting, min(TOGETHER, stores.reader.pace.size))):
        before = stores.rows.some(stores.queries, some, stores.native)
        mirrored = stores.reader.mitras_closely(some)
        after = stores.rows.some(stores.queries, some, stores.native)
        for id in some:
            truth = after.get(id, NOBODY)
            if before.get(id, NOBODY) == truth:
                sighting = sighting_of(stores, truth, mirrored[id])
                found.update(dict.fromkeys(of_mitra(id, truth, mirrored[id]), sighting))
    for read, chosen in ((stores.reader.shared, SHARED.keys() & keys), (stores.reader.others, keys - SHARED.keys())):
        waiting = iter(chosen)
        while some := list(islice(waiting, stores.reader.pace.size)):
            for key, value in read(some).items():
                found.update(dict.fromkeys(of_key(key, value), Sighting()))
    return found


def sighting_of(stores: Stores, truth: Truth, mirrored: Mirrored) -> Sighting:
    cost = whom_it_costs(truth, mirrored, stores.time(), stores.stale_s, stores.chats_max)
    return Sighting(truth.version, truth.changed_at, cost)


def differences_of(counted: Iterable[tuple[Candidate, Sighting]], earlier: AuditState, now: float) -> list[Difference]:
    """What is reported, in the order of kinds and keys. `earlier` is what the last audit of these stores left."""
    old = {identity_of(one): one for one in earlier.differences}
    # What a complete audit did not see began after it.
    not_before = earlier.ended if earlier.outcome != UNKNOWN else 0.0
    made = []
    for one, sighting in counted:
        key, mitra = printable(one.key), printable(one.mitra)
        before = old.get((one.kind, key, mitra))
        toggled = sighting.changed_at if one.kind in BEGUN_BY_TOGGLES else None
        began = max(toggled or 0.0, not_before) or None
        made.append(Difference(
            kind=one.kind, key=key, mitra=mitra, expected=one.expected, seen=printable(one.seen), cost=sighting.cost,
            since=before.since if before else began, first_seen=before.first_seen if before else now,
            cause=before.cause if before else "",
        ))  # fmt: skip
    return sorted(made, key=lambda one: (one.kind, one.key, one.mitra))


# The kinds that begin no earlier than the last toggle of the mitra.
BEGUN_BY_TOGGLES = (GHOST, MISSING, ORPHAN)


def identity_of(one: Difference) -> tuple[str, str, str]:
    return one.kind, one.key, one.mitra


def printable(text: str) -> str:
    """Bytes that are no UTF-8 are shown as escapes."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
