"""Judges requests that were made up from the contract's OpenAPI document."""

from collections import defaultdict

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations import edges
from rig.record.observations.edges import Unfit

SENTENCES = ("HTTP-01", "HTTP-02", "HTTP-19", "HTTP-20", "HTTP-21", "API-03")
NO_ANSWER = ("no answer", "late")


@probe_check("generated requests", *SENTENCES)
def generated_requests(judge: ProbeJudge, seen: edges.Generated) -> None:
    broken: dict[str, list[str]] = defaultdict(list)
    for one in seen.unfit:
        for sentence in sentences_of(one):
            broken[sentence].append(f"{one.route}: {one.status or ''} {one.kind}: {one.message}".replace(":  ", ": "))
    for sentence in SENTENCES:
        few = f"only {seen.sent} requests were sent in time, to {seen.routes} routes"
        if broken[sentence] or judge.assume(sentence, seen.sent >= seen.routes > 0, few):
            found = list(dict.fromkeys(broken[sentence]))
            judge.require(
                sentence, not found, "; ".join(found[:3]) + (f"; and {len(found) - 3} more" if found[3:] else "")
            )


def sentences_of(unfit: Unfit) -> tuple[str, ...]:
    """The sentences that this answer breaks."""
    if unfit.kind in NO_ANSWER or unfit.status is None:
        return ("HTTP-20",)
    if unfit.status == 503:
        return ("HTTP-19",)
    if unfit.status >= 500:
        return ("HTTP-21", "HTTP-02")
    return ("HTTP-01",) if unfit.status >= 400 else ("API-03",)
