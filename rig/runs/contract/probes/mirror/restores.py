"""Postgres is restored from an older copy, while Valkey keeps what came after: before a start, and under running servers."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rig.contract import SEED_LINE
from rig.environment.testbed import Testbed
from rig.record.observations import losses
from rig.runs.contract.probes.mirror.comparison import differences
from rig.runs.contract.probes.mirror.hangs import seeds_since
from rig.runs.contract.probes.people import offered_chat, operator, some_customer, some_mitra
from rig.runs.contract.probing import probe
from rig.stack.errors import StackError
from rig.stores import Lacks
from rig.waiting import poll_until

NOTICED_S = 12.0  # well beyond the contract's bounds, so that a late seed is seen as late
LINES_MAX = 5
WORDS = (
    "restore",
    "restoring",
    "history",
    "timeline",
    "older",
    "went back",
)  # a line that tells of a restore has one of these


def changes_after_a_copy(testbed: Testbed) -> tuple[Path, list[int | None]]:
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
    copy: Path = postgres.dump()
    changed = [leaves.offline(), comes.online(), operator(testbed).set_active(off.id or "", False), busy.accept(chat)]
    differences(testbed)  # until all of it is in Valkey
    return copy, [answer.status for answer in changed]


@contextmanager
def restarted_after(testbed: Testbed) -> Iterator[None]:
    """Once the block ends, all instances start anew on empty stores, so that later probes meet nothing of the restore."""
    try:
        yield
    finally:
        testbed.dirty("Postgres was restored")
        testbed.ready(testbed.environment, tuple(testbed.servers))


@probe("start on a restored Postgres", "outages")
def start_on_a_restored_postgres(testbed: Testbed) -> losses.Restored:
    """All instances stop before the restore, and start after it."""
    with restarted_after(testbed):
        copy, changed = changes_after_a_copy(testbed)
        for name in testbed.servers:
            testbed.stop(name)
        testbed.stack.postgres.restore(copy)
        try:
            began = testbed.start_together()
        except StackError:
            return losses.Restored(changed=changed, ready=False)
        seeds = seeds_since(testbed, began)
        seed_s = round(min(seeds) - began, 3) if seeds else None
        return losses.Restored(changed=changed, seed_s=seed_s, differ=differences(testbed))


@probe("restored Postgres", "outages")
def restored_postgres(testbed: Testbed) -> losses.Restored:
    """The instances run on."""
    with restarted_after(testbed):
        copy, changed = changes_after_a_copy(testbed)
        began = time.time()
        testbed.stack.postgres.restore(copy)
        since = time.time()
        seeds = poll_until(lambda: seeds_since(testbed, since), NOTICED_S)
        lines = [text for name in testbed.servers for _, text in testbed.log(name).lines(since=began)]
        about = [text for text in lines if SEED_LINE not in text and any(word in text.lower() for word in WORDS)]
        return losses.Restored(
            changed=changed, seed_s=round(min(seeds) - since, 3) if seeds else None, lines=about[:LINES_MAX],
            differ=differences(testbed),
        )  # fmt: skip
