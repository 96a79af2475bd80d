"""Names of the mirror's keys, and the format of its times."""

import re
from datetime import UTC, datetime, timedelta

ONLINE = "mitras:online"
DEACTIVATED = "mitras:deactivated"
SNAPSHOT = "availability:snapshot"
CHANNEL = "config:invalidate"
SNAPSHOT_TTL_S = 10

# The server's own keys. If they are lost or come from elsewhere, a seed repairs them.
EPOCH = "mirror:epoch"  # whose Valkey and whose Postgres the mirror belongs to; written last by a seed
VERSIONS = "mirror:versions"  # HASH id -> version of the last change applied
VERSIONS_OF = "mirror:versions:of"  # whose Postgres' versions those are
SEED = "mirror:seed"  # nonce of the running seed: changes are recorded for it, as it may have read Postgres before them
SYNTHETIC = "mirror:synthetic"  # HASH id -> the heartbeat that a seed wrote, not a ping
LEASE = "mirror:recompute"  # held by the instance that computes the beacon's answer page by page
PROBE = "mirror:probe"  # written before a sweep, to check that writes work

FUTURE_MS_MAX = 5000  # a heartbeat further ahead than this is clamped
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|[+-]00:?00)")


def capacity(mitra_id: str) -> str:
    return f"mitra:capacity:{mitra_id}"


def heartbeat(mitra_id: str) -> str:
    return f"mitra:heartbeat:{mitra_id}"


def of_seed(nonce: str, part: str) -> str:
    """A key of one seed, by part: `steps`, `online`, `deactivated`, `versions`, `changes`."""
    return f"mirror:seed:{nonce}:{part}"


def leaving(mitra_id: str) -> str:
    """The mark of a sweep that is taking this mitra offline: `version of the locked row:nonce`. A ping that finds it asks Postgres."""
    return f"mirror:leaving:{mitra_id}"


def stamp(ms: int) -> str:
    """Milliseconds since the epoch as `YYYY-MM-DDTHH:MM:SS.mmmZ`: of fixed width, so text order is time order."""
    moment = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def read_stamp(text: str | None) -> int | None:
    """Milliseconds since the epoch of any ISO-8601 UTC time; None for anything else."""
    match = _ISO.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    try:
        moment = datetime.fromisoformat(f"{match[1]}T{match[2]}+00:00")
    except ValueError:
        return None
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) + int(f"{match[3] or '0':0<3.3}")
