"""An instance has another time than the others, or its clock is set while it runs: the stores' and the rig's go on as ever."""

import time
import uuid
from typing import ClassVar

import httpx
import jwt

from rig.faults.base import FaultContext, Observation
from rig.faults.requirements import Requirement, libfaketime
from rig.faults.servers.processes import AWAY, LOOK_S, READY, OfAServer, revive
from rig.stack import ServerInstance
from rig.stack.http import get

CLOCK_AHEAD_S = 20
STEP_S = 60
AHEAD, BEHIND, OURS = "ahead", "behind", "as ours"
PROFILE = "/api/mitra/profile"


class ClockAhead(OfAServer):
    name = "clock ahead"
    shows = f"An instance is started with a clock that is {CLOCK_AHEAD_S} s ahead of all others"
    requirements = (Requirement.OWN_SERVER, Requirement.LIBFAKETIME)

    def inject(self, context: FaultContext) -> None:
        env = {"LD_PRELOAD": libfaketime() or "", "FAKETIME": f"+{CLOCK_AHEAD_S}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        for name in context.hit:
            context.ended.add(name)
            context.servers[name].stop()
            revive(context, name, env)

    def observe(self, context: FaultContext) -> Observation:
        clocks = {f"clock of {name}": clock_of(context.servers[name], CLOCK_AHEAD_S) for name in context.hit}
        return clocks | super().observe(context)

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen in (READY, AHEAD) for seen in observation.values())

    def remove(self, context: FaultContext) -> None:
        for name in context.hit:
            if clock_of(context.servers[name], CLOCK_AHEAD_S) == AHEAD:
                context.ended.add(name)
                context.servers[name].stop()
            revive(context, name)

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen in (READY, OURS) for seen in observation.values())


class ClockStepped(OfAServer):
    """Active, and healed, when the instance takes tokens for expired by another clock than ours, and by ours again."""

    down = False
    beyond = True
    requirements = (Requirement.OWN_SERVER, Requirement.OWN_CLOCKS)
    ahead_s: ClassVar[int] = STEP_S

    def set(self, context: FaultContext, ahead_s: float) -> None:
        for name in context.hit:
            if (clock := context.servers[name].clock) is not None:
                clock.set(ahead_s)

    def inject(self, context: FaultContext) -> None:
        self.set(context, self.ahead_s)

    def observe(self, context: FaultContext) -> Observation:
        return {f"clock of {name}": clock_of(context.servers[name], STEP_S) for name in context.hit}

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen == (AHEAD if self.ahead_s > 0 else BEHIND) for seen in observation.values())

    def remove(self, context: FaultContext) -> None:
        self.set(context, 0)

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen == OURS for seen in observation.values())


class ClockForward(ClockStepped):
    name = "clock set forward"
    shows = f"The clock of one of two instances is set forward by {STEP_S} s while it runs, and back later"


class ClockBack(ClockStepped):
    name = "clock set back"
    shows = f"The clock of one of two instances is set back by {STEP_S} s while it runs, and forward later"
    ahead_s = -STEP_S


class ClocksForward(ClockForward):
    name = "all clocks set forward"
    shows = f"The clocks of all instances are set forward by {STEP_S} s while they run, and back later"
    aims = ()


class ClocksBack(ClockBack):
    name = "all clocks set back"
    shows = f"The clocks of all instances are set back by {STEP_S} s while they run, and forward later"
    aims = ()


def clock_of(server: ServerInstance, step_s: float) -> str:
    """By a token that expires in half a step, and one that has expired half a step ago."""
    fresh, old = (expired(server, sign * step_s / 2) for sign in (1, -1))
    if fresh is None or old is None:
        return AWAY
    return AHEAD if fresh else OURS if old else BEHIND


def expired(server: ServerInstance, left_s: float) -> bool | None:
    """Whether the instance refuses a token that has so long left by our clock as expired; None without an answer."""
    claims = {"sub": str(uuid.UUID(int=0)), "role": "mitra", "iat": 0, "exp": int(time.time() + left_s)}
    token = jwt.encode(claims, server.jwt_secret, algorithm="HS256")
    try:
        answer = get(server.public_url + PROFILE, LOOK_S, token)
        return bool(answer.json()["error"]["code"] == "TOKEN_EXPIRED")
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None
