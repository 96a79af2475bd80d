"""Which sentences of the contract a broken server has failed, by docs/sabotage.md: the check of each of these can fail."""

import re
from collections import defaultdict
from functools import cache

from rig.paths import shipped

CAUGHT = re.compile(r"^\| `(?P<name>[^`]+)` \| .* \| (?P<fails>[^|]*) \| caught [^|]*\|$", re.MULTILINE)


def caught_by(page: str) -> dict[str, list[str]]:
    """By id: the broken servers of this page that were caught by it, in the order of the page."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in CAUGHT.finditer(page):
        for id in row["fails"].split():
            found[id].append(row["name"])
    return dict(found)


@cache
def seen_to_fail() -> dict[str, list[str]]:
    """By id of an item or sentence: the broken servers that it has failed, in the last proof of each."""
    return caught_by(shipped("docs", "sabotage.md").read_text(encoding="utf-8"))
