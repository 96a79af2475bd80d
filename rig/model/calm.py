"""From which states quiet can be reached: backwards from the quiet ones, each step being looked at once."""

from array import array
from collections.abc import Sequence
from itertools import accumulate


def first_without_way(calm: bytearray, sources: Sequence[int], targets: Sequence[int]) -> int:
    """The first state that has no way to one that is calm, -1 if there is none.

    `calm`: of each state, whether a way is known; it is completed. The steps: from `sources[k]` to `targets[k]`.
    """
    ends = array("q", bytes(8 * len(calm)))  # of each state: where the steps that lead to it end in `before`
    for target in targets:
        ends[target] += 1
    ends = array("q", accumulate(ends))
    begins = array("q", ends)
    before = array("q", bytes(8 * len(targets)))  # the sources, in the order of their targets
    for source, target in zip(sources, targets, strict=True):
        begins[target] -= 1
        before[begins[target]] = source
    waiting = [state for state, is_calm in enumerate(calm) if is_calm]
    while waiting:
        target = waiting.pop()
        for source in before[begins[target] : ends[target]]:
            if not calm[source]:
                calm[source] = True
                waiting.append(source)
    return calm.find(0)
