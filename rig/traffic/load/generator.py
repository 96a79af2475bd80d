"""Carries one process's share of a load plan out: every arrival at its moment, to every arm of its phase, and accounts for it."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import psutil
from gevent.event import AsyncResult
from gevent.lock import BoundedSemaphore

from rig.contract import BEACON, PING
from rig.traffic.actors.customer import SESSIONS
from rig.traffic.actors.tokens import mint
from rig.traffic.load.schedule import LoadPlan
from rig.traffic.load.sender import TIMEOUT_S, Job, Pool
from rig.traffic.load.tally import Tallies, Tally
from rig.waiting import poll_until

TOGGLE = "/api/mitra/status/"
OFFERS = "/api/mitra/chat-requests"
DASHBOARD = "/internal/dashboard"
TOKEN_MARGIN_S = 600  # tokens outlive the plan: a refresh would be a request of another kind
CROWD = 50  # requests that a late generator sends in a row before it looks at answers
CHAT_SECONDS = 1800
COLUMNS = "arm,action,phase,actor,planned,late_ms,raw_ms,status\n"

Report = Callable[[str, str, str, float, int, str | None], None]  # arm, method, action, corrected ms, bytes, error


class Generator:
    """`go` is the plan with everything that it takes: `plan`, `arms` (listeners, secrets) and `people` (ids) by arm.

    `report` is told of each finished request; `raw` is a file that gets a line of each.
    """

    def __init__(self, go: dict[str, Any], report: Report, raw: Path | None = None) -> None:
        self.plan = LoadPlan.of(go["plan"])
        self.tallies = Tallies()
        self.causes: list[dict[str, Any]] = []
        self._arms, self._people, self._report = go["arms"], go["people"], report
        self._public = {arm: [Pool(one["public"]) for one in facts["instances"]] for arm, facts in self._arms.items()}
        self._internal = {
            arm: [Pool(one["internal"]) for one in facts["instances"]] for arm, facts in self._arms.items()
        }
        self._requests: dict[tuple[str, str, int], tuple[Pool, bytes]] = {}
        # Of those who come and go: who is away.
        self._offline = {
            (arm, number) for arm, own in self._people.items() if own["away"] for number in range(len(own["togglers"]))
        }
        self._taking: dict[tuple[str, int], BoundedSemaphore] = {}
        self._flows: set[gevent.Greenlet] = set()
        self._raw = raw.open("w") if raw is not None else None
        if self._raw is not None:
            self._raw.write(COLUMNS)
        self._process = psutil.Process()
        self.epoch = self.begin = 0.0
        self._cpu_s = 0.0

    def start(self, lead_s: float) -> None:
        """The plan's moments count from so many seconds from now."""
        self.begin = time.monotonic() + lead_s
        self.epoch = time.time() + lead_s
        self._cpu_s = sum(self._process.cpu_times()[:2])

    def prepare(self, kind: str, lane: int, lanes: int) -> None:
        """Make the requests of a lane before its first moment: signing a hundred thousand tokens takes seconds."""
        if kind == "ping":
            for number, (_, actor, phase) in enumerate(self.plan.arrivals(kind, lane, lanes)):
                for arm in self.plan.phases[phase].arms:
                    self._request(arm, kind, actor)
                if number % CROWD == 0:
                    gevent.sleep(0)

    def play(self, kind: str, lane: int, lanes: int) -> None:
        """All arrivals of a lane, to the end of the plan."""
        act = {"toggle": self._toggle, "chat": self._chat}.get(kind)
        crowd = 0
        for moment, actor, phase in self.plan.arrivals(kind, lane, lanes):
            planned = self.begin + moment
            crowd += 1
            if (early := planned - time.monotonic()) > 0 or crowd >= CROWD:
                gevent.sleep(max(0.0, early))
                crowd = 0
            for arm in self.plan.phases[phase].arms:
                if act is None:
                    self._poll(kind, arm, actor, phase, planned)
                else:
                    flow = gevent.spawn(act, arm, actor, self.plan.phases[phase].name, planned)
                    self._flows.add(flow)
                    flow.link(self._flows.discard)

    def drain(self) -> None:
        """Wait for the answers under way, for as long as one may take; what is left was missed or is in flight."""
        pools = [pool for by_arm in (self._public, self._internal) for own in by_arm.values() for pool in own]

        def all_answered() -> bool:
            return not self._flows and not any(pool.under_way or pool.waiting for pool in pools)

        poll_until(all_answered, TIMEOUT_S + 1.0, sleep=gevent.sleep)
        for pool in pools:
            for job in pool.waiting:
                job.slot[0].missed += 1
            for job in pool.under_way:
                job.slot[0].in_flight += 1
            pool.close()
        gevent.killall(list(self._flows), block=False)
        if self._raw is not None:
            self._raw.close()

    def facts(self) -> dict[str, Any]:
        """The generator's own share of a core since its start, and its memory."""
        wall_s = max(1e-9, time.monotonic() - self.begin)
        cpu = (sum(self._process.cpu_times()[:2]) - self._cpu_s) / wall_s
        return {"cpu": round(cpu, 4), "rss_mb": round(self._process.memory_info().rss / 2**20, 1), "pid": os.getpid()}

    # --- one request -------------------------------------------------------------------------------------------

    def _poll(self, kind: str, arm: str, actor: int, phase: int, planned: float) -> None:
        """A request that stands by itself; nobody waits for its answer."""
        action = "beacon" if kind == "storm" else kind
        who = actor if action == "ping" else actor % len(self._public[arm])  # other polls are all alike
        pool, request = self._request(arm, action, who)
        self._send(pool, request, self.tallies.of(arm, action, self.plan.phases[phase].name), actor, planned)

    def _send(
        self, pool: Pool, request: bytes, tally: Tally, actor: int, planned: float, answer: AsyncResult | None = None
    ) -> None:
        now = time.monotonic()
        self.tallies.plan(tally, self._second(planned))
        self.tallies.send(tally, self._second(now), (now - planned) * 1000)
        pool.send(Job(request, planned, (tally, actor, now, answer), self._finish))

    def _finish(self, job: Job, status: int, body: bytes, error: str | None) -> None:
        """Called in the loop, so it may not wait."""
        now = time.monotonic()
        tally, actor, handed, answer = job.slot
        raw_ms, corrected_ms = (now - job.sent) * 1000, (now - job.planned) * 1000
        second = self._second(now)
        wrong = error or self._wrong(tally.action, status, body)
        if wrong is None:
            self.tallies.complete(tally, second, raw_ms, corrected_ms)
        else:
            self.tallies.fail(tally, second, at=self._epoch(now), actor=actor, status=status or None, error=wrong)
        if self._raw is not None:
            self._raw.write(
                f"{tally.arm},{tally.action},{tally.phase},{actor},{self._epoch(job.planned):.4f},"
                f"{(handed - job.planned) * 1000:.3f},{raw_ms:.3f},{status}\n"
            )
        self._report(tally.arm, "", tally.action, corrected_ms, len(body), wrong)
        if answer is not None:
            answer.set((status, body, wrong))

    def _wrong(self, action: str, status: int, body: bytes) -> str | None:
        """Why an answer is wrong for these people; None for a good one."""
        if not 200 <= status < 300:
            return f"{status} {body[:120].decode(errors='replace')}"
        if action == "ping" and b"true" not in body:
            return "a mitra who is online was told that she is not"
        if action == "beacon" and b"true" not in body:
            return "the beacon told that nobody is available"
        return None

    def _request(self, arm: str, action: str, actor: int) -> tuple[Pool, bytes]:
        key = (arm, action, actor)
        if (reply := self._requests.get(key)) is None:
            reply = self._requests[key] = self._made(arm, action, actor)
        return reply

    def _made(self, arm: str, action: str, actor: int) -> tuple[Pool, bytes]:
        if action == "ping":
            pool = self._pool(arm, actor)
            return pool, pool.head("POST", PING, self._token(arm, self._people[arm]["mitras"][actor], "mitra"))
        if action == "dashboard":
            pool = self._internal[arm][actor % len(self._internal[arm])]
            return pool, pool.head("GET", DASHBOARD, self._arms[arm]["internal_token"])
        pool = self._pool(arm, actor)
        return pool, pool.head("GET", BEACON)

    def _pool(self, arm: str, actor: int) -> Pool:
        pools = self._public[arm]
        return pools[actor % len(pools)]

    def _token(self, arm: str, subject: str, role: str) -> str:
        return mint(self._arms[arm]["jwt_secret"], subject, role, lifetime_s=self.plan.seconds + TOKEN_MARGIN_S)

    # --- who does several things in a row ------------------------------------------------------------------------

    def _toggle(self, arm: str, actor: int, phase: str, planned: float) -> None:
        """Toggle her: online if she was offline, offline at the next turn."""
        key, id = (arm, actor), self._people[arm]["togglers"][actor]
        target = "online" if key in self._offline else "offline"
        self._ask(arm, actor, target, phase, planned, "POST", TOGGLE + target, (id, "mitra"), [id])
        (self._offline.discard if target == "online" else self._offline.add)(key)

    def _chat(self, arm: str, actor: int, phase: str, planned: float) -> None:
        """A customer pays, the mitra accepts and ends the chat. A turn is skipped while the last chat is under way."""
        turn = self._taking.setdefault((arm, actor), BoundedSemaphore(1))
        if not turn.acquire(blocking=False):
            return
        try:
            self._have_chat(arm, actor, phase, planned)
        finally:
            turn.release()

    def _have_chat(self, arm: str, actor: int, phase: str, planned: float) -> None:
        customer, taker = self._people[arm]["customers"][actor], self._people[arm]["takers"][actor]
        client, mitra = (customer, "client"), (taker, "mitra")
        ids = [customer, taker]
        body = {"duration_seconds": CHAT_SECONDS}
        made = self._ask(arm, actor, "create", phase, planned, "POST", SESSIONS, client, ids, body)
        if made is None:
            return
        chat = made["id"]
        ids = [*ids, chat]
        for action, path, who in (
            ("pay", f"{SESSIONS}/{chat}/pay", client),
            ("accept", f"{OFFERS}/{chat}/accept", mitra),
            ("end", f"/api/mitra/chat-sessions/{chat}/end", mitra),
        ):
            if self._ask(arm, actor, action, phase, time.monotonic(), "POST", path, who, ids) is None:
                return

    def _ask(
        self, arm: str, actor: int, action: str, phase: str, planned: float, method: str, path: str,
        who: tuple[str, str], ids: list[str], body: dict[str, Any] | None = None,
    ) -> dict[str, Any] | None:  # fmt: skip
        """One request, and its answer as JSON; None when it failed. It stands as a cause of SQL, with the ids it is about."""
        pool, answer = self._pool(arm, actor), AsyncResult()
        content = None if body is None else json.dumps(body).encode()
        began = self._epoch(time.monotonic())
        request = pool.head(method, path, self._token(arm, *who), content)
        self._send(pool, request, self.tallies.of(arm, action, phase), actor, planned, answer)
        status, content, wrong = answer.get()
        reply = json.loads(content) if wrong is None and content else None
        known = [*ids, reply["id"]] if action == "create" and reply else ids
        self.causes.append({
            "arm": arm, "action": action, "ids": known, "from": began, "to": self._epoch(time.monotonic()), "status": status,
        })  # fmt: skip
        return reply if wrong is None else None

    def _second(self, moment: float) -> int:
        return int(self._epoch(moment))

    def _epoch(self, moment: float) -> float:
        return self.epoch + moment - self.begin
