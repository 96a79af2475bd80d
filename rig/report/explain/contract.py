"""The sentences of docs/contract.md that items are about, so that a report can show them without the file."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from rig.paths import shipped
from rig.report import text

BULLET = re.compile(r"^- \*\*(.+?)\*\*:? (.*(?:\n  .*)*)", re.M)
CHAT, AUDIT, SEED = "The life of a chat", "mitra_online_logs", "a seed is done (just one at a start)"
CAPACITY, BEAT, INVALIDATE = "mitra:capacity:<id>", "mitra:heartbeat:<id>", "config:invalidate"
PERIODIC = "VALKEY_ONLINE_MIRROR_SWEEP_SECONDS"
# By section of the checklist, and by item where that differs: how the sentence begins, or the first cell of its row.
REFERENCES: dict[str, tuple[str, ...]] = {
    "SETUP": ("Start",),
    "A": ("Start", SEED), "A-03": ("Start", "mitras:online"), "A-04": ("Start", BEAT), "A-05": ("Start", CAPACITY),
    "A-06": ("Start", "mitras:deactivated"), "A-07": ("Outage",), "A-08": ("Outage",),
    "B": ("Writes",), "B-03": ("Writes", BEAT), "B-06": ("Writes", AUDIT),
    "B-07": ("Writes", "a write-through failed"), "B-08": ("Writes", "Outage"),
    "C": ("Ping",), "C-03": ("Ping", BEAT), "C-04": ("Heartbeat mirror",), "C-05": ("Deactivation",),
    "C-10": ("Ping", "a ping falls back", "In an outage"), "C-11": ("Outage",),
    "D": (CAPACITY, "Writes"), "D-02": (CHAT, "Blast"), "D-06": (CHAT, CAPACITY), "D-10": (CHAT, "Blast"),
    "D-13": ("Blast",),
    "E": ("Deactivation",), "E-05": ("Writes", "mitras:deactivated"), "E-07": ("Ping",),
    "E-10": ("Writes", "mitras:deactivated"), "E-11": ("Ping",),
    "F": ("Beacon", "availability:snapshot"), "F-01": ("Reads",), "F-02": ("Reads",),
    "F-03": ("Reads", "isMitraReachable falls back"), "F-04": ("Blast",), "F-05": ("Blast",),
    "F-06": ("Blast", "the blast falls back"), "F-11": ("Reads", "GET /internal/dashboard"),
    "F-12": ("Reads", "GET /internal/dashboard"),
    "G": ("Auto-offline",), "G-06": ("Auto-offline", AUDIT), "G-09": ("Auto-offline", "a tick is skipped"),
    "H": ("Heartbeat mirror",), "H-07": ("Heartbeat mirror", "a cycle is skipped"),
    "I": (PERIODIC, SEED), "I-04": (PERIODIC,),
    "J": ("Outage", "In an outage"), "J-02": ("Beacon", "In an outage"), "J-03": ("Blast", "In an outage"),
    "J-04": ("Ping", "In an outage"), "J-06": ("Outage",),
    "K": ("Start",), "K-02": ("Writes",), "K-03": ("Beacon",), "K-04": ("Beacon", INVALIDATE),
    "K-05": ("Heartbeat mirror",),
    "SMOKE": ("Writes",), "SMOKE-01": ("Start", SEED), "SMOKE-03": ("Beacon",), "SMOKE-04": (CAPACITY,),
    "SMOKE-05": (CAPACITY,),
    "INV-01": ("mitras:online",), "INV-02": ("mitras:deactivated",), "INV-03": (CAPACITY,), "INV-04": (BEAT,),
    "INV-05": (BEAT,), "INV-06": ("Heartbeat mirror",), "INV-07": ("Auto-offline",), "INV-08": ("Auto-offline",),
    "INV-09": ("Auto-offline", "Heartbeat mirror"), "INV-10": ("Ping",), "INV-11": ("Heartbeat mirror",),
    "INV-12": ("Ping",), "INV-13": ("Blast",), "INV-14": ("Blast",), "INV-15": ("Outage",), "INV-17": ("Reads",),
    "INV-18": ("Outage", "In an outage"), "INV-19": (AUDIT,), "INV-20": ("Deactivation",), "INV-21": (CHAT,),
    "INV-22": (SEED, "Outage"),
    "CLAIM-01": ("Ping",), "CLAIM-02": ("Heartbeat mirror", "Ping"), "CLAIM-03": ("Beacon",), "CLAIM-04": ("Beacon",),
    "CLAIM-05": ("Heartbeat mirror",), "CLAIM-06": ("Reads", "GET /internal/dashboard"), "CLAIM-07": ("Outage",),
}  # fmt: skip


@dataclass(frozen=True)
class Clause:
    """A sentence of the contract: how it begins, where it stands, and its text with inline marks."""

    name: str
    anchor: str
    heading: str
    sentence: str


def clauses_of(item: str) -> tuple[Clause, ...]:
    """The sentences that an item is about; none for an item that judges the rig or a protocol."""
    names = REFERENCES.get(item) or REFERENCES.get(item.rpartition("-")[0], ())
    known = clauses()
    return tuple(known[name] for name in names if name in known)


@cache
def clauses() -> dict[str, Clause]:
    """All of docs/contract.md by name: bullets, rows of tables, and the running text of a section by its heading."""
    found: dict[str, Clause] = {}
    for section in shipped("docs", "contract.md").read_text(encoding="utf-8").split("\n## ")[1:]:
        heading, _, body = section.partition("\n")
        for name, sentence in [*_bullets(body), *_rows(body), (heading, _running(body))]:
            anchor = f"contract-{text.anchor(name).strip('-')}"
            found.setdefault(name, Clause(name, anchor, heading, sentence.replace("*Hardened*", "Hardened")))
    return found


def _bullets(body: str) -> Iterable[tuple[str, str]]:
    """`- **name**: sentence`, with its further lines."""
    for match in BULLET.finditer(body):
        yield match[1], f"**{match[1]}**: {' '.join(match[2].split())}"


def _rows(body: str) -> Iterable[tuple[str, str]]:
    """The rows of a table, one for each name in the first cell."""
    for line in body.splitlines():
        if line.startswith("| "):
            first, *others = [cell.strip() for cell in line.strip("| ").split(" | ")]
            for name in first.split(", "):
                yield name.replace("`", ""), ": ".join([name, *(cell for cell in others if cell)])


def _running(body: str) -> str:
    return " ".join(line for line in body.splitlines() if line and not line.startswith(("- ", "  ", "|")))
