"""Says what a statement's text is for: the server's own work, or the chatter of its driver."""

import re
from functools import lru_cache

# The contract's tables: a statement that names one (not just as a text) is work, whatever else it looks like.
CONTRACT_TABLE = re.compile(
    r"\b(mitras|mitra_online_status|mitra_online_logs|customers|chat_sessions|chat_request_notifications"
    r"|auth_sessions|app_config)\b",
    re.IGNORECASE,
)
TRANSACTION = ("BEGIN", "START TRANSACTION", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE")
SESSION = ("SET", "RESET", "DISCARD", "SHOW", "DEALLOCATE", "CLOSE", "UNLISTEN")
DRIVER = re.compile(rf"({'|'.join((*TRANSACTION, *SESSION))})\b", re.IGNORECASE)

# A SELECT that asks for none of the database's contents: liveness probes, a driver's questions at connection.
PROBED = (
    r"(?:\d+|(?:pg_catalog\.)?"
    r"(?:version|current_schema|pg_is_in_recovery|pg_advisory_unlock_all|current_setting|set_config)"
    r"\s*\((?:[\s\w,$]|'[^']*')*\))(?:\s+AS\s+\w+)?"
)
PROBE = re.compile(rf"SELECT\s+{PROBED}(?:\s*,\s*{PROBED})*", re.IGNORECASE)
TEXT = re.compile(r"'(?:[^']|'')*'")
READ = re.compile(r"(?:SELECT|WITH)\b", re.IGNORECASE)
WRITE = re.compile(r"\b(?:INSERT|UPDATE|DELETE|MERGE|INTO)\b", re.IGNORECASE)
# Parentheses without a query inside hide commas, and the FROM of EXTRACT(... FROM ...).
GROUP = re.compile(r"\((?![^()]*\bSELECT\b)[^()]*\)", re.IGNORECASE)
SOURCES = re.compile(
    r"\b(?:FROM|JOIN)\s+(.*?)(?=[();]|$|\b(?:WHERE|ON|USING|JOIN|LEFT|RIGHT|FULL|INNER|CROSS|NATURAL|GROUP|ORDER"
    r"|HAVING|WINDOW|LIMIT|OFFSET|FETCH|FOR|UNION|EXCEPT|INTERSECT)\b)",
    re.IGNORECASE | re.DOTALL,
)
SOURCE = re.compile(r"\s*(?:ONLY\s+|LATERAL\s+)*([\w.\"]+)", re.IGNORECASE)
CTE = re.compile(r"[\w\"]+(?=\s*(?:\([^()]*\))?\s+AS\s+(?:(?:NOT\s+)?MATERIALIZED\s*)?\()", re.IGNORECASE)
CATALOGUE = re.compile(r"\"?(?:pg_catalog|information_schema)\"?\.|\"?pg_\w+\"?$", re.IGNORECASE)
HARMLESS = {"unnest", "generate_series", "generate_subscripts"}

TOKEN = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/|;|[^'\"$;/-]+|.", re.DOTALL)


@lru_cache(maxsize=4096)
def split_statements(text: str) -> tuple[str, ...]:
    """The statements of a simple query, without comments, semicolons or space around them."""
    parts = [""]
    for match in TOKEN.finditer(text):
        token = match.group()
        if token == ";":
            parts.append("")
        elif token.startswith(("--", "/*")) and len(token) > 2:
            parts[-1] += " "
        else:
            parts[-1] += token
    return tuple(part.strip() for part in parts if part.strip())


@lru_cache(maxsize=4096)
def is_driver(text: str) -> bool:
    """Whether all of `text` is a driver's or a pool's: transactions, session state, introspection."""
    return all(is_driver_statement(statement) for statement in split_statements(text))


def is_driver_statement(statement: str) -> bool:
    if CONTRACT_TABLE.search(TEXT.sub("", statement)):
        return False
    if DRIVER.match(statement) or PROBE.fullmatch(statement):
        return True
    return bool(READ.match(statement)) and reads_the_catalogue(TEXT.sub("''", statement))


def reads_the_catalogue(statement: str) -> bool:
    """Whether it reads from system catalogues and does nothing else. Texts in quotes must have been taken out."""
    if WRITE.search(statement):
        return False
    ctes = {name.lower() for name in CTE.findall(statement)}
    flat, before = statement, ""
    while flat != before:
        flat, before = GROUP.sub(" ", flat), flat
    items = [item for clause in SOURCES.findall(flat) for item in clause.split(",")]
    sources = {match[1].lower() for item in items if (match := SOURCE.match(item))}
    catalogue = {source for source in sources if CATALOGUE.match(source)}
    return bool(catalogue) and not sources - catalogue - ctes - HARMLESS


def control_verb(statement: str) -> str | None:
    """What it does to its transaction: begin, commit, rollback, savepoint, release, rollback to; or None.

    `COMMIT AND CHAIN` and two-phase commits are not told apart from plain ones.
    """
    words = statement.upper().replace(";", " ").split()
    if not words:
        return None
    first, rest = words[0], [word for word in words[1:] if word not in ("WORK", "TRANSACTION")]
    if first in ("BEGIN", "START"):
        return "begin"
    if first in ("COMMIT", "END"):
        return "commit"
    if first in ("ROLLBACK", "ABORT"):
        return "rollback to" if rest[:1] == ["TO"] else "rollback"
    return first.lower() if first in ("SAVEPOINT", "RELEASE") else None
