"""The jobs of a contract run: what takes longest begins first, so that no worker waits for it at the end."""

from rig.runs.contract.jobs import LONG, jobs_of
from rig.runs.contract.plan import ContractPlan
from rig.runs.contract.probing import probes


def test_long_probes_come_before_all_walks_and_short_probes_after_them() -> None:
    found = probes()
    jobs = jobs_of(ContractPlan(cases=(), walks=2, probes=tuple(found.values()), judged=(), left_out=()))
    first = [found[job.probe].stage in LONG if job.probe else None for job in jobs]
    long = sum(one.stage in LONG for one in found.values())
    assert long >= 4
    assert first == [*[True] * long, None, None, *[False] * (len(found) - long)]
