"""Says what a logged statement touches, from its text alone: which table it names, which it writes, which ids it carries."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

Statement = Mapping[str, Any]

LITERAL = re.compile(r"'(?:[^']|'')*'")
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
FAILED = ("ERROR", "FATAL", "PANIC")

STATUS = "mitra_online_status"
# What may follow a table's name without being its alias.
NO_ALIAS = frozenset({
    "as", "cross", "for", "full", "group", "having", "inner", "join", "left", "limit", "natural", "on", "order",
    "right", "set", "union", "using", "where",
})  # fmt: skip
PARAMETER = r"(?:\$\d+|''|%s|:\w+|\?)"  # the last: in a statement's shape


@lru_cache(maxsize=4096)
def stripped(text: str) -> str:
    return COMMENT.sub(" ", LITERAL.sub("''", text)).lower()


def bare(statement: Statement) -> str:
    """The statement in the contract's names, without comments, without what stands in quotes, in small letters."""
    return stripped(statement.get("contract_text") or statement["text"])


def names(statement: Statement, table: str) -> bool:
    """Whether the statement names the table, not just in a text that it carries."""
    return re.search(rf"\b{table}\b", bare(statement)) is not None


def writes(statement: Statement, table: str) -> bool:
    """Whether it inserts into, updates, deletes from, merges into or truncates the table, in a CTE too.

    `SELECT ... FOR UPDATE OF` and a column list that happens to hold the name are no writes.
    """
    target = rf'(?:only\s+)?(?:"?\w+"?\s*\.\s*)?"?{table}"?(?![\w"])'
    verbs = r"insert\s+into|update|delete\s+from|merge\s+into|truncate(?:\s+table)?|copy"
    return re.search(rf"\b(?:{verbs})\s+{target}", bare(statement)) is not None


def keeps_house(statement: Statement) -> bool:
    """Whether it deletes refresh tokens by their expiry, as the contract's house-keeping lets a server do at any time."""
    return (
        writes(statement, "auth_sessions")
        and re.search(r"\bdelete\s+from\b.*\bexpires_at\b", bare(statement), re.DOTALL) is not None
        and not any(names(statement, table) for table in ("mitras", STATUS))
    )


def uses_unnest(statement: Statement) -> bool:
    return re.search(r"\bunnest\s*\(", bare(statement)) is not None


def ids_in(statement: Statement) -> set[str]:
    """Every uuid in the statement's text and parameters, arrays included."""
    texts = [statement["text"], *(value for value in statement["parameters"] if value)]
    return {found.lower() for text in texts for found in UUID.findall(text)}


def failed(statement: Statement) -> bool:
    return statement["severity"] in FAILED


def unknown_roles(statements: Iterable[Statement]) -> list[str]:
    """Roles that belong to no instance: a count that meets one cannot be trusted."""
    return sorted({statement["role"] for statement in statements if statement["class"] == "unknown"})


def reads(statement: Statement, table: str) -> bool:
    """Whether a SELECT in it, at whatever depth, takes rows from the table."""
    text = bare(statement)
    source = rf'(?:\b(?:from|join)|,)\s*(?:only\s+|lateral\s+|\(\s*)*(?:"?\w+"?\s*\.\s*)?"?{table}"?(?![\w"])'
    return re.search(r"\bselect\b", text) is not None and re.search(source, text) is not None


def fixes_one_mitra(statement: Statement) -> bool:
    """Whether it is about a single id: `mitra_id`, or the `id` of `mitras`, equals one parameter or literal."""
    text = bare(statement)
    qualifiers = {"mitras", STATUS} | aliases(text, "mitras") | aliases(text, STATUS)
    mine = "|".join(map(re.escape, sorted(qualifiers)))
    column = rf'(?:(?<![\w.])(?:"?(?:{mine})"?\s*\.\s*)?"?(?:mitra_id|id)"?)(?![\w"])'
    cast = r"(?:\s*::\s*\w+)?"
    parameter = rf"(?:{PARAMETER}|cast\s*\(\s*{PARAMETER}\s+as\s+\w+\s*\)){cast}"
    return re.search(rf"{column}{cast}\s*=\s*{parameter}|{parameter}\s*=\s*{column}", text) is not None


def aliases(text: str, table: str) -> set[str]:
    found = re.findall(rf'\b{table}"?\s+(?:as\s+)?"?(\w+)', text)
    return {name for name in found if name not in NO_ALIAS}


def is_availability_query(statement: Statement) -> bool:
    """A SELECT over `mitra_online_status` that ranges over mitras; one that fixes a single id is none.

    In a window with quiet cadences: a seed and a sweep look alike.
    """
    return reads(statement, STATUS) and not fixes_one_mitra(statement)
