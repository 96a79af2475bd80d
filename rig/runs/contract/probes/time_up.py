"""Chats whose time is up: in their goodbye window, after it, and over a restart of every instance."""

import time

from rig.environment.testbed import Testbed
from rig.record.observations import edges
from rig.runs.contract.probes.people import offered_chat, some_customer, some_mitra
from rig.runs.contract.probing import probe

CHAT_S = 1
WINDOW_S = 5
ENDED_S = 2.0  # in which a chat must be ended once its window is up
LOOK_S = 0.5
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
    if restart:
        for instance in testbed.servers:
            testbed.restart(instance)
    else:
        sleep_until(max(ends.values()) + LOOK_S)
    looked, in_window = time.time(), statuses(testbed, chats)
    capacity = testbed.mirror.run("GET", f"mitra:capacity:{mitra.id}")
    until = max(max(ends.values()) + WINDOW_S, looked) + ENDED_S + LOOK_S
    while set(statuses(testbed, chats).values()) != {"ended"} and time.time() < until:
        time.sleep(0.1)
    mitra.offline()
    return edges.Watched(
        answers=answers, in_window=in_window, capacity=capacity,
        left_s=min(ends.values()) + WINDOW_S - looked, at_last=statuses(testbed, chats),
    )  # fmt: skip


def statuses(testbed: Testbed, chats: dict[str, str]) -> dict[str, str]:
    """The status of each chat, by what it was before its time was up."""
    found = {id: status for id, status, _ in testbed.tables.query(STATUSES).rows}
    return {kind: found.get(id, "missing") for kind, id in chats.items()}


def sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.time()))
