"""Draws the path to a violation as a sequence diagram: who does what to whom, and what each step changes."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from rig.record.evidence import Evidence
from rig.report import text

WIDTH = 1056  # the room that the page has at 1280 pixels
LANES_RIGHT, CHANGES_LEFT = 656, 684
NUMBER_RIGHT, LANES_LEFT = 26, 34
HEAD, LINE, PAD = 40, 16, 9
CHARACTER = 5.9  # average width at 12 px
CHANGES_MAX = 9
HEADS_AGAIN = 10  # steps from which on the lanes are named at the foot too
EVERY_INSTANCE = "every instance"
NAMES = {"valkey": "Valkey", "postgres": "Postgres"}
PARTICIPANTS = frozenset({"mitra", "valkey", "postgres", "operator", "customer"})
KINDS = ("step", "client", "time", "fault", "heal")


@dataclass(frozen=True)
class Change:
    """What a step changed in one part of the state."""

    name: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.name}: {self.before} → {self.after}"


@dataclass(frozen=True)
class Move:
    """One step of the path in words, clean."""

    number: int
    who: str  # `m1, a`: the parameters
    sentence: str
    kind: str
    lanes: tuple[str, ...]
    changes: tuple[Change, ...]
    last: bool

    @property
    def told(self) -> str:
        return f"{self.who}: {self.sentence}" if self.who else self.sentence

    @property
    def way(self) -> str:
        """`a → Valkey`, for where nothing is drawn."""
        return " → ".join(lane_name(lane) for lane in self.lanes)


def lane_name(lane: str) -> str:
    if lane in NAMES:
        return NAMES[lane]
    return lane if lane in PARTICIPANTS or lane == EVERY_INSTANCE else f"instance {lane}"


def moves(violation: Mapping[str, Any]) -> list[Move]:
    """The steps of a saved violation, in order."""
    steps = violation["steps"]
    found = []
    for number, step in enumerate(steps, start=1):
        detail = f" ({text.clean(step['detail'])})" if step["detail"] else ""
        found.append(
            Move(
                number=number,
                who=", ".join(text.clean(name) for _, name in step["parameters"]),
                sentence=f"{text.clean(step['text'])}{detail}",
                kind=step["kind"] if step["kind"] in KINDS else "step",
                lanes=tuple(text.clean(lane) for lane in step["lanes"]),
                changes=tuple(Change(*map(text.clean, change)) for change in step["changes"]),
                last=number == len(steps) and violation["invariant"]["number"] != "LIVENESS",
            )
        )
    return found


def broken(violation: Mapping[str, Any]) -> str:
    """The sentence at the end: which invariant, and how it is broken."""
    invariant = violation["invariant"]
    return text.clean(f"{invariant['number']} {invariant['title']}: {violation['message']}")


def sequence(violation: Mapping[str, Any]) -> Markup:
    """The whole diagram of a saved violation as one SVG."""
    return diagram(violation["lanes"], moves(violation), broken(violation))


def path(piece: Evidence) -> Markup:
    """The diagram of a path that a run has taken or could have taken, from its evidence."""
    wrong, steps = text.clean(piece.get("text") or ""), piece.get("steps") or []
    drawn = [
        Move(
            number=number,
            who=text.clean(step["who"]),
            sentence=text.clean(step["text"]),
            kind=step["kind"],
            lanes=tuple(map(text.clean, step["lanes"])),
            changes=(),
            last=bool(wrong) and number == len(steps),
        )
        for number, step in enumerate(steps, start=1)
    ]
    return diagram(piece.get("lanes") or [], drawn, wrong)


def diagram(named: Sequence[str], steps: Sequence[Move], wrong: str) -> Markup:
    """One SVG of these steps between these lanes; `wrong` is what stands below the last one, '' for nothing."""
    lanes = [text.clean(lane) for lane in named] or ["a"]
    places = _places(lanes)
    has_changes = any(step.changes for step in steps)
    width = WIDTH if has_changes else LANES_RIGHT + LANES_LEFT
    parts: list[Markup] = []
    y: float = HEAD
    for step in steps:
        drawn, height = _row(step, places, y, width)
        parts.append(drawn)
        y += height
    end = y + 6
    if len(steps) >= HEADS_AGAIN:
        parts.append(_heads(places, end + 4))
        y = end + HEAD
    verdict, height = _verdict(wrong, y + 10, width) if wrong else (Markup(""), 0)
    lines = Markup("").join(
        Markup('<line class="life" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(x, x, HEAD - 8, end)
        for x in places.values()
    )
    head = Markup('<text class="head" x="{}" y="22">What changes</text>').format(CHANGES_LEFT) if has_changes else ""
    label = f"Sequence diagram of {len(steps)} steps"
    return Markup('<svg class="sequence" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, y + 10 + height, f"{label}: {wrong}" if wrong else label,
        lines + _heads(places, 4) + head + Markup("").join(parts) + verdict,
    )  # fmt: skip


def _places(lanes: Sequence[str]) -> dict[str, float]:
    """The middle of each lane."""
    pitch = (LANES_RIGHT - LANES_LEFT) / len(lanes)
    return {lane: round(LANES_LEFT + pitch * (number + 0.5), 1) for number, lane in enumerate(lanes)}


def _heads(places: Mapping[str, float], y: float) -> Markup:
    parts = []
    for lane, x in places.items():
        name = lane_name(lane)
        width = round(len(name) * 7 + 20)
        parts.append(
            Markup('<rect class="lane" x="{}" y="{}" width="{}" height="26" rx="5"/><text class="lane" x="{}" y="{}">{}</text>')
            .format(round(x - width / 2, 1), y, width, x, y + 17.5, name)
        )  # fmt: skip
    return Markup("").join(parts)


def _row(step: Move, places: Mapping[str, float], y: float, width: float) -> tuple[Markup, float]:
    """One step, and the height that it takes."""
    said = wrapped(step.told, LANES_RIGHT - LANES_LEFT)
    changes = [line for change in _shown(step) for line in wrapped(change, WIDTH - CHANGES_LEFT)]
    ends = _ends(step.lanes, places)
    hops = _hops(ends) if len(step.lanes) > 1 else []
    depth = hops[-1][2] if hops else 0
    height = max(PAD + LINE * len(said) + 14 + depth, PAD + LINE * len(changes)) + 6
    line_y = y + PAD + LINE * len(said) + 7
    middle = (min(ends) + max(ends)) / 2 if ends else (LANES_LEFT + LANES_RIGHT) / 2
    parts = [
        Markup('<line class="rule" x1="0" x2="{}" y1="{}" y2="{}"/>').format(width, y, y),
        Markup('<text class="number" x="{}" y="{}">{}</text>').format(NUMBER_RIGHT, y + PAD + 11, step.number),
    ]
    for number, line in enumerate(said):
        x = _clamped(middle, len(line) * CHARACTER)
        shown = Markup("{}").format(line)
        if not number and step.who:
            shown = Markup('<tspan class="who">{}:</tspan>{}').format(step.who, line[len(step.who) + 1 :])
        parts.append(
            Markup('<text class="said" x="{}" y="{}">{}</text>').format(x, y + PAD + 11 + LINE * number, shown)
        )
    parts += [_arrow(begin, to, line_y + down) for begin, to, down in hops]
    if not hops:
        parts += [Markup('<circle class="dot" cx="{}" cy="{}" r="5"/>').format(x, line_y) for x in ends]
    for number, line in enumerate(changes):
        parts.append(
            Markup('<text class="change" x="{}" y="{}">{}</text>').format(
                CHANGES_LEFT, y + PAD + 11 + LINE * number, line
            )
        )
    look = f"move {step.kind}{' broken' if step.last else ''}"
    return Markup('<g class="{}">{}</g>').format(look, Markup("").join(parts)), height


def _shown(step: Move) -> list[str]:
    told = [str(change) for change in step.changes]
    if len(told) > CHANGES_MAX:
        return [*told[: CHANGES_MAX - 1], f"… {len(told) - CHANGES_MAX + 1} more"]
    return told


def _ends(lanes: Sequence[str], places: Mapping[str, float]) -> list[float]:
    """Where an arrow begins, passes and ends; all instances at once stand for the one that is nearest."""
    own = [x for lane, x in places.items() if lane not in PARTICIPANTS]
    if set(lanes) == {EVERY_INSTANCE}:
        return own
    known = [places[lane] for lane in lanes if lane in places]
    found = []
    for lane in lanes:
        if lane in places:
            found.append(places[lane])
        elif own:  # an instance that the step does not name
            found.append(min(own, key=lambda x: abs(x - known[0])) if known else own[0])
    return found


def _hops(ends: Sequence[float]) -> list[tuple[float, float, int]]:
    """Arrows from each end to the next; one that turns back is drawn lower. Several at once have none."""
    if len(ends) < 2 or len(set(ends)) < 2:
        return []
    found: list[tuple[float, float, int]] = []
    down, forward = 0, None
    for begin, to in itertools.pairwise(ends):
        if begin == to:
            continue
        if forward is not None and (to > begin) is not forward:
            down += 9
        forward = to > begin
        found.append((begin, to, down))
    return found


def _arrow(begin: float, to: float, y: float) -> Markup:
    back = -8 if to > begin else 8
    return Markup('<path class="arrow" d="M{} {}H{}"/><path class="tip" d="M{} {}l{} -4.5v9z"/>').format(
        begin, y, round(to + back / 2, 1), to, y, back
    )


def _clamped(middle: float, width: float) -> float:
    """The middle of a text that would run out of the lanes' room."""
    half = width / 2
    if width >= LANES_RIGHT - LANES_LEFT:
        return (LANES_LEFT + LANES_RIGHT) / 2
    return round(min(max(middle, LANES_LEFT + half), LANES_RIGHT - half), 1)


def _verdict(sentence: str, y: float, width: float) -> tuple[Markup, float]:
    lines = wrapped(sentence, (width - 40) / 1.08)
    height = LINE * len(lines) + 18
    parts = [
        Markup('<rect class="verdict" x="0.5" y="{}" width="{}" height="{}" rx="5"/>').format(y, width - 1, height)
    ]
    for number, line in enumerate(lines):
        parts.append(Markup('<text class="verdict" x="16" y="{}">{}</text>').format(y + 21 + LINE * number, line))
    return Markup("").join(parts), height + 2


def wrapped(sentence: str, width: float) -> list[str]:
    """The words of a sentence on lines of about this many pixels; a longer word stands alone."""
    most = int(width / CHARACTER)
    lines = [""]
    for word in sentence.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > most:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
