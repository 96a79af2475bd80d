"""The sentences of docs/contract.md that items are about, so that a report can show them without the file."""

from dataclasses import dataclass
from functools import cache

from rig.service.sentences import sentences

# By item of the checklist, invariant and claim: the ids of the sentences.
REFERENCES: dict[str, tuple[str, ...]] = {
    "SETUP-01": ("AUTH-01", "ENV-13"), "SETUP-02": ("LOG-01", "ENV-01"), "SETUP-03": ("START-04", "ENV-01"),
    "SETUP-04": ("TABLE-02",), "SETUP-05": ("TABLE-02",),
    "A-01": ("START-04",), "A-02": ("SEED-02", "LOG-02"), "A-03": ("KEY-01",), "A-04": ("KEY-04", "SEED-03"),
    "A-05": ("KEY-03",), "A-06": ("KEY-02",), "A-07": ("OUTAGE-04",), "A-08": ("OUTAGE-04", "KEY-01", "KEY-02"),
    "B-01": ("TOGGLE-01",), "B-02": ("TOGGLE-07", "KEY-01"), "B-03": ("TOGGLE-04", "KEY-04"), "B-04": ("TOGGLE-02",),
    "B-05": ("TOGGLE-02", "TOGGLE-06"), "B-06": ("TABLE-03", "TABLE-04"),
    "B-07": ("TOGGLE-08", "TOGGLE-10", "LOG-03"), "B-08": ("OUTAGE-03", "KEY-01"),
    "C-01": ("PING-01",), "C-02": ("PING-02", "PING-03"), "C-03": ("PING-01", "PING-08"), "C-04": ("BATCH-01",),
    "C-05": ("OPS-04",), "C-06": ("DEACT-02", "KEY-02"), "C-07": ("PING-04", "DEACT-04"),
    "C-08": ("PING-03", "PING-04"), "C-09": ("OUTAGE-02",), "C-10": ("PING-06", "LOG-04"),
    "C-11": ("OUTAGE-03", "OUTAGE-05"),
    "D-01": ("KEY-03",), "D-09": ("KEY-03",), "D-02": ("CHAT-04", "CHAT-07"), "D-03": ("KEY-03", "CHAT-15"),
    "D-05": ("KEY-03", "CHAT-15"), "D-07": ("KEY-03", "CHAT-15"), "D-04": ("CHAT-07", "BLAST-01"),
    "D-06": ("CHAT-11", "CHAT-10"), "D-08": ("CHAT-08",), "D-10": ("REROUTE-01",), "D-11": ("REROUTE-06",),
    "D-12": ("BLAST-02",), "D-13": ("BLAST-01",),
    "E-01": ("AUTH-04",), "E-02": ("HTTP-04", "AUTH-15"), "E-03": ("OPS-04",), "E-04": ("DEACT-01",),
    "E-05": ("DEACT-02",), "E-06": ("DEACT-04", "AUTH-23"), "E-07": ("PING-04",), "E-08": ("DEACT-05",),
    "E-09": ("OPS-04",), "E-10": ("DEACT-06", "KEY-02"), "E-11": ("DEACT-06", "PING-01"),
    "F-01": ("REACH-01",), "F-02": ("REACH-01",), "F-03": ("REACH-02", "LOG-05"), "F-04": ("BLAST-01", "BLAST-02"),
    "F-05": ("BLAST-02",), "F-06": ("BLAST-03", "BLAST-04", "LOG-06"), "F-07": ("BEACON-03",),
    "F-08": ("KEY-06", "BEACON-04"), "F-09": ("BEACON-02",), "F-10": ("BEACON-05", "CONFIG-04"), "F-11": ("OPS-01",),
    "F-12": ("OPS-01",),
    "G-01": ("SWEEP-01",), "G-03": ("SWEEP-01",), "G-02": ("CONFIG-04", "CONFIG-05"), "G-04": ("SWEEP-01", "KEY-05"),
    "G-05": ("SWEEP-01", "SWEEP-02"), "G-06": ("SWEEP-01", "SWEEP-04"), "G-07": ("TOGGLE-06", "KEY-01"),
    "G-08": ("OUTAGE-02",), "G-09": ("SWEEP-03", "LOG-07"), "G-10": ("SWEEP-03", "SWEEP-04"),
    "H-01": ("BATCH-01",), "H-02": ("BATCH-01",), "H-03": ("BATCH-01",), "H-04": ("BATCH-01",),
    "H-05": ("BATCH-04", "BATCH-05"), "H-06": ("OUTAGE-02",), "H-07": ("BATCH-02", "LOG-08"), "H-08": ("BATCH-02",),
    "I-01": ("SEED-01",), "I-02": ("SEED-04",), "I-03": ("SEED-01", "SEED-02"), "I-04": ("SEED-04", "KEY-10"),
    "I-05": ("ENV-06",), "I-06": ("ENV-06",),
    "J-01": ("OUTAGE-02",), "J-02": ("BEACON-06",), "J-03": ("BLAST-03", "OFFER-11"), "J-04": ("PING-06", "LOG-04"),
    "J-05": ("TOGGLE-08", "TOGGLE-10"), "J-06": ("OUTAGE-03", "OUTAGE-05"),
    "K-01": ("START-04", "TABLE-01"), "K-02": ("TOGGLE-07", "TABLE-04"), "K-03": ("BEACON-01", "BEACON-02"),
    "K-04": ("BEACON-05", "CONFIG-04"), "K-05": ("BATCH-03",),
    "SMOKE-01": ("START-04", "LOG-02"), "SMOKE-02": ("TOGGLE-07", "KEY-01"), "SMOKE-03": ("BEACON-03",),
    "SMOKE-04": ("CHAT-15", "KEY-03"), "SMOKE-05": ("CHAT-15", "KEY-03"), "SMOKE-06": ("TOGGLE-02", "KEY-01"),
    "INV-01": ("KEY-01",), "INV-02": ("KEY-02",), "INV-03": ("KEY-03",), "INV-04": ("KEY-04", "TOGGLE-06"),
    "INV-05": ("KEY-12",), "INV-06": ("BATCH-04", "BATCH-05"), "INV-07": ("SWEEP-04",),
    "INV-08": ("SWEEP-01", "SWEEP-02"), "INV-09": ("SWEEP-03", "BATCH-02"), "INV-10": ("PING-02", "PING-03"),
    "INV-11": ("BATCH-01",), "INV-12": ("DEACT-07",), "INV-13": ("OFFER-09", "REROUTE-07"),
    "INV-14": ("BLAST-01", "BLAST-06"), "INV-15": ("SEED-05", "OUTAGE-04"),
    "INV-16": ("BEACON-02", "BEACON-04", "CONFIG-04"), "INV-17": ("OUTAGE-01",), "INV-18": ("HTTP-20", "OUTAGE-02"),
    "INV-19": ("TABLE-03", "TABLE-04"), "INV-20": ("DEACT-01",), "INV-21": ("CHAT-11",),
    "INV-22": ("SEED-02", "OUTAGE-06"), "INV-23": ("CHAT-03", "OFFER-01"), "INV-24": ("KEY-07",),
    "CLAIM-01": ("PING-03",), "CLAIM-02": ("BATCH-01", "PING-03"), "CLAIM-03": ("BEACON-02",),
    "CLAIM-04": ("BEACON-01", "BEACON-02"), "CLAIM-05": ("BATCH-01",), "CLAIM-06": ("OPS-01",),
    "CLAIM-07": ("HTTP-20", "HTTP-21"),
}  # fmt: skip


@dataclass(frozen=True)
class Clause:
    """A sentence of the contract: its id, where it stands, and its text with inline marks."""

    name: str
    anchor: str
    heading: str
    sentence: str


def clauses_of(item: str) -> tuple[Clause, ...]:
    """The sentences that an item is about; none for an item that judges the rig or a protocol."""
    names = REFERENCES.get(item, ())
    known = clauses()
    return tuple(known[name] for name in names if name in known)


@cache
def clauses() -> dict[str, Clause]:
    """All sentences of docs/contract.md by id."""
    return {
        one.id: Clause(
            one.id, f"contract-{one.id}", one.section, f"**{one.id}** {'*hardened* ' * one.hardened}{one.text}"
        )
        for one in sentences().values()
    }
