"""Turns observed values into text that is safe to print and easy to read: clean, short, times in UTC."""

import json
import re
from datetime import UTC, datetime
from typing import Any

ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
# Control characters but tab and newline, lone surrogates and non-characters: none may stand in XML or UTF-8.
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# Inline marks of the checklist's sentences: `code` and **strong**. What the rig says marks only code.
INLINE = re.compile(r"`([^`\n]+)`|\*\*(.+?)\*\*")
CODE = re.compile(r"`([^`\n]+)`()")
AUDIENCE = re.compile(r"^\*\*\[(?:BE|CC|C|M)\]\*\*\s*")
# A line that the rig stamped on arrival: epoch seconds with decimals, then the text.
STAMPED = re.compile(r"^(\d{9,10}\.\d{3,6}) ")

Span = tuple[str, str]  # ("text" | "code" | "strong", the words)


def clean(value: Any) -> str:
    r"""Text without terminal colours; any other unprintable character is written as its escape (`\x07`)."""
    text = value if isinstance(value, str) else as_text(value)
    return UNPRINTABLE.sub(_stand_in, ANSI.sub("", text.replace("\r\n", "\n")))


def _stand_in(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def as_text(value: Any) -> str:
    """A plain value as the reader expects it: nil for None, text as it is, JSON for the rest."""
    if value is None:
        return "nil"
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=2 if isinstance(value, dict) else None, default=str)


def spans(title: str) -> list[Span]:
    """A sentence of the checklist cut into plain, code and strong parts, its audience label taken off."""
    return _cut(AUDIENCE.sub("", clean(title)), INLINE)


def code_spans(message: str) -> list[Span]:
    """A message of the rig cut into plain and code parts; it may quote data, so asterisks stay asterisks."""
    return _cut(clean(message), CODE)


def _cut(text: str, marks: re.Pattern[str]) -> list[Span]:
    parts: list[Span] = []
    position = 0
    for match in marks.finditer(text):
        if match.start() > position:
            parts.append(("text", text[position : match.start()]))
        if match[1] is not None:
            parts.append(("code", match[1]))
        else:
            parts.append(("strong", match[2].replace("`", "")))
        position = match.end()
    if position < len(text):
        parts.append(("text", text[position:]))
    return parts


def flat(text: str) -> str:
    """The same sentence without its marks, on one line: for places that have no typography."""
    return " ".join("".join(words for _, words in spans(text)).split())


def seconds(value: float | None) -> str:
    """A duration in seconds with three digits that matter: `84 ms`, `1.23 s`, `5 min 12 s`; `—` for None."""
    if value is None:
        return "—"
    if value < 0:
        return "-" + seconds(-value)
    if 0 < value < 0.0995:
        return f"{number(value * 1000)} ms"
    if value < 99.95:
        return f"{number(value)} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def number(value: Any) -> str:
    """A number in three significant digits below 1000, whole with thin spaces above; other values as text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return clean(value)
    if value != value or value in (float("inf"), float("-inf")):
        return str(value)
    if abs(value) >= 999.5 or value == int(value):
        return f"{value:,.0f}".replace(",", "\N{THIN SPACE}")
    text = f"{value:.3g}"
    return text if "e" not in text else f"{value:.6f}".rstrip("0").rstrip(".")


def moment(epoch: float | None) -> str:
    """Epoch seconds as a date and time in UTC; `—` for None."""
    return "—" if epoch is None else f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%d %H:%M:%S} UTC"


def iso(epoch: float | None) -> str | None:
    """Epoch seconds as ISO-8601 UTC, for machines."""
    return None if epoch is None else f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%dT%H:%M:%SZ}"


def clock(epoch: float) -> str:
    """The time of day in UTC to the millisecond, for lines that stand close together."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%H:%M:%S.%f")[:-3]


def split_stamp(line: str) -> tuple[str, str]:
    """The time of day of a stamped line (empty when it bears no stamp), and the rest of it."""
    match = STAMPED.match(line)
    return (clock(float(match[1])), line[match.end() :]) if match else ("", line)


def shorten(text: str, limit: int) -> tuple[str, int]:
    """The first `limit` characters and how many more there were; the last few are not worth a cut."""
    return (text, 0) if len(text) <= limit + 20 else (text[:limit], len(text) - limit)


def anchor(name: str) -> str:
    """An id for a link: letters, digits, dot, dash and underscore only."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)
