"""Chats whose time is up: in their goodbye window, after it, and over a restart of every instance."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from rig.environment.testbed import MARGIN_S, Testbed
from rig.record.observations import edges
from rig.runs.contract.probes.people import offered_chat, some_customer, some_mitra
from rig.runs.contract.probing import probe
from rig.traffic import Mitra
from rig.waiting import poll_until

CHAT_S = 1
WINDOW_S = 7  # more than two restarts take, by which a window that begins anew is told from one that goes on
ENDED_S = 2.0  # in which a chat must be ended once its window is up
MIRRORED_S = 1.0 + MARGIN_S
LOOK_S, LOOK_EVERY_S = 0.5, 0.1
LEFT_S = 1.0  # of the window of a chat that is near its end when the server is restarted
STATUSES = "SELECT id::text, status::text, extract(epoch FROM ends_at)::float8 FROM chat_sessions"


@probe("chats whose time is up", "edges")
def chats_whose_time_is_up(testbed: Testbed) -> edges.TimeIsUp:
    """An active chat and one with an unpaid extension, looked at in the window and after it; then over a restart."""
    instances = tuple(testbed.servers)
    testbed.ready(testbed.environment_for(goodbye=WINDOW_S), instances)
    testbed.empty_stores()
    running = watched(testbed, "running", restart=False)
    return edges.TimeIsUp(running=running, restarted=watched(testbed, "restarted", restart=True), allowed_s=ENDED_S)


def watched(testbed: Testbed, name: str, *, restart: bool) -> edges.Watched:
    """Two chats of one mitra, from their start until they must have ended."""
    mitra = some_mitra(testbed, f"mitra {name}")
    chats, answers = {}, []
    for kind in ("active", "pending_payment"):
        customer = some_customer(testbed, f"{kind} {name}")
        chat = chats[kind] = offered_chat(customer, CHAT_S)
        answers.append(mitra.accept(chat).status)
        if kind == "pending_payment":
            answers.append(customer.extend(chat, 600).status)
    ends = {id: at for id, _, at in testbed.tables.query(STATUSES).rows if id in chats.values()}
    late = Late()
    if restart:
        late = near_its_end(testbed, mitra)
        for instance in testbed.servers:
            testbed.restart(instance)
        late.ready = time.time()
    else:
        sleep_until(max(ends.values()) + LOOK_S)
    looked, in_window = time.time(), statuses(testbed, chats)
    capacity = testbed.mirror.run("GET", f"mitra:capacity:{mitra.id}")
    until = max(max(ends.values()) + WINDOW_S, looked) + ENDED_S + LOOK_S
    while set(statuses(testbed, chats).values()) != {"ended"} and time.time() < until:
        late.look(testbed)
        time.sleep(LOOK_EVERY_S)
    late.look(testbed)

    def load() -> str | None:
        text: str | None = testbed.mirror.run("GET", f"mitra:capacity:{mitra.id}")
        return text

    capacity_at_last = poll_until(load, MIRRORED_S, until=lambda text: text == "0")
    mitra.offline()
    return edges.Watched(
        answers=answers, in_window=in_window, capacity=capacity,
        left_s=min(ends.values()) + WINDOW_S - looked, at_last=statuses(testbed, chats),
        capacity_at_last=capacity_at_last,
        late_s=late.ended and late.ended - late.due, late_from_s=max(0.0, late.ready - late.due),
    )  # fmt: skip


@dataclass
class Late:
    """A chat near the end of its window: when that is, when the server was ready again, and when the chat had ended."""

    chat: str = ""
    due: float = 0.0
    ready: float = 0.0
    ended: float | None = None

    def look(self, testbed: Testbed) -> None:
        """Note the first look at which the chat has ended."""
        if self.chat and self.ended is None and statuses(testbed, {"late": self.chat})["late"] == "ended":
            self.ended = time.time()


def near_its_end(testbed: Testbed, mitra: Mitra) -> Late:
    """A chat of hers, put in by hand, whose goodbye window has LEFT_S left."""
    due = time.time() + LEFT_S
    ends_at = datetime.fromtimestamp(due - WINDOW_S, UTC)
    customer = testbed.fixtures.customer(name="near the end")
    return Late(testbed.fixtures.session(customer, str(mitra.id), ends_at=ends_at).id, due)


def statuses(testbed: Testbed, chats: dict[str, str]) -> dict[str, str]:
    """The status of each chat, by what it was before its time was up."""
    found = {id: status for id, status, _ in testbed.tables.query(STATUSES).rows}
    return {kind: found.get(id, "missing") for kind, id in chats.items()}


def sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.time()))
