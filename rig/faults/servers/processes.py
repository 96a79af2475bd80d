"""An instance of the server itself is gone, or stands still."""

import signal
import time

import httpx

from rig.faults.base import TERMINATED, Fault, Ground, Sight
from rig.faults.servers.under_way import request_under_way

READY, AWAY = "ready", "no answer"
LOOK_S = 0.3


class OfAServer(Fault):
    """Of the second of two instances: traffic goes on at the first, whose promises count."""

    family = "server"
    layer = "server"
    instances = ("a", "b")
    aims = ("b",)
    down = True
    outage = False
    seeds = False
    needs = ("a server of ours",)

    def look(self, ground: Ground) -> Sight:
        return {f"instance {name}": readiness(ground.servers[name].internal_url) for name in ground.hit}

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return all(seen == AWAY for seen in sight.values())

    def healed(self, sight: Sight, ground: Ground) -> bool:
        return all(seen == READY for seen in sight.values())


def readiness(url: str) -> str:
    try:
        return READY if httpx.get(f"{url}/readyz", timeout=LOOK_S, trust_env=False).status_code == 200 else "not ready"
    except httpx.HTTPError:
        return AWAY


def revive(ground: Ground, name: str, env: dict[str, str] | None = None) -> None:
    """Have it run and be ready, unless it does."""
    if not ground.servers[name].running:
        ground.servers[name].start(env)
    ground.ended.discard(name)


class ServerKilled(OfAServer):
    name = "server killed"
    shows = "An instance dies by SIGKILL and is started again: what it had not yet carried to Valkey dies with it"

    def inject(self, ground: Ground) -> None:
        for name in ground.hit:
            ground.ended.add(name)
            ground.servers[name].kill()

    def remove(self, ground: Ground) -> None:
        for name in ground.hit:
            revive(ground, name)


class ServerStopped(ServerKilled):
    name = "server stopped"
    shows = "An instance is told to stop by SIGTERM and is started again: nobody goes offline for it, and what is in flight is answered"

    def inject(self, ground: Ground) -> None:
        """With a request in flight, which the contract promises an answer: ordinary ones are too short to be met."""
        for name in ground.hit:
            with request_under_way(ground, name) as sent:
                ground.ended.add(name)
                ground.kept[TERMINATED] = time.time()
                code = ground.servers[name].stop()
            ground.lines.append(("stopped", {"instance": name, "code": code}))
            ground.lines += [("request", {"t": request["started"], **request}) for request in sent]


class ServerFrozen(OfAServer):
    name = "server frozen"
    shows = "An instance is stopped by SIGSTOP in the middle of what it does and goes on later, with old knowledge"

    def inject(self, ground: Ground) -> None:
        for name in ground.hit:
            ground.servers[name].process.signal(signal.SIGSTOP, tree=True)

    def remove(self, ground: Ground) -> None:
        for name in ground.hit:
            if ground.servers[name].running:
                ground.servers[name].process.signal(signal.SIGCONT, tree=True)
