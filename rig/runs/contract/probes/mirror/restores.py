"""Postgres is restored from an older copy, while Valkey keeps what came after: before a start, and under running servers."""

import time

from rig.contract import SEED_LINE
from rig.environment.testbed import Testbed
from rig.record.observations import losses
from rig.runs.contract.probes.mirror.comparison import differences
from rig.runs.contract.probes.people import offered_chat, operator, some_customer, some_mitra
from rig.runs.contract.probing import probe
from rig.stack.errors import StackError
from rig.stores import Lacks
from rig.waiting import poll_until

NOTICED_S = 12.0  # well beyond the contract's bounds, so that a late seed is seen as late
SPARE_S = 2.0
WORDS = ("restor", "histor", "timeline", "older", "went back")  # a line that tells of a restore has one of these


def changes_after_a_copy(testbed: Testbed) -> tuple[object, list[int | None]]:
    """A copy of Postgres, and the statuses of what was changed after it: the copy does not have it, Valkey does."""
    postgres = testbed.stack.postgres
    if not hasattr(postgres, "restore"):
        raise Lacks("a restore of Postgres: only an embedded Postgres can be restored by the rig")
    testbed.empty_stores()
    leaves, comes, off, busy = (
        some_mitra(testbed, name, online=name != "comes") for name in ("leaves", "comes", "off", "busy")
    )
    customer = some_customer(testbed, "hers")
    chat = offered_chat(customer)
    copy = postgres.dump()
    changed = [leaves.offline(), comes.online(), operator(testbed).set_active(off.id or "", False), busy.accept(chat)]
    differences(testbed)  # until all of it is in Valkey
    return copy, [answer.status for answer in changed]


def restored(testbed: Testbed, copy: object) -> float:
    """When it was done, in epoch seconds. The servers' and the rig's own sessions end by it."""
    try:
        testbed.stack.postgres.restore(copy)
    finally:
        testbed.dirty("Postgres was restored")
    return time.time()


@probe("start on a restored Postgres", "outages")
def start_on_a_restored_postgres(testbed: Testbed) -> losses.Restored:
    """All instances stop before the restore, and start after it."""
    copy, changed = changes_after_a_copy(testbed)
    for name in testbed.servers:
        testbed.stop(name)
    restored(testbed, copy)
    try:
        began = testbed.start_together()
    except StackError:
        return losses.Restored(changed=changed, ready=False)
    lines = [at for name in testbed.servers for at, _ in testbed.log(name).lines(since=began, containing=SEED_LINE)]
    seed_s = round(min(lines) - began, 3) if lines else None
    return losses.Restored(changed=changed, seed_s=seed_s, differ=differences(testbed))


@probe("restored Postgres", "outages")
def restored_postgres(testbed: Testbed) -> losses.Restored:
    """The instances run on."""
    copy, changed = changes_after_a_copy(testbed)
    since = restored(testbed, copy)

    def seeded() -> list[float]:
        return [at for name in testbed.servers for at, _ in testbed.log(name).lines(since=since, containing=SEED_LINE)]

    seeds = poll_until(seeded, NOTICED_S)
    lines = [text for name in testbed.servers for _, text in testbed.log(name).lines(since=since - SPARE_S)]
    about = [text for text in lines if SEED_LINE not in text and any(word in text.lower() for word in WORDS)]
    return losses.Restored(
        changed=changed, seed_s=round(min(seeds) - since, 3) if seeds else None, lines=about[:5],
        differ=differences(testbed),
    )  # fmt: skip
