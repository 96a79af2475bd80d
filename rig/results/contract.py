"""The figures of a contract run: how many of its pairs were reached, and its failing walks."""

from rig.checks.contract.coverage import reached
from rig.record import Run
from rig.record.lines.contract import ContractEvent, ContractStep, ShortestWalk
from rig.service.steps import Answer


def pairs_reached(run: Run) -> dict[str, object]:
    """`measures` for the report, one per dimension of the pairs; empty for a run that planned none."""
    planned = run.meta.get("pairs")
    if not planned:
        return {}
    found = reached(run.lines)
    return {
        "measures": [
            {
                "name": f"pairs of {dimension} reached, of {count:,} planned",
                "value": found.get(dimension, 0),
                "unit": "",
            }
            for dimension, count in planned.items()
        ]
    }


def failing_walks(run: Run) -> dict[str, object]:
    """`walks` for the report: each failing walk, as short as it was made, with its moves in order; empty without any."""
    found = [
        {"walk": line.walk, "sentence": line.sentence, "message": line.message, "moves": moves_of(run, line.batch)}
        for line in run.of(ShortestWalk)
    ]
    return {"walks": found} if found else {}


def moves_of(run: Run, batch: int) -> list[dict[str, object]]:
    """The requests of this batch, and the heartbeats that were made older."""
    moves: list[dict[str, object]] = []
    lines: list[ContractStep | ContractEvent] = [*run.of(ContractStep), *run.of(ContractEvent)]
    for line in sorted((line for line in lines if line.batch == batch), key=lambda line: line.t):
        if isinstance(line, ContractStep):
            code = Answer(line.status, line.reply, line.began, line.ended).code
            moves.append({
                "action": line.action, "actor": line.actor, "chat": line.chat, "mitra": line.mitra, "value": line.value,
                "key": line.key, "token": line.token, "instance": line.instance, "status": line.status, "code": code,
            })  # fmt: skip
        elif line.event == "aged":
            moves += [{"mitra": name, "by_s": line.value} for name in line.mitras]
    return moves
