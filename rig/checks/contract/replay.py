"""Follows a contract run with the model of the service, and tells where the server went another way. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields

import msgspec

from rig.checks.contract.charges import broken_besides
from rig.checks.contract.compare import (
    answer_differs,
    broken_by_any,
    keys_differ,
    kinds_of_difference,
    rows_differ,
    wrong_keys,
)
from rig.checks.framework import LAG_VOID_S
from rig.contract import RESEED_S
from rig.record.lines.contract import ContractEvent, ContractStep, Keys
from rig.service import accounts, chats, control, offers, presence
from rig.service.state import Mitra, Service
from rig.service.steps import Answer, Expected, Step, predict

MODULES = (accounts, chats, control, offers, presence)  # each declares its actions when it is imported
NOT_SEEDED = -1.0  # in place of the seconds until every instance had seeded
# Looks at the keys until a look is right, or the time for it is over.
LookAgain = Callable[[Callable[[Keys], bool]], Keys]


@dataclass(frozen=True)
class Finding:
    """A step that broke a sentence: what was promised, and what came instead."""

    sentence: str
    message: str
    batch: int
    case: str
    number: int
    group: str = ""


@dataclass
class Followed:
    """What a run has shown: how often each sentence was tested, and what was found."""

    judged: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)  # cases that a deadline or the rig's own delay has spoiled


class Follower:
    """The model beside one batch.

    `off`: server and model differ, or a deadline was too near: what follows cannot be judged. `spoiled`: that was not the
    server's doing, so the case has to be played again.
    """

    def __init__(self, goodbye_s: float, token_s: int, into: Followed) -> None:
        self.service = Service(goodbye_s, token_s=token_s)
        self.followed = into
        self.off = self.spoiled = False

    def event(self, line: ContractEvent) -> None:
        """What the rig itself did. ValueError for an event that is none."""
        service = self.service
        if line.event == "people":
            service.mitras |= {name: Mitra(name) for name in line.mitras}
            service.customers |= set(line.customers)
        elif line.event == "aged":
            for name in line.mitras:
                service.mitras[name].heartbeat = line.t - line.value
        elif line.event == "away":
            service.outage = True
        elif line.event == "back":
            service.outage = False
            self._seeded(line.t)
            self._note_reseed(line)
        elif line.event == "restarted":
            self._seeded(line.t)
        elif line.event != "begin":
            raise ValueError(f"a contract run has no event {line.event!r}")

    def _note_reseed(self, line: ContractEvent) -> None:
        """After a recovery without a seed nothing that follows can be judged."""
        self.followed.judged["OUTAGE-03"] = self.followed.judged.get("OUTAGE-03", 0) + 1
        if line.value == NOT_SEEDED:
            text = f"an instance logged no seed within {RESEED_S:g} s after Valkey answered again"
            self.followed.findings.append(Finding("OUTAGE-03", text, line.batch, line.case, 0))
            self.off = True

    def _seeded(self, at: float) -> None:
        self.service.recovered = at
        for mitra in self.service.mitras.values():
            mitra.heartbeat = at if mitra.online else None

    def step(self, line: ContractStep, again: LookAgain | None = None) -> tuple[ContractStep, list[Finding]]:
        """The step with the last look at its keys, and what it shows, which is also kept in `followed`.

        `again`: while the run goes on, keys that are not yet right are looked at again.
        """
        if self.off:
            return line, []
        service = self.service
        service.advance(line.began)
        if service.unsure(line.began, line.ended) is not None:
            return self._spoil(line)
        step, answer = step_of(line), Answer(line.status, line.reply, line.began, line.ended, line.error)
        possible = predict(service, step, line.began)
        differences = [answer_differs(expected, answer) for expected in possible]
        right = next((expected for expected, wrong in zip(possible, differences, strict=True) if not wrong), None)
        if right is None:
            if line.lag_s > LAG_VOID_S:
                return self._spoil(line)
            self.off = True
            wrong = " or ".join(dict.fromkeys(differences))
            besides = broken_besides(possible[0], kinds_of_difference(possible[0], answer)) + broken_by_any(answer)
            return line, self._note(possible[0], line, [(id, wrong) for id in (possible[0].sentence, *besides)])
        if right.change:
            right.change(answer)
        service.note_count(line.ended)
        if again is not None and line.keys is not None and wrong_keys(service, line.keys):
            line = msgspec.structs.replace(line, keys=again(lambda keys: not wrong_keys(service, keys)))
        found = rows_differ(service, right, line) + keys_differ(service, right, step, answer, line)
        if found and line.lag_s > LAG_VOID_S:
            return self._spoil(line)
        self.off = bool(found)
        return line, self._note(right, line, found)

    def _spoil(self, line: ContractStep) -> tuple[ContractStep, list[Finding]]:
        self.off = self.spoiled = True
        self.followed.unsure.append(line.case)
        return line, []

    def _note(self, expected: Expected, line: ContractStep, wrong: Sequence[tuple[str, str]]) -> list[Finding]:
        for sentence in {expected.sentence, *expected.also, *looked_at(line)}:
            self.followed.judged[sentence] = self.followed.judged.get(sentence, 0) + 1
        found = [
            Finding(id, f"{told(line)}: {text}", line.batch, line.case, line.number, line.group) for id, text in wrong
        ]
        self.followed.findings += found
        return found


STEP_FIELDS = tuple(field.name for field in fields(Step))  # a line has a field of the same name for each


def step_of(line: ContractStep) -> Step:
    return Step(**{name: getattr(line, name) for name in STEP_FIELDS})


def looked_at(line: ContractStep) -> tuple[str, ...]:
    """Sentences that each answer, and each look at rows and keys, tests."""
    always: tuple[str, ...] = ("HTTP-20", "HTTP-21", "ID-01")
    if line.status is not None and line.status >= 400:
        always += ("HTTP-01", "HTTP-02")
    if line.rows is not None:
        always += ("TABLE-02", "TABLE-03", "TABLE-04", "TABLE-05")
    if line.keys is not None:
        always += ("KEY-01", "KEY-02", "KEY-03", "KEY-04", "KEY-07", "TIME-01")
    return always


def told(line: ContractStep) -> str:
    """The step in words: who did what, and in which case."""
    speaks_of = " ".join(filter(None, (line.chat, line.mitra, line.key)))
    value = "" if line.value is None else f" {line.value}"
    token = "" if line.token == "fresh" else f" with a token that is {line.token}"
    return f"{line.case}, step {line.number}: {line.actor} {line.action} {speaks_of}{value}{token}".replace(
        "  ", " "
    ).rstrip()


def follow(lines: Sequence[ContractEvent | ContractStep], goodbye_s: float, token_s: int) -> Followed:
    """All batches of a run, each from empty stores."""
    followed = Followed()
    follower = Follower(goodbye_s, token_s, followed)
    batch = None
    for line in lines:
        if line.batch != batch:
            batch, follower = line.batch, Follower(goodbye_s, token_s, followed)
        if isinstance(line, ContractEvent):
            follower.event(line)
        else:
            follower.step(line)
    return followed
