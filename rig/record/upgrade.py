"""Which records this rig can read: its own version, and older ones that a step here brings up to it."""

from collections.abc import Mapping

from rig.record.lines import RECORD_VERSION

# Version 1 had no number in run.json; its lines are those of version 2.
OLDEST = 1


def readable_version(meta: Mapping[str, object]) -> int:
    """The version of the record, by run.json. ValueError names one that this rig can't read."""
    version = meta.get("record_version", OLDEST)
    if not isinstance(version, int) or not OLDEST <= version <= RECORD_VERSION:
        raise ValueError(
            f"run.json is of record version {version}; this rig reads {OLDEST} to {RECORD_VERSION}:"
            " judge it with the version of the rig that made it"
        )
    return version
