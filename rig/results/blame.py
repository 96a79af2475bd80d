"""Whom a broken promise is charged to: the item that owns it, or else the item CONTRACT."""

from collections.abc import Iterable, Iterator
from typing import Any

from rig.checks import Judgement
from rig.checks.chaos.timeline import http_evidence
from rig.checks.common.contract_item import defects, told_defects
from rig.checks.framework import CATCH_ALL
from rig.record import Run, Verdict, evidence
from rig.record.evidence import Evidence
from rig.results.entries import INTERRUPTED, UNREACHED, Answers, answer_entry

SHOWN_MAX = 5


def owner_of(owner: str, plan: dict[str, Any]) -> str:
    """Who is charged: the item that owns the promise, where this run answers for it; else the item for all the rest."""
    return owner if owner in plan["items"] else CATCH_ALL


def charge_breaches(scenarios: Iterable[dict[str, Any]], plan: dict[str, Any], answers: Answers) -> None:
    """A promise that a preparing step saw broken fails its owner; the boxes that the step was for stay open."""
    for scenario in scenarios:
        error = scenario.get("error") or {}
        if "owner" in error or error.get("verdict") == Verdict.FAILED:
            said = f"{error['step']}: {error['message']}"
            answers[owner_of(error.get("owner", CATCH_ALL), plan)].append(
                charge_entry(scenario, said, [evidence.note(said)])
            )


def charge_contract(run: Run, scenarios: Iterable[dict[str, Any]], answers: Answers) -> None:
    """5xx answers that the contract does not allow, where no failed box of their scenario shows one like it."""
    failed = [answer for own in answers.values() for answer in own if answer["verdict"] == Verdict.FAILED]
    shown = {key for answer in failed for key in shown_by(answer)}
    by_key = {(line["scenario"], line["variant"]): line for line in scenarios}
    for key, lines in defects(run.lines).items():
        own = [line for line in lines if (*key, line["method"], line["url"], line["status"]) not in shown]
        if own and key in by_key:
            said = told_defects(own)
            answers[CATCH_ALL].append(
                charge_entry(by_key[key], said, [http_evidence(line) for line in own[:SHOWN_MAX]])
            )


def shown_by(answer: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """The exchanges in its evidence, as scenario, variant, method, URL and status."""
    for piece in answer["evidence"]:
        if piece["kind"] == "http":
            yield answer["scenario"], answer["variant"], piece["method"], piece["url"], piece["status"]


def charge_entry(scenario: dict[str, Any], said: str, shown: list[Evidence]) -> dict[str, Any]:
    line = {
        "scenario": scenario["scenario"], "variant": scenario["variant"], "bounds": {}, "evidence": shown,
        "started": scenario["t"], "ended": scenario["t"],
    }  # fmt: skip
    return answer_entry(line, Judgement(Verdict.FAILED, said))


def again(charged: list[dict[str, Any]], scenarios: dict[tuple[str, str], dict[str, Any]], plan: dict[str, Any]) -> str:
    """The command that runs those scenarios again: by the boxes that they answer."""
    wanted = [item for answer in charged for item in scenarios[answer["scenario"], answer["variant"]]["items"]]
    named = ",".join(dict.fromkeys(item for item in wanted if item in plan["items"]))
    replay: str = plan["replay"]
    return replay.replace("{item}", named)


def breaches_of(line: dict[str, Any], judgement: Judgement, plan: dict[str, Any]) -> Iterator[tuple[str, Judgement]]:
    """Who is charged by what another item's judgement has found."""
    for breach in judgement.breaches:
        yield owner_of(breach.owner, plan), Judgement(Verdict.FAILED, f"{line['item']}: {breach.message}")


def charge_exits(run: Run, plan: dict[str, Any], answers: Answers) -> None:
    """A server that left by itself in a scenario, or idle after it, has failed the box that was answered last before.

    Where none was answered it has failed CONTRACT: the boxes that were never reached stay open.
    """
    for line in run.of("exited"):
        own = [
            answer
            for item in (*plan["items"], CATCH_ALL)
            for answer in answers[item]
            if (answer["scenario"], answer["variant"]) == (line.get("scenario"), line.get("variant"))
        ]
        if any(answer["verdict"] == Verdict.FAILED and line["text"] in answer["message"] for answer in own):
            continue
        answered = [answer for answer in own if not answer["message"].startswith((UNREACHED, INTERRUPTED))]
        if own and not answered:
            answers[CATCH_ALL].append(
                charge_entry({**own[0], "t": line["t"]}, line["text"], [evidence.note(line["text"])])
            )
        elif answered:
            last = max(answered, key=lambda answer: (answer["started"] <= line["t"], answer["started"]))
            last["message"] = "; ".join(filter(None, (line["text"], last["message"])))
            last["verdict"] = Verdict.FAILED
            last["evidence"] = [*last["evidence"], evidence.note(line["text"])]
