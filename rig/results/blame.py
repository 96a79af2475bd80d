"""Which item fails for a broken promise: the one that owns it, or else the item CONTRACT."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rig.checks import Judgement
from rig.checks.chaos.timeline import http_evidence
from rig.checks.common.contract_item import defects, told_defects
from rig.checks.framework import CATCH_ALL
from rig.record import Run, Verdict, evidence
from rig.record.evidence import Evidence
from rig.record.lines.checklist import Observation, Scenario
from rig.record.lines.common import Exited, Plan
from rig.results.entries import INTERRUPTED, UNREACHED, Answers, Key, answer_entry
from rig.results.forms import Answer

SHOWN_MAX = 5


def owner_of(owner: str, plan: Plan) -> str:
    """The item that fails: the owner of the promise if this run judges it, otherwise CONTRACT."""
    return owner if owner in plan.items else CATCH_ALL


def charge_breaches(scenarios: Iterable[Scenario], plan: Plan, answers: Answers) -> None:
    """A promise that was broken in a preparing step fails its owner. The items of that scenario are not judged."""
    for scenario in scenarios:
        error = scenario.error
        if error and (error.owner or error.verdict == Verdict.FAILED):
            message = f"{error.step}: {error.message}"
            answers[owner_of(error.owner or CATCH_ALL, plan)].append(
                charge_entry(key_of(scenario), scenario.t, message, [evidence.note(message)])
            )


def charge_contract(run: Run, scenarios: Iterable[Scenario], answers: Answers) -> None:
    """Charge 5xx answers that the contract does not allow, unless a failed item of the scenario shows the same one."""
    failed = [answer for own in answers.values() for answer in own if answer["verdict"] == Verdict.FAILED]
    shown = {key for answer in failed for key in shown_by(answer)}
    ends = {key_of(line): line.t for line in scenarios}
    for key, requests in defects(run.lines).items():
        own = [line for line in requests if (*key, line.method, line.url, line.status) not in shown]
        if own and key in ends:
            answers[CATCH_ALL].append(
                charge_entry(key, ends[key], told_defects(own), [http_evidence(line) for line in own[:SHOWN_MAX]])
            )


def key_of(line: Scenario | Exited) -> Key:
    return line.scenario, line.variant


def shown_by(answer: Answer) -> Iterator[tuple[str, str, str, str, int | None]]:
    """The exchanges in its evidence: scenario, variant, method, URL and status."""
    for piece in answer["evidence"]:
        if piece["kind"] == "http":
            yield answer["scenario"], answer["variant"], piece["method"], piece["url"], piece["status"]


def charge_entry(key: Key, t: float, message: str, shown: Sequence[Evidence]) -> Answer:
    """A failed answer of the item that is charged; `t` is the time of the scenario."""
    return answer_entry(key, Judgement(Verdict.FAILED, message), started=t, ended=t, shown=shown)


def again(charged: Iterable[Answer], scenarios: Mapping[Key, Scenario], plan: Plan) -> str:
    """The command that runs those scenarios again, by the items that they answer."""
    wanted = [item for answer in charged for item in scenarios[answer["scenario"], answer["variant"]].items]
    return plan.replay.replace("{item}", ",".join(dict.fromkeys(item for item in wanted if item in plan.items)))


def breaches_of(line: Observation, judgement: Judgement, plan: Plan) -> Iterator[tuple[str, Judgement]]:
    """The items that fail because of promises that were found broken when another item was judged."""
    for breach in judgement.breaches:
        yield owner_of(breach.owner, plan), Judgement(Verdict.FAILED, f"{line.item}: {breach.message}")


def charge_exits(run: Run, plan: Plan, answers: Answers) -> None:
    """A server that exited by itself during a scenario, or idle after it, fails the item that was answered last before.

    If none was answered, CONTRACT fails, because items that were not reached are not judged.
    """
    for line in run.of(Exited):
        own = [
            answer
            for item in (*plan.items, CATCH_ALL)
            for answer in answers[item]
            if (answer["scenario"], answer["variant"]) == key_of(line)
        ]
        if any(answer["verdict"] == Verdict.FAILED and line.text in answer["message"] for answer in own):
            continue
        answered = [answer for answer in own if not answer["message"].startswith((UNREACHED, INTERRUPTED))]
        if own and not answered:
            answers[CATCH_ALL].append(charge_entry(key_of(line), line.t, line.text, [evidence.note(line.text)]))
        elif answered:
            fail_last(answered, line)


def fail_last(answered: Sequence[Answer], line: Exited) -> None:
    """Make the last answer before the exit a failed one."""
    last = max(answered, key=lambda answer: (answer["started"] <= line.t, answer["started"]))
    last["message"] = "; ".join(filter(None, (line.text, last["message"])))
    last["verdict"] = Verdict.FAILED
    last["evidence"] = [*last["evidence"], evidence.note(line.text)]
