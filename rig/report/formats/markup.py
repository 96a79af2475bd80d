"""Sets text as HTML: code and strong parts, names behind ids, saved logs as links. Everything else is escaped."""

import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from rig.report import text, trim
from rig.report.explain import people

TAGS = {"text": Markup("{}"), "code": Markup("<code>{}</code>"), "strong": Markup("<strong>{}</strong>")}
WHO = Markup('{}<span class="who">{}</span>')  # no part of what is copied, by the style
LINK = Markup('<a href="{}">{}</a>')


def inline(sentence: str) -> Markup:
    """A sentence of the checklist or the contract with its `code` and **strong** parts set as such."""
    return Markup("").join(TAGS[kind].format(part) for kind, part in text.spans(sentence))


@pass_context
def coded(context: Context, message: str) -> Markup:
    """A message of the rig, cut, with its `code` parts set as such and links to the logs that it names."""
    cut = trim.message(message, trim.STEPS[0])
    logs = context["place"].logs
    return Markup("").join(TAGS[kind].format(linked(part, logs)) for kind, part in text.code_spans(cut))


@pass_context
def named(context: Context, words: Any) -> Markup:
    """A piece of evidence with the name behind each known id, and links to the logs that it names."""
    known, logs = context["page"].people, context["place"].logs
    parts = people.spans(str(words), known)
    return Markup("").join(WHO.format(linked(part, logs), name) if name else linked(part, logs) for part, name in parts)


def linked(words: str, logs: Iterable[str]) -> Markup:
    """The text, escaped, with each saved log that it names by its path as a link to the file beside the report."""
    by_name = {name: path for path in logs for name in (path, path.rpartition("/")[2])}
    if not by_name:
        return escape(words)
    longest_first = sorted(by_name, key=len, reverse=True)
    pattern = re.compile(r"(?<![\w/.-])(" + "|".join(map(re.escape, longest_first)) + r")(?![\w-])")
    return _replaced(pattern, words, lambda name: LINK.format(quote(by_name[name]), name))


def _replaced(pattern: re.Pattern[str], words: str, made: Callable[[str], Markup]) -> Markup:
    parts, position = [], 0
    for match in pattern.finditer(words):
        parts += [escape(words[position : match.start()]), made(match[1])]
        position = match.end()
    return Markup("").join([*parts, escape(words[position:])])
