"""The check of each sentence: what the steps and probes of a run say of it."""

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from rig.checks.contract.probes import judge_probe
from rig.checks.contract.replay import Finding, follow
from rig.checks.framework import CHECKS, Bounds, Check, Judge, Kind
from rig.record import Lines, evidence
from rig.record.evidence import Evidence
from rig.record.lines.common import PlannedSentence
from rig.record.lines.contract import ContractEvent, ContractStep, Probe

STEPS_SHOWN = 12
FINDINGS_SHOWN = 3


@dataclass(frozen=True)
class SentenceCheck(Check):
    """One whose section is the heading under which it stands in docs/contract.md."""

    heading: str = ""

    @property
    def section(self) -> str:
        return self.heading

    @property
    def section_title(self) -> str:
        return self.heading


@dataclass
class Told:
    """What a run says: by sentence how often it was judged, what was found, and why nothing can be said."""

    judged: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    findings: dict[str, list[tuple[str, list[Evidence]]]] = field(default_factory=lambda: defaultdict(list))
    doubts: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    lacks: dict[str, list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )  # what a probe needs and did not have


class Reader:
    """Reads a run's lines once for all sentences."""

    def __init__(self, goodbye_s: float, token_s: int) -> None:
        self.goodbye_s, self.token_s = goodbye_s, token_s
        self._lines: Lines | None = None
        self._told = Told()

    def told(self, lines: Lines) -> Told:
        if lines is not self._lines:
            self._lines, self._told = lines, self._read(lines)
        return self._told

    def _read(self, lines: Lines) -> Told:
        told = Told()
        steps = lines.of(ContractStep)
        lines_of_batches: list[ContractEvent | ContractStep] = [*steps, *lines.of(ContractEvent)]
        ordered = sorted(lines_of_batches, key=lambda line: (line.batch, line.t, isinstance(line, ContractStep)))
        followed = follow(ordered, self.goodbye_s, self.token_s)
        for sentence, count in followed.judged.items():
            told.judged[sentence] += count
        for finding in followed.findings:
            shown = steps_before(finding, steps) if len(told.findings[finding.sentence]) < FINDINGS_SHOWN else []
            told.findings[finding.sentence].append((finding.message, shown))
        for line in lines.of(Probe):
            self._probe(line, told)
        return told

    def _probe(self, line: Probe, told: Told) -> None:
        judge = judge_probe(line)
        shown = [evidence.note(f"{line.probe}: {line.seen}")]
        for sentence, count in judge.judged.items():
            told.judged[sentence] += count
        for sentence, message in judge.broken:
            told.findings[sentence].append((f"{line.probe}: {message}", shown))
        for sentence, message in judge.lacks:
            told.lacks[sentence].append(f"{line.probe}: {message}")
        for sentence, message in judge.doubts:
            told.doubts[sentence].append(f"{line.probe}: {message}")


def steps_before(finding: Finding, steps: Sequence[ContractStep]) -> list[Evidence]:
    """The steps of the same case up to the one that broke the sentence, as requests that can be sent again."""
    own = [
        step
        for step in steps
        if (step.batch, step.group) == (finding.batch, finding.group) and step.number <= finding.number
    ]
    return [
        evidence.http(
            actor=f"{step.number}. {step.actor}", method="", url=step.action, body=step.value, status=step.status,
            reply=step.reply, error=step.error, started=step.began, ended=step.ended, curl=step.curl,
        )
        for step in own[-STEPS_SHOWN:]
    ]  # fmt: skip


def declare_contract(planned: Sequence[PlannedSentence], goodbye_s: float, token_s: int) -> None:
    """Make a check of each sentence that a plan names."""
    reader = Reader(goodbye_s, token_s)
    ids = {sentence.id for sentence in planned}
    for sentence in planned:
        function = kept(sentence, reader, ids)
        CHECKS[sentence.id] = SentenceCheck(
            sentence.id, Kind.PROMISE, "", sentence.text, function, True, sentence.section
        )


def kept(sentence: PlannedSentence, reader: Reader, planned: Collection[str]) -> Callable[[Judge, Lines, Bounds], None]:
    """Failed: a step or probe broke the sentence. Passed: it was tested, and always held. Skipped: the plan says what it lacks.

    A broken sentence that is not planned, such as a hardened one at level contract, is a remark at those of its group.
    """
    group = sentence.id.rpartition("-")[0]

    def check(judge: Judge, lines: Lines, bounds: Bounds) -> None:
        if sentence.lacks:
            judge.skip(sentence.lacks)
            return
        told = reader.told(lines)
        for id, findings in told.findings.items():
            if findings and id not in planned and id.rpartition("-")[0] == group:
                judge.note(f"not judged in this run, but broken: {id}: {findings[0][0]}")
        require = judge.require_hardened if sentence.hardened else judge.require
        for message, shown in told.findings[sentence.id]:
            require(False, message)
            judge.show(*shown)
        if told.findings[sentence.id]:
            return
        for doubt in told.doubts[sentence.id]:
            judge.assume(False, doubt)
        count = told.judged[sentence.id]
        if told.lacks[sentence.id] and not count and not told.doubts[sentence.id]:
            judge.skip("; ".join(told.lacks[sentence.id]))
            return
        broken = [f"{id}: {findings[0][0]}" for id, findings in told.findings.items() if findings]
        why = f", as the way there was broken ({broken[0]})" if broken else ""
        judge.assume(count, f"nothing tested this sentence{why}")
        for lack in told.lacks[sentence.id]:
            judge.note(f"not tested by {lack}")
        judge.note(f"tested {count:,} times" if count != 1 else "tested once")

    return check
