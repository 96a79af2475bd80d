"""Compares Postgres' own table counters with the logged statements: a counter sees what no log shows."""

from typing import TypedDict

from rig.checks.framework import Bounds
from rig.checks.load.measures import SHOWN_MAX, Measured, measure
from rig.checks.load.sql_attribution import spent
from rig.record import Lines, evidence
from rig.record.lines.load import ArmUp, Counters


class CounterRow(TypedDict):
    """One counter of one table: by how much it moved, and the most that the logged statements explain."""

    arm: str
    table: str
    counter: str
    moved: int
    most: int
    explained: str


@measure("beyond_ledger")
def beyond_ledger(lines: Lines, arm: str, bounds: Bounds) -> Measured:
    """How many table counters moved by more than the logged statements explain, between two idle moments."""
    reads = [line for line in lines.of(Counters) if line.arm == arm]
    if len(reads) < 2:
        return Measured(None, doubts=["the table counters were not read twice at the end of an idle span"])
    rows = witness_rows(lines, arm)
    beyond = [row for row in rows if row["moved"] > row["most"]]
    said = (
        f"{len(beyond)} of {len(rows)} counters of {len({row['table'] for row in rows})} tables moved beyond the ledger"
    )
    if beyond:
        said += ": " + ", ".join(
            f"{row['table']}.{row['counter']} by {row['moved']}, at most {row['most']} ({row['explained']})"
            for row in beyond[:SHOWN_MAX]
        )
    told = [f"{row['table']}.{row['counter']} moved by {row['moved']}: {row['explained']}" for row in rows]
    return Measured(
        len(beyond),
        said,
        [evidence.statements("Table counters between two idle moments", {"counters": len(rows)}, told)],
    )


def witness_rows(lines: Lines, arm: str) -> list[CounterRow]:
    """One row per counter. Only the statements that name its table can explain it.

    A statement may touch one row per id that it carries, and one more. If it carries no id, it may touch all rows.
    """
    reads = [line for line in lines.of(Counters) if line.arm == arm][:2]
    if len(reads) < 2:
        return []
    since, until = reads[0].t, reads[1].t
    facts = next(line for line in lines.of(ArmUp) if line.arm == arm)
    statements = spent(lines, arm, since, until)
    rows: list[CounterRow] = []
    for table, before in reads[0].tables.items():
        naming = [one for one in statements if one.names(table)]
        most = sum(one.carried + 1 if one.carried else facts.online + 1 for one in naming)
        for counter, was in before.items():
            moved = reads[1].tables.get(table, {}).get(counter, was) - was
            rows.append({"arm": arm, "table": table, "counter": counter, "moved": moved, "most": most,
                         "explained": f"{len(naming)} statements name it"})  # fmt: skip
    return rows
