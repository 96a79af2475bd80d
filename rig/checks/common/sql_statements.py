"""What a logged statement touches, by its text alone: the tables that it names and writes, the ids that it contains."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol


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
    """The text without comments and literals, in small letters."""
    return COMMENT.sub(" ", LITERAL.sub("''", text)).lower()


def bare(statement: HasText) -> str:
    """The statement with the contract's names, without comments and literals, in small letters."""
    return stripped(statement.contract_text or statement.text)


@lru_cache(maxsize=16384)
def matches(pattern: str, text: str) -> bool:
    """Whether the text contains the pattern. A server runs the same few statements again and again."""
    return re.search(pattern, text) is not None


def names(statement: HasText, table: str) -> bool:
    """Whether the statement names the table, outside of literals."""
    return matches(rf"\b{table}\b", bare(statement))


def writes(statement: HasText, table: str) -> bool:
    """Whether it inserts into, updates, deletes from, merges into or truncates the table, also in a CTE.

    `SELECT ... FOR UPDATE OF` and a column of that name are not writes.
    """
    target = rf'(?:only\s+)?(?:"?\w+"?\s*\.\s*)?"?{table}"?(?![\w"])'
    verbs = r"insert\s+into|update|delete\s+from|merge\s+into|truncate(?:\s+table)?|copy"
    return matches(rf"\b(?:{verbs})\s+{target}", bare(statement))


def keeps_house(statement: HasText) -> bool:
    """Whether it deletes expired refresh tokens. The contract lets a server do so at any time."""
    return (
        writes(statement, "auth_sessions")
        and matches(r"(?s)\bdelete\s+from\b.*\bexpires_at\b", bare(statement))
        and not any(names(statement, table) for table in ("mitras", STATUS))
    )


def uses_unnest(statement: HasText) -> bool:
    return matches(r"\bunnest\s*\(", bare(statement))


def ids_in(statement: HasParameters) -> set[str]:
    """Every uuid in the statement's text and parameters, arrays included."""
    texts = [statement.text, *(value for value in statement.parameters if value)]
    return {uuid.lower() for each in texts for uuid in UUID.findall(each)}


def failed(statement: HasSeverity) -> bool:
    return statement.severity in FAILED


def unknown_roles(statements: Iterable[HasRole]) -> list[str]:
    """Roles that belong to no instance. Where there is one, statements cannot be counted per instance."""
    return sorted({statement.role for statement in statements if statement.class_ == "unknown"})


def reads(statement: HasText, table: str) -> bool:
    """Whether a SELECT in it, also a nested one, reads rows of the table."""
    text = bare(statement)
    source = rf'(?:\b(?:from|join)|,)\s*(?:only\s+|lateral\s+|\(\s*)*(?:"?\w+"?\s*\.\s*)?"?{table}"?(?![\w"])'
    return matches(r"\bselect\b", text) and matches(source, text)


def fixes_one_mitra(statement: HasText) -> bool:
    """Whether it is about a single mitra: `mitra_id`, or the `id` of `mitras`, equals one parameter or literal."""
    return names_one_id(bare(statement))


@lru_cache(maxsize=4096)
def names_one_id(text: str) -> bool:
    """Whether a statement compares the id of a mitra with one parameter or literal."""
    qualifiers = {"mitras", STATUS} | aliases(text, "mitras") | aliases(text, STATUS)
    prefixes = "|".join(map(re.escape, sorted(qualifiers)))
    column = rf'(?:(?<![\w.])(?:"?(?:{prefixes})"?\s*\.\s*)?"?(?:mitra_id|id)"?)(?![\w"])'
    cast = r"(?:\s*::\s*\w+)?"
    parameter = rf"(?:{PARAMETER}|cast\s*\(\s*{PARAMETER}\s+as\s+\w+\s*\)){cast}"
    return re.search(rf"{column}{cast}\s*=\s*{parameter}|{parameter}\s*=\s*{column}", text) is not None


def aliases(text: str, table: str) -> set[str]:
    words = re.findall(rf'\b{table}"?\s+(?:as\s+)?"?(\w+)', text)
    return {word for word in words if word not in NO_ALIAS}


def is_availability_query(statement: HasText) -> bool:
    """Whether it reads `mitra_online_status` of more than one mitra.

    A seed and a sweep do so too: it means something only in a window without background jobs.
    """
    return reads(statement, STATUS) and not fixes_one_mitra(statement)
