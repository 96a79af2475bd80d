"""The sentences of docs/contract.md: ids, levels and texts."""

import re
from dataclasses import dataclass

from rig.paths import shipped

LISTED = re.compile(r"^- \*\*(?P<id>[A-Z]+-\d+)\*\* (?P<hardened>\*hardened\* )?(?P<text>.+)$")
TABLED = re.compile(r"^\| \*\*(?P<id>[A-Z]+-\d+)\*\* \| (?P<when>.+?) \| (?P<text>.+?) \|$")


@dataclass(frozen=True)
class Sentence:
    """One promise of the contract. `section` is the heading that it stands under."""

    id: str
    text: str
    section: str
    hardened: bool = False


def sentences(text: str | None = None) -> dict[str, Sentence]:
    """Every promise of the page, by id. ValueError for an id that stands there twice."""
    page = shipped("docs", "contract.md").read_text(encoding="utf-8") if text is None else text
    found: dict[str, Sentence] = {}
    section = ""
    for line in page.splitlines():
        if line.startswith("#"):
            section = line.lstrip("# ")
        read = LISTED.match(line)
        tabled = TABLED.match(line)
        if read:
            sentence = Sentence(read["id"], read["text"], section, bool(read["hardened"]))
        elif tabled:
            sentence = Sentence(tabled["id"], f"When {tabled['when']}, a log line holds {tabled['text']}.", section)
        else:
            continue
        if sentence.id in found:
            raise ValueError(f"docs/contract.md has two sentences {sentence.id}")
        found[sentence.id] = sentence
    return found
