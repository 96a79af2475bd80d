"""Says in one line what an exploration or a negative control has come to."""

from collections import Counter
from collections.abc import Mapping, Sequence

from rig.record.lines.model import Control, Explored, Uncontrolled

JobLine = Explored | Control | Uncontrolled


def told_bounds(bounds: Mapping[str, int]) -> str:
    """`2 instances, 2 mitras, 1 fault`: as many of each as may occur; what may not occur at all is left out, but for faults."""
    said = {word: number for word, number in bounds.items() if number or word == "faults"}
    return ", ".join(
        f"{number} {singular(word) if number == 1 else word.replace('_', ' ')}" for word, number in said.items()
    )


def singular(word: str) -> str:
    return word.removesuffix("es" if word.endswith("sses") else "s").replace("_", " ")


def told_exploration(line: Explored) -> str:
    """Within which bounds, how much was seen, and how it ended."""
    seen = f"{line.states:,} states, {line.transitions:,} transitions, depth {line.depth}, {line.seconds:.1f} s"
    return f"{told_bounds(line.bounds)}: {told_end(line)} ({seen})"


def told_end(line: Explored) -> str:
    """How an exploration ended."""
    if line.violation:
        steps = len(line.violation.steps)
        return f"{line.violation.invariant.number} broken after {steps} {'step' if steps == 1 else 'steps'}"
    return "exhausted" if line.complete else f"not exhausted: {line.stopped}"


def told_control(lines: Sequence[JobLine]) -> str:
    """How many mutants and dropped rules broke an invariant."""
    tried = [line for line in lines if isinstance(line, Control)]
    if not tried:
        return f"negative control: {lines[0].stopped}" if lines else "negative control: nothing was tried"
    counts = Counter(line.outcome for line in tried)
    others = "".join(f", {number} {what}" for what, number in counts.items() if what != "killed")
    return f"negative control: {counts['killed']} of {len(tried)} mutants and dropped rules killed{others}"
