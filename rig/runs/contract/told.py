"""What a run of the contract tells of itself: which sentences it does not judge, and which were never seen to fail."""

import time
from collections import defaultdict

from typer import echo

from rig.checks.contract.probes import load_probe_checks
from rig.paths import shipped
from rig.record import RecordWriter
from rig.record.lines.common import Weakness
from rig.report.explain.contract import REFERENCES
from rig.report.words import plural
from rig.runs.contract.cases import every
from rig.runs.contract.plan import ContractPlan, reasons, sentences_of
from rig.runs.contract.probing import probes
from rig.service.proven import seen_to_fail
from rig.service.sentences import sentences


def list_sentences() -> int:
    """Print each sentence of the contract: what judges it, what that needs at a running server, what has failed it."""
    judges, failed = judges_of_sentences(), seen_to_fail()
    needs = reasons(tuple(every()), tuple(probes().values()), frozenset(), walking=True)
    for one in sentences().values():
        echo(f"{one.id}{' (hardened)' if one.hardened else ''}: {one.text}")
        if one.id in judges:
            echo(f"  judged by: {'; '.join(judges[one.id])}")
            echo(f"  at a running server: {needs[one.id] or 'yes'}")
        else:
            echo(f"  judged by: nothing in this run; {elsewhere(one.id)}")
        servers = failed.get(one.id, [])
        more = f", and {len(servers) - 3} more" if len(servers) > 3 else ""
        echo(f"  seen to fail: {', '.join(servers[:3]) + more if servers else 'never'}")
    return 0


def print_openapi() -> int:
    """Print the contract's OpenAPI document."""
    echo(shipped("docs", "openapi.json").read_text(encoding="utf-8"), nl=False)
    return 0


def judges_of_sentences() -> dict[str, list[str]]:
    """By id: the stages and probes of `rig contract` that judge it."""
    judges: dict[str, list[str]] = defaultdict(list)
    for id in {id for case in every() for id in sentences_of(case)}:
        judges[id].append("pairs, walks")
    for probe in load_probe_checks().values():
        for id in probe.sentences:
            judges[id].append(f"probe {probe.probe}")
    return judges


def elsewhere(id: str) -> str:
    """What else judges a sentence that `rig contract` does not."""
    return f"items {', '.join(item for item, ids in REFERENCES.items() if id in ids)} of other runs do"


def tell_never_failed(recorder: RecordWriter, planned: ContractPlan) -> None:
    """Record which of the sentences that this run judges no broken server has failed yet."""
    never = [one.id for one in planned.judged if one.id not in seen_to_fail()]
    if never:
        text = (
            f"{plural(len(never), 'sentence')} of {len(planned.judged)} were never seen to fail, as no broken server of the"
            f" catalogue breaks them; a pass of these proves less: {', '.join(never)}"
        )
        recorder.add(Weakness(t=time.time(), text=text))
