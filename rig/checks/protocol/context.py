"""What the rules of the protocol share: the state, the truth, the log, what was seen, and what they find."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rig.checks.chaos.timeline import Period
from rig.checks.protocol.state import Valkey
from rig.checks.protocol.transactions import Log
from rig.checks.protocol.truth import Course

CONVICTIONS_MAX = 200
SAME_CLOCK_S = 0.002  # the statement log has whole milliseconds


@dataclass(frozen=True)
class Conviction:
    """An event that no course of the protocol allows: when, of which mitra ('' for none), by which rule, and what it allows."""

    at: float
    id: str
    rule: str
    message: str
    allowed: str


@dataclass
class Context:
    """One judgement of a run."""

    log: Log
    courses: dict[str, Course]
    one_clock: bool
    statements: bool  # whether there is a statement log
    unseen: Sequence[Period]  # in which Valkey's commands were not all seen
    faulty: Sequence[Period]  # in which a script may fail between two of its commands
    rewound: float  # from here on Postgres may have lost commits
    state: Valkey = field(default_factory=Valkey)
    convictions: list[Conviction] = field(default_factory=list)
    steps: Counter[str] = field(default_factory=Counter)
    judged: set[str] = field(default_factory=set)  # mitras of whom an event was judged

    def convict(self, at: float, id: str, rule: str, message: str, allowed: str) -> None:
        """Note a conviction."""
        if len(self.convictions) < CONVICTIONS_MAX:
            self.convictions.append(Conviction(at, id, rule, message, allowed))

    def blind_at(self, at: float) -> bool:
        return any(span.holds(at) for span in self.unseen)

    def blind_in(self, since: float, until: float) -> bool:
        return any(span.since <= until and span.until >= since for span in self.unseen)

    def quiet_at(self, at: float) -> bool:
        """No fault acts: what a script has to write, it writes."""
        return not any(span.holds(at) for span in self.faulty)
