"""`rig statements`: the query log of the session's Postgres, by the server that sent each statement."""

import re
from collections.abc import Sequence

import psycopg

from rig.environment.running_stacks import the_session
from rig.errors import UsageError
from rig.observe import StatementLog
from rig.observe.postgres.statement import Statement
from rig.runs.manual.lines import Line, Wanted, chosen, show
from rig.stack import StackError
from rig.stores.postgres import connect
from rig.stores.valkey import OURS

BLANKS = re.compile(r"\s+")


def run(session: str | None, instances: Sequence[str], everything: bool, wanted: Wanted) -> int:
    """Print statements of the servers that are named, else of all. UsageError where Postgres' log cannot be read.

    `everything`: with transactions, session state and the rig's own statements, which are left out else.
    """
    facts = the_session(session)
    told = facts["session"]["statements"]
    if told["directory"] is None:
        raise UsageError(f"{facts['name']} has no statement log: {told['why_none']}")
    names = set(chosen(instances, list(facts["stack"]["servers"])))
    log = StatementLog(
        told["directory"], told["roles"], told["observers"],
        shared=told["shared"].get, ours=OURS, database=told["database"],
    )  # fmt: skip

    def read(since: float | None) -> list[Line]:
        return [line_of(one) for one in log.window(since) if is_wanted(one, names, bool(instances), everything)]

    catch_up(facts["stack"]["postgres"]["observer_url"], log)
    return show(facts, read, wanted)


def catch_up(url: str, log: StatementLog) -> None:
    """Have everything that was sent before this moment in the log. StackError when Postgres is away."""
    try:
        with connect(url, f"{OURS}statements") as connection:
            log.fence(connection)
    except (psycopg.OperationalError, TimeoutError) as error:
        raise StackError(f"the query log cannot be read: {BLANKS.sub(' ', str(error)).strip()}") from None


def is_wanted(statement: Statement, names: set[str], named: bool, everything: bool) -> bool:
    if statement.instance is None:
        return not named and (everything or statement.kind == "unknown")
    return statement.instance in names and (everything or statement.kind == "work")


def line_of(statement: Statement) -> Line:
    """One line: the text without its line breaks, the parameters behind it."""
    text = BLANKS.sub(" ", statement.text).strip()
    if statement.parameters:
        values = (
            f"${number} = {'NULL' if value is None else value}" for number, value in enumerate(statement.parameters, 1)
        )
        text = f"{text} -- {', '.join(values)}"
    failed = "" if statement.severity == "LOG" else f"{statement.severity}: "
    return Line(statement.at, statement.instance or statement.role, failed + text)
