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


@lru_cache(maxsize=4096)
def bare(text: str) -> str:
    """The statement without comments, without what stands in quotes, in small letters."""
    return COMMENT.sub(" ", LITERAL.sub("''", text)).lower()


def names(statement: Statement, table: str) -> bool:
    """Whether the statement names the table, not just in a text that it carries."""
    return re.search(rf"\b{table}\b", bare(statement["text"])) is not None


def writes(statement: Statement, table: str) -> bool:
    """Whether it inserts into, updates, deletes from, merges into or truncates the table, in a CTE too.

    `SELECT ... FOR UPDATE OF` and a column list that happens to hold the name are no writes.
    """
    target = rf'(?:only\s+)?(?:"?\w+"?\s*\.\s*)?"?{table}"?(?![\w"])'
    verbs = r"insert\s+into|update|delete\s+from|merge\s+into|truncate(?:\s+table)?|copy"
    return re.search(rf"\b(?:{verbs})\s+{target}", bare(statement["text"])) is not None


def uses_unnest(statement: Statement) -> bool:
    return re.search(r"\bunnest\s*\(", bare(statement["text"])) is not None


def ids_in(statement: Statement) -> set[str]:
    """Every uuid in the statement's text and parameters, arrays included."""
    texts = [statement["text"], *(value for value in statement["parameters"] if value)]
    return {found.lower() for text in texts for found in UUID.findall(text)}


def failed(statement: Statement) -> bool:
    return statement["severity"] in FAILED


def unknown_roles(statements: Iterable[Statement]) -> list[str]:
    """Roles that belong to no instance: a count that meets one cannot be trusted."""
    return sorted({statement["role"] for statement in statements if statement["class"] == "unknown"})
