"""The pairs of `rig contract` are a frozen list: whoever changes it says so by a commit of its own."""

from pathlib import Path

from rig.runs.contract.cases import every, simulated

FROZEN = Path(__file__).with_name("pairs.txt")
RENEW = "python -m tests.runs.contract.test_frozen_pairs"


def names() -> list[str]:
    return [name for case in every() for name in case.names]


def test_the_pairs_are_those_of_the_frozen_list() -> None:
    frozen = FROZEN.read_text(encoding="utf-8").splitlines()
    assert sorted(names()) == frozen, f"the list of pairs has changed: renew it by `{RENEW}`, in a commit of its own"


def test_no_pair_stands_twice_and_a_client_can_reach_each() -> None:
    assert len(set(names())) == len(names())
    assert [case.names for case in every() if simulated(case.way) is None] == []


if __name__ == "__main__":
    FROZEN.write_text("".join(f"{name}\n" for name in sorted(names())), encoding="utf-8")
