"""What a check expected and what it saw are kept for the report, where they differ."""

import pytest

from rig.checks.common.mirror_diff import require_capacities, require_same_ids
from rig.checks.framework import DIFFERENCES_MAX, Difference, Judge, Kind
from rig.record import Verdict


def test_only_a_difference_is_kept_and_it_fails_the_promise() -> None:
    judge = Judge(Kind.PROMISE)
    assert judge.require_equal("the count", 2, 2)
    assert not judge.require_equal("the count", 3, 2)
    found = judge.judgement()
    assert (found.verdict, found.message) == (Verdict.FAILED, "the count is 3, not 2")
    assert found.differences == (Difference("the count", expected=2, seen=3),)


def test_a_comparison_requires_nothing() -> None:
    judge = Judge(Kind.PROMISE)
    judge.compare("the count", 3, 2)
    assert judge.judgement().verdict is Verdict.PASSED


def test_there_are_only_so_many() -> None:
    judge = Judge(Kind.PROMISE)
    for number in range(100):
        judge.compare(str(number), number, None)
    assert len(judge.differences) == DIFFERENCES_MAX


@pytest.mark.parametrize(("actual", "differs"), [(["b", "a"], False), (["a", "c"], True)])
def test_sets_are_compared_in_any_order(actual: list[str], differs: bool) -> None:
    judge = Judge(Kind.PROMISE)
    require_same_ids(judge, "mitras:online", ["a", "b"], actual)
    assert bool(judge.differences) == differs


def test_a_wrong_capacity_is_named_by_its_key() -> None:
    judge = Judge(Kind.PROMISE)
    require_capacities(judge, ["x"], {"x": 2}, {"x": "1"})
    assert judge.differences == [Difference("mitra:capacity:x", expected="2", seen="1")]
