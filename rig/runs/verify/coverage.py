"""Which sentences of the contract a run judges by themselves, by items of the checklist, or not at all."""

import time
from collections.abc import Collection

from rig.record import RecordWriter
from rig.record.lines.common import Weakness
from rig.report.explain.contract import clauses_of
from rig.runs.contract.plan import ContractPlan


def tell_left_out(recorder: RecordWriter, items: Collection[str], contract: ContractPlan) -> None:
    """Record which sentences have no check of their own in this run."""
    by_items = {clause.name for item in items for clause in clauses_of(item)}
    left = [one.id for one in contract.left_out]
    through_items = [id for id in left if id in by_items]
    nothing = [id for id in left if id not in by_items]
    if through_items:
        text = f"{len(through_items)} sentences are judged only as far as the items of the checklist go: {', '.join(through_items)}"
        recorder.add(Weakness(t=time.time(), text=text))
    if nothing:
        text = f"{len(nothing)} sentences are judged by nothing in this run: {', '.join(nothing)}"
        recorder.add(Weakness(t=time.time(), text=text))
