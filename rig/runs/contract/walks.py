"""Random walks: any action by anybody at any instance, held against the model, and shrunk to the shortest that fails."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, takewhile

from rig.checks.contract.replay import Finding
from rig.runs.contract.driver import Driver
from rig.runs.contract.states import DOUBTFUL_S, LONG_S, STALE_S, Age, Move
from rig.service.accounts import RIGHT, WRONG
from rig.service.state import Service
from rig.service.steps import ACTIONS, TOKENS, Step

MITRAS = ("m1", "m2", "m3")
CUSTOMERS = ("c1", "c2")
CHATS = ("chat1", "chat2", "chat3", "chat4")
STEPS = 60
SHRINK_S = 60.0
# How often each is drawn, beside the others.
WEIGHTS = {
    "online": 6, "offline": 2, "ping": 4, "status": 1, "profile": 1, "beacon": 2, "dashboard": 1, "create": 6, "get": 1, "pay": 7,
    "cancel": 2, "end": 3, "goodbye": 1, "extend": 3, "extension-pay": 3, "mitra-end": 2, "offers": 2, "accept": 8, "decline": 3,
    "mitras": 1, "set-active": 3, "reachable": 1, "available": 2, "reroute": 4, "config": 1, "set-config": 2,
    "mitra-request-code": 2, "mitra-verify": 3, "mitra-refresh": 3, "mitra-logout": 1,
    "client-request-code": 2, "client-verify": 3, "client-refresh": 3, "client-logout": 1,
}  # fmt: skip
WRONG_TOKEN_SHARE = 0.03
AGE_SHARE = 0.05


def drawn(seed: str, instances: Sequence[str], steps: int = STEPS) -> list[Move]:
    """The moves of a walk; the same seed gives the same."""
    rng = random.Random(seed)
    tokens = [f"t{number}" for number in range(1, 9)]
    return [one_move(rng, instances, tokens) for _ in range(steps)]


def one_move(rng: random.Random, instances: Sequence[str], tokens: Sequence[str]) -> Move:
    if rng.random() < AGE_SHARE:
        return Age(rng.choice(MITRAS), rng.choice((STALE_S, DOUBTFUL_S)))
    (action,) = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))
    mitra, customer, chat = rng.choice(MITRAS), rng.choice(CUSTOMERS), rng.choice(CHATS)
    actor, key = who(action, mitra, customer), ""
    value: int | str | None = None
    if action in ("create", "extend"):
        value = LONG_S
    elif action == "set-active":
        value = rng.random() < 0.6
    elif action == "set-config":
        key, value = rng.choice(
            (("max_customers_per_mitra", rng.choice((1, 2, 3))), ("stale_after_seconds", rng.choice((30, 90))))
        )
    elif action.endswith("-verify"):
        value, key = (RIGHT if rng.random() < 0.7 else WRONG), rng.choice(tokens)
    elif action.endswith(("-refresh", "-logout")):
        value, key = rng.choice(tokens), rng.choice(tokens)
    token = rng.choice(TOKENS[1:]) if rng.random() < WRONG_TOKEN_SHARE else "fresh"
    path = ACTIONS[action].path
    chat = chat if action == "create" or "{chat}" in path else ""
    mitra = mitra if "{mitra}" in path or action == "reroute" else ""
    return Step(action, actor, chat, mitra, value, key, token, rng.choice(tuple(instances)))


def who(action: str, mitra: str, customer: str) -> str:
    if action in ("beacon", "providers"):
        return "nobody"
    if action in ("dashboard", "mitras", "set-active", "reachable", "available", "reroute", "config", "set-config"):
        return "operator"
    of_mitra = ("online", "offline", "ping", "status", "profile", "offers", "accept", "decline")
    return mitra if action in of_mitra or action.startswith("mitra-") else customer


@dataclass(frozen=True)
class Failed:
    """A walk that failed, as short as it could be made, and what its last step showed."""

    moves: list[Move]
    findings: list[Finding]


class Walker:
    """Takes walks on one stack."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.done: list[Move] = []  # the moves that the last walk really made

    def walk(self, name: str, moves: Sequence[Move]) -> list[Finding]:
        """What the first step that broke a sentence shows; nothing for a walk on which all went right."""
        driver = self.driver
        driver.begin()
        driver.add_people(name, MITRAS, CUSTOMERS)
        known: set[str] = set()
        self.done = []
        for move in moves:
            if isinstance(move, Age):
                if driver.follower.service.mitras[move.mitra].heartbeat is not None:
                    self.done.append(move)
                    driver.age_heartbeat(name, move.mitra, move.by_s)
                continue
            assert isinstance(move, Step)
            if driver.silent(move.action) or skipped(move, known) or of_other_app(move, driver.follower.service):
                continue
            if move.action == "create":
                known.add(move.chat)
            self.done.append(move)
            if found := driver.do(name, name, move):
                return found
            if driver.off:
                return []  # a deadline was too near
        return []

    def shrunk(self, name: str, moves: Sequence[Move], sentence: str, seconds: float = SHRINK_S) -> Failed | None:
        """The shortest walk found in this time that breaks the same sentence; None where it does not break it again."""
        until = time.monotonic() + seconds
        best: Failed | None = None
        current = list(moves)
        size = max(1, len(current) // 2)
        while size and time.monotonic() < until:
            tries = takewhile(lambda _: time.monotonic() < until, without(current, size))
            shorter = next(filter(None, (self._breaks(name, kept, sentence) for kept in tries)), None)
            if shorter:
                best, current = shorter, shorter.moves
                size = min(size, max(1, len(current) // 2))
            else:
                size //= 2
        shortest = self._without_pairs(name, best or Failed(current, []), sentence, until)
        return shortest if shortest.findings else None

    def _without_pairs(self, name: str, best: Failed, sentence: str, until: float) -> Failed:
        """The same without two moves that need each other, such as online and offline, as often as that is possible."""
        while len(best.moves) > 2:
            pairs = combinations(range(len(best.moves)), 2)
            tries = (
                [move for number, move in enumerate(best.moves) if number not in pair]
                for pair in takewhile(lambda _: time.monotonic() < until, pairs)
            )
            shorter = next(filter(None, (self._breaks(name, kept, sentence) for kept in tries)), None)
            if shorter is None:
                return best
            best = shorter
        return best

    def _breaks(self, name: str, moves: Sequence[Move], sentence: str) -> Failed | None:
        """The walk up to the move that broke this sentence, without the moves that were left out; None where it held."""
        found = [one for one in self.walk(f"{name}, shorter", moves) if one.sentence == sentence]
        return Failed(list(self.done), found) if found else None


def skipped(step: Step, known: set[str]) -> bool:
    """A chat is made once, and nothing is done to one that is not there: what the edges ask is asked elsewhere."""
    if step.action == "create":
        return step.chat in known
    return bool(step.chat) and step.chat not in known


def of_other_app(step: Step, service: Service) -> bool:
    """Whether it logs out with a token of the other app: the contract leaves open whether that ends the sign-in."""
    if not step.action.endswith("-logout"):
        return False
    token = service.tokens.get(str(step.value))
    return token is not None and not step.action.startswith(token.role)


def without(moves: Sequence[Move], size: int) -> Iterator[list[Move]]:
    """The walk without each piece of this length, the last piece first: what comes late matters least often."""
    for at in range(max(0, len(moves) - size), -1, -size):
        kept = [*moves[:at], *moves[at + size :]]
        if kept:
            yield kept
