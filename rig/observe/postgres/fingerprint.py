"""The shape of a statement, literals and layout gone: the same text by the log and by pg_stat_statements."""

import re
from functools import lru_cache

# A text in quotes (escapes, dollar quotes), a comment, a name in quotes, a parameter, a number, a word, space, a sign.
TOKEN = re.compile(
    r"(?P<text>[eE]'(?:[^'\\]|\\.|'')*'|(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*'|\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?\$(?P=tag)\$)"
    r"|(?P<comment>--[^\n]*|/\*)"
    r'|(?P<word>"(?:[^"]|"")*"|[A-Za-z_\u0080-\U0010ffff][\w$]*)'
    r"|(?P<parameter>\$\d+)"
    r"|(?P<number>(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?))"
    r"|(?P<space>\s+)"
    r"|(?P<sign>::|[<>=!~@#%^&|`?+\-*/]+?(?=--|/\*)|[<>=!~@#%^&|`?+\-*/]+|.)",
    re.DOTALL,
)
VALUE = "?"
TIGHT_BEFORE = frozenset({",", ")", "]", ";", ".", "::", "["})
TIGHT_AFTER = frozenset({"(", "[", ".", "::"})
SIGNED_AFTER = re.compile(
    r"[(,=<>\[]$|(?:^|\s)(?:AND|OR|NOT|IN|VALUES|SELECT|THEN|ELSE|WHEN|LIMIT|OFFSET|BETWEEN|RETURNING|BY)$", re.I
)
# `(?, ?)` and `(?::uuid, ?)` alike: one value, with its cast if all have one.
ITEM = r"\?(?:::\w+(?:\.\w+)?(?:\[\])*)?"
IN_LIST = re.compile(rf"\b(IN|in|In) ?\(({ITEM})(?:, {ITEM})*\)")
ARRAY = re.compile(rf"\b(ARRAY|array|Array)\[({ITEM})(?:, {ITEM})*\]")
ROWS = re.compile(r"(\b(?:VALUES|values|Values)) ?(\((?:[^()]|\([^()]*\))*\))(?:, ?\((?:[^()]|\([^()]*\))*\))*")


@lru_cache(maxsize=16384)
def template(text: str) -> str:
    """One line without comments; texts, numbers and parameters are `?`, casts stay, lists of values have one item.

    Keywords keep their case, names too; `NULL`, `true` and `false` are words, as pg_stat_statements may show them
    as a parameter: they are `?` as well wherever they are a value (not after `IS`, `IS NOT`, `NOT`, `SET` or `DEFAULT`).
    """
    words = joined(tokens(text)).rstrip(" ;")
    words = IN_LIST.sub(r"\1 (\2)", words)
    words = ARRAY.sub(r"\1[\2]", words)
    return ROWS.sub(r"\1 \2", words)


def tokens(text: str) -> list[tuple[str, bool]]:
    """Each token, and whether space or a comment stood before it."""
    pieces: list[tuple[str, bool]] = []
    at, spaced = 0, False
    while at < len(text):
        match = TOKEN.match(text, at)
        assert match is not None, "any sign is a token"
        at, kind, token = match.end(), match.lastgroup, match.group()
        if match["text"] is not None:  # lastgroup is the tag's where there is one
            kind = "text"
        if kind == "comment" and token == "/*":
            at = end_of_comment(text, match.end())
        if kind in ("comment", "space"):
            spaced = True
            continue
        if kind in ("text", "parameter", "number") or (kind == "word" and is_constant(token, pieces)):
            if pieces and pieces[-1][0] in ("-", "+") and signs(pieces):
                spaced = pieces.pop()[1]  # a sign is a part of its number
            token = VALUE
        pieces.append((token, spaced))
        spaced = False
    return pieces


def is_constant(word: str, before: list[tuple[str, bool]]) -> bool:
    if word.upper() not in ("NULL", "TRUE", "FALSE"):
        return False
    last = before[-1][0].upper() if before else ""
    return last not in ("IS", "NOT", "SET", "DEFAULT", "ON", "NULLS")


def signs(tokens: list[tuple[str, bool]]) -> bool:
    """Whether the `-` or `+` that came last belongs to the number after it, and is no operator."""
    return len(tokens) < 2 or SIGNED_AFTER.search(tokens[-2][0]) is not None


def end_of_comment(text: str, at: int) -> int:
    """Past the end of a comment whose beginning has been read; comments nest."""
    depth = 1
    for match in re.compile(r"/\*|\*/").finditer(text, at):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return match.end()
    return len(text)


def joined(tokens: list[tuple[str, bool]]) -> str:
    """One space where there was some or an operator stands, none inside brackets and around dots."""
    parts: list[str] = []
    last = ""
    for token, spaced in tokens:
        operator = is_operator(token) or is_operator(last) or last == ","
        if parts and (spaced or operator) and token not in TIGHT_BEFORE and last not in TIGHT_AFTER:
            parts.append(" ")
        parts.append(token)
        last = token
    return "".join(parts)


def is_operator(token: str) -> bool:
    return token not in ("::", VALUE) and all(sign in "<>=!~@#%^&|`?+-*/" for sign in token)
