"""A failing walk is made as short as its defect allows."""

import time
from collections.abc import Sequence
from typing import Any

from rig.checks.contract.replay import Finding
from rig.runs.contract.states import Move
from rig.runs.contract.walks import Walker, drawn
from rig.service.steps import Step

SENTENCE = "OFFER-08"


class Played(Walker):
    """Walks beside a server that breaks a sentence once these actions were done in this order."""

    def __init__(self, actions: Sequence[str], *, balanced: bool = False) -> None:
        super().__init__(driver=None)  # type: ignore[arg-type]
        self.actions, self.balanced = actions, balanced
        self.walks = 0

    def walk(self, name: str, moves: Sequence[Move]) -> list[Finding]:
        self.walks += 1
        self.done, left = [], list(self.actions)
        for move in moves:
            self.done.append(move)
            if isinstance(move, Step) and left and move.action == left[0]:
                left.pop(0)
            if not left and (not self.balanced or is_balanced(self.done)):
                return [Finding(SENTENCE, "", 0, name, len(self.done))]
        return []


def is_balanced(moves: Sequence[Move]) -> bool:
    """As many mitras went online as offline: neither can be left out alone."""
    actions = [move.action for move in moves if isinstance(move, Step)]
    return actions.count("online") == actions.count("offline")


def a_failing_walk(walker: Walker) -> list[Move]:
    for number in range(200):
        moves: list[Any] = drawn(f"walk {number}", ("a", "b"))
        if walker.walk("walk", moves):
            return list(walker.done)
    raise AssertionError("no walk fails")


def test_it_has_no_request_that_is_not_needed() -> None:
    walker = Played(("online", "create", "pay", "accept", "end"))
    moves = a_failing_walk(walker)
    assert len(moves) > 10
    found = walker.shrunk("walk", moves, SENTENCE)
    assert found is not None
    assert [move.action for move in found.moves if isinstance(move, Step)] == list(walker.actions)
    assert walker.walks < 150


def test_two_requests_that_need_each_other_are_left_out_together() -> None:
    walker = Played(("create", "pay"), balanced=True)
    step = [Step(action, "m1") for action in ("online", "create", "offline", "pay")]
    found = walker.shrunk("walk", step, SENTENCE)
    assert found is not None
    assert [move.action for move in found.moves if isinstance(move, Step)] == ["create", "pay"]


def test_another_sentence_is_not_taken_for_it() -> None:
    walker = Played(("create", "pay"))
    assert walker.shrunk("walk", [Step("create", "c1"), Step("pay", "c1")], "PING-01") is None


def test_it_stops_when_its_time_is_over() -> None:
    walker = Played(("create",))
    began = time.monotonic()
    walker.shrunk("walk", [Step("ping", "m1")] * 50 + [Step("create", "c1")], SENTENCE, seconds=0.0)
    assert walker.walks == 0
    assert time.monotonic() - began < 5
