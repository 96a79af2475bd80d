"""What a logged statement touches, by its text alone: the tables that it names and writes, the ids that it contains."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol


class HasText(Protocol):
    """A statement's text; `contract_text` is the same with the contract's names, where the database has others."""

    @property
    def text(self) -> str: ...
    @property
    def contract_text(self) -> str | None: ...


class HasParameters(HasText, Protocol):
    """A statement with its parameters."""

    @property
    def parameters(self) -> Sequence[str | None]: ...


class HasRole(Protocol):
    """Who ran a statement: the role, and `unknown` as its class if the role belongs to no instance."""

    @property
    def role(self) -> str: ...
    @property
    def class_(self) -> str: ...


class HasSeverity(Protocol):
    """A statement with the severity of its log line."""

    @property
    def severity(self) -> str: ...


@dataclass(frozen=True)
class SqlText:
    """A statement of which only the text is known."""

    text: str
    contract_text: str | None = None


Statement = HasText | Mapping[str, Any]

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
    """The statement with the contract's names, without comments and literals, in small letters."""
    if isinstance(statement, Mapping):
        return stripped(statement.get("contract_text") or statement["text"])
    return stripped(statement.contract_text or statement.text)


def names(statement: Statement, table: str) -> bool:
    """Whether the statement names the table, outside of literals."""
    return re.search(rf"\b{table}\b", bare(statement)) is not None


def writes(statement: Statement, table: str) -> bool:
    """Whether it inserts into, updates, deletes from, merges into or truncates the table, also in a CTE.

    `SELECT ... FOR UPDATE OF` and a column of that name are not writes.
    """
    target = rf'(?:only\s+)?(?:"?\w+"?\s*\.\s*)?"?{table}"?(?![\w"])'
    verbs = r"insert\s+into|update|delete\s+from|merge\s+into|truncate(?:\s+table)?|copy"
    return re.search(rf"\b(?:{verbs})\s+{target}", bare(statement)) is not None


def keeps_house(statement: Statement) -> bool:
    """Whether it deletes expired refresh tokens. The contract lets a server do so at any time."""
    return (
        writes(statement, "auth_sessions")
        and re.search(r"\bdelete\s+from\b.*\bexpires_at\b", bare(statement), re.DOTALL) is not None
        and not any(names(statement, table) for table in ("mitras", STATUS))
    )


def uses_unnest(statement: Statement) -> bool:
    return re.search(r"\bunnest\s*\(", bare(statement)) is not None


def ids_in(statement: HasParameters | Mapping[str, Any]) -> set[str]:
    """Every uuid in the statement's text and parameters, arrays included."""
    if isinstance(statement, Mapping):
        text, parameters = statement["text"], statement["parameters"]
    else:
        text, parameters = statement.text, statement.parameters
    texts = [text, *(value for value in parameters if value)]
    return {uuid.lower() for each in texts for uuid in UUID.findall(each)}


def failed(statement: HasSeverity | Mapping[str, Any]) -> bool:
    severity = statement["severity"] if isinstance(statement, Mapping) else statement.severity
    return severity in FAILED


def unknown_roles(statements: Iterable[HasRole]) -> list[str]:
    """Roles that belong to no instance. Where there is one, statements cannot be counted per instance."""
    return sorted({statement.role for statement in statements if statement.class_ == "unknown"})


def reads(statement: Statement, table: str) -> bool:
    """Whether a SELECT in it, also a nested one, reads rows of the table."""
    text = bare(statement)
    source = rf'(?:\b(?:from|join)|,)\s*(?:only\s+|lateral\s+|\(\s*)*(?:"?\w+"?\s*\.\s*)?"?{table}"?(?![\w"])'
    return re.search(r"\bselect\b", text) is not None and re.search(source, text) is not None


def fixes_one_mitra(statement: Statement) -> bool:
    """Whether it is about a single mitra: `mitra_id`, or the `id` of `mitras`, equals one parameter or literal."""
    text = bare(statement)
    qualifiers = {"mitras", STATUS} | aliases(text, "mitras") | aliases(text, STATUS)
    prefixes = "|".join(map(re.escape, sorted(qualifiers)))
    column = rf'(?:(?<![\w.])(?:"?(?:{prefixes})"?\s*\.\s*)?"?(?:mitra_id|id)"?)(?![\w"])'
    cast = r"(?:\s*::\s*\w+)?"
    parameter = rf"(?:{PARAMETER}|cast\s*\(\s*{PARAMETER}\s+as\s+\w+\s*\)){cast}"
    return re.search(rf"{column}{cast}\s*=\s*{parameter}|{parameter}\s*=\s*{column}", text) is not None


def aliases(text: str, table: str) -> set[str]:
    words = re.findall(rf'\b{table}"?\s+(?:as\s+)?"?(\w+)', text)
    return {word for word in words if word not in NO_ALIAS}


def is_availability_query(statement: Statement) -> bool:
    """Whether it reads `mitra_online_status` of more than one mitra.

    A seed and a sweep do so too: it means something only in a window without background jobs.
    """
    return reads(statement, STATUS) and not fixes_one_mitra(statement)
