"""An instance of the server itself is gone, or stands still."""

import signal
import time
from typing import ClassVar

import httpx

from rig.faults.base import TERMINATED, Fault, FaultContext, Observation
from rig.faults.requirements import Requirement
from rig.faults.servers.under_way import request_under_way
from rig.record.lines.chaos import Stopped

READY, AWAY = "ready", "no answer"
LOOK_S = 0.3


class OfAServer(Fault):
    """Of the second of two instances: traffic goes on at the first, whose promises count."""

    family = "server"
    layer = "server"
    instances = ("a", "b")
    aims: ClassVar[tuple[str, ...]] = ("b",)
    down = True
    outage = False
    seeds = False
    requirements: ClassVar[tuple[Requirement, ...]] = (Requirement.OWN_SERVER,)

    def observe(self, context: FaultContext) -> Observation:
        return {f"instance {name}": readiness(context.servers[name].internal_url) for name in context.hit}

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen == AWAY for seen in observation.values())

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen == READY for seen in observation.values())


def readiness(url: str) -> str:
    try:
        return READY if httpx.get(f"{url}/readyz", timeout=LOOK_S, trust_env=False).status_code == 200 else "not ready"
    except httpx.HTTPError:
        return AWAY


def revive(context: FaultContext, name: str, env: dict[str, str] | None = None) -> None:
    """Have it run and be ready, unless it does."""
    if not context.servers[name].running:
        context.servers[name].start(env)
    context.ended.discard(name)


class ServerKilled(OfAServer):
    name = "server killed"
    shows = "An instance dies by SIGKILL and is started again: what it had not yet carried to Valkey dies with it"

    def inject(self, context: FaultContext) -> None:
        for name in context.hit:
            context.ended.add(name)
            context.servers[name].kill()

    def remove(self, context: FaultContext) -> None:
        for name in context.hit:
            revive(context, name)


class ServerStopped(ServerKilled):
    name = "server stopped"
    shows = "An instance is told to stop by SIGTERM and is started again: nobody goes offline for it, and what is in flight is answered"

    def inject(self, context: FaultContext) -> None:
        """With a request in flight, which the contract promises an answer: ordinary ones are too short to be met."""
        for name in context.hit:
            with request_under_way(context, name) as sent:
                context.ended.add(name)
                context.kept[TERMINATED] = time.time()
                code = context.servers[name].stop()
            context.lines.append(Stopped(t=time.time(), instance=name, code=code))
            context.lines += sent


class ServerFrozen(OfAServer):
    name = "server frozen"
    shows = "An instance is stopped by SIGSTOP in the middle of what it does and goes on later, with old knowledge"

    def inject(self, context: FaultContext) -> None:
        for name in context.hit:
            context.servers[name].process.signal(signal.SIGSTOP, tree=True)

    def remove(self, context: FaultContext) -> None:
        for name in context.hit:
            if context.servers[name].running:
                context.servers[name].process.signal(signal.SIGCONT, tree=True)
