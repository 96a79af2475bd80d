"""Says what the verdicts of an exploration mean, which blame a specification or a protocol and no server."""

from collections.abc import Mapping
from typing import Any

from rig.record import Verdict

MEANINGS = {
    Verdict.PASSED: "holds in every state that can be reached within the bounds",
    Verdict.FAILED: "a path that breaks it was found",
    Verdict.INCONCLUSIVE: "not every state was seen, or what had to happen did not, so nothing is proven either way",
    Verdict.BROKEN: "a specification, or the rig, is defective, so this says nothing of the protocol",
    Verdict.SKIPPED: "not tried",
}


def headline(results: Mapping[str, Any], counts: Mapping[Verdict, int]) -> str:
    """The sentence under the verdict."""
    model, total = results.get("model") or {}, sum(counts.values())
    verdict, specs = Verdict(results["verdict"]), len({line["spec"] for line in model.get("explored") or ()})
    states = sum(line["states"] for line in model.get("explored") or ())
    what = f"the mutant “{model['mutant']}”" if model.get("mutant") else "the protocol"
    if verdict is Verdict.PASSED:
        return (
            f"All {total} statements hold in every state within the bounds:"
            f" {states:,} states of {specs} {'specification' if specs == 1 else 'specifications'}."
        )
    if verdict is Verdict.FAILED:
        if model.get("mutant"):
            broken = [item["id"].partition("/")[2] for item in results["items"] if item["verdict"] == Verdict.FAILED]
            are = "is" if len(broken) == 1 else "are"
            return f"In {what}, {' and '.join(broken)} {are} broken. The mutant lacks a rule, so this is what it should show."
        return f"In {what}, {counts[Verdict.FAILED]} of {total} statements are broken."
    if verdict is Verdict.INCONCLUSIVE:
        if model.get("mutant"):
            return f"In {what}, no invariant was seen to break."
        return f"{counts[verdict]} of {total} statements could not be judged."
    return f"{MEANINGS[verdict][0].upper()}{MEANINGS[verdict][1:]}: {counts[verdict]} of {total} statements."
