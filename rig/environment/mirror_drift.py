"""Compares the mirror of a test bed with its Postgres: what the keys of the contract have that differs from the rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from rig.environment.testbed import Testbed
from rig.observe import Mirror
from rig.record.observations.parts import MirrorState, PostgresState


def differences(truth: PostgresState, mirror: MirrorState) -> set[str]:
    """What the keys of the contract have that differs from the rows, each difference in words."""
    return {
        *missing_and_extra("mitras:online", truth.online, mirror.online),
        *missing_and_extra("mitras:deactivated", truth.deactivated, mirror.deactivated),
        *capacities(truth.online, truth.loads, mirror.capacities),
    }


def missing_and_extra(key: str, rows: Sequence[str], members: Sequence[str]) -> Iterator[str]:
    yield from (f"{key} lacks {id}" for id in sorted({*rows} - {*members}))
    yield from (f"{key} holds {id}" for id in sorted({*members} - {*rows}))


def capacities(online: Sequence[str], loads: Mapping[str, int], found: Mapping[str, str | None]) -> Iterator[str]:
    yield from (f"mitra:capacity:{id} is not her load" for id in online if found.get(id) != str(loads.get(id, 0)))


def mirror_of(mirror: Mirror) -> MirrorState:
    """The keys that are compared."""
    online, deactivated = sorted(mirror.online()), sorted(mirror.deactivated())
    return MirrorState(
        online=online,
        deactivated=deactivated,
        capacities=mirror.capacities(),
        heartbeats={},
        snapshot=None,
        expiring={},
    )


def reader(testbed: Testbed, mirror: Mirror | None = None) -> Callable[[], set[str]]:
    """Reads both stores; `mirror`: in place of the test bed's own Valkey. Errors of the stores come through.

    It reads Postgres between two looks at Valkey. What only one of these looks shows was just changing.
    """
    looked_at = mirror or testbed.mirror

    def read() -> set[str]:
        before = mirror_of(looked_at)
        truth, _ = testbed.truth()
        return differences(truth, before) & differences(truth, mirror_of(looked_at))

    return read
