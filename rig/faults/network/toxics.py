"""Faults that a toxic in an instance's proxy makes: silence, slowness and cuts, for just the instances that are hit."""

from typing import Any, ClassVar

from rig.faults.base import ANSWERS, Fault, FaultContext, Observation

TOXIC = "rig-fault"
# What the server's client waits: a reply 0.25 s, a whole call 0.6 s (a foreign one may wait otherwise).
SLOW_MS, PATIENT_MS = 900, 150


class Toxic(Fault):
    """One toxic in the proxy of each instance that is hit. Toxiproxy applies it to the connections that are open, too."""

    layer = "way"
    type: ClassVar[str]
    stream: ClassVar[str] = "downstream"  # from Valkey to the server; `upstream`: the requests
    attributes: ClassVar[dict[str, Any]] = {}

    def inject(self, context: FaultContext) -> None:
        for proxy in context.proxies():
            context.stack.toxiproxy.add_toxic(proxy, TOXIC, self.type, self.stream, self.attributes)

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen != ANSWERS for seen in context.hits(observation)) and context.others_unaffected(observation)

    def remove(self, context: FaultContext) -> None:
        for proxy in context.proxies():
            if TOXIC in context.stack.toxiproxy.toxics(proxy):
                context.stack.toxiproxy.remove_toxic(proxy, TOXIC)


class RequestsLost(Toxic):
    name = "requests lost"
    family = "silence"
    shows = "What an instance asks never reaches Valkey, and nothing is refused"
    type, stream = "timeout", "upstream"
    attributes: ClassVar = {"timeout": 0}


class RepliesLost(Toxic):
    name = "replies lost"
    family = "silence"
    shows = "Valkey does what an instance asks, and its replies never arrive"
    type = "timeout"
    attributes: ClassVar = {"timeout": 0}


class Delay(Toxic):
    """Active as a round trip of `command` that takes at least `least_ms`."""

    type = "latency"
    command: ClassVar[tuple[str, ...]] = ("PING",)
    least_ms: ClassVar[float]

    def observe(self, context: FaultContext) -> Observation:
        return context.round_trips(*self.command)

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return all(
            milliseconds(seen) >= self.least_ms for seen in context.hits(observation)
        ) and context.others_unaffected(observation)

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return all(milliseconds(seen) < self.least_ms for seen in observation.values())


class SlowerThanPatience(Delay):
    name = "slower than patience"
    family = "slowness"
    shows = f"Every reply takes {SLOW_MS} ms, give or take 200: longer than a client waits"
    attributes: ClassVar = {"latency": SLOW_MS, "jitter": 200}
    least_ms = SLOW_MS / 2


class SlowWithinPatience(Delay):
    name = "slow within patience"
    family = "slowness"
    shows = f"Every reply takes {PATIENT_MS} ms, give or take 50: just what a client still waits for"
    outage = False
    seeds = False
    attributes: ClassVar = {"latency": PATIENT_MS, "jitter": 50}
    least_ms = PATIENT_MS / 2


class Narrow(Delay):
    name = "narrow line"
    family = "slowness"
    shows = "Replies trickle at one kilobyte a second"
    outage = False
    seeds = False
    type = "bandwidth"
    attributes: ClassVar = {"rate": 1}
    command = ("INFO", "commandstats")
    least_ms = 200


class Sliced(Delay):
    name = "sliced replies"
    family = "slowness"
    shows = "Replies arrive in pieces of a few bytes, each a while after the other"
    outage = False
    seeds = False
    type = "slicer"
    attributes: ClassVar = {"average_size": 8, "size_variation": 4, "delay": 20_000}
    command = ("ECHO", "x" * 120)
    least_ms = 100


class Reset(Toxic):
    name = "reset by peer"
    family = "cuts"
    shows = "Every connection is reset, and so is each new one"
    noticed = True
    type = "reset_peer"
    attributes: ClassVar = {"timeout": 0}


class CutMidReply(Toxic):
    name = "cut in mid-reply"
    family = "cuts"
    shows = "A connection ends after 40 bytes of replies, in the middle of one"
    outage = False
    noticed = True
    seeds = False
    type = "limit_data"
    attributes: ClassVar = {"bytes": 40}

    def observe(self, context: FaultContext) -> Observation:
        return context.answers("ECHO", "x" * 200)

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return all(not seen.startswith("x") for seen in context.hits(observation)) and context.others_unaffected(
            observation
        )

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen.startswith("x") for seen in observation.values())


class CutMidRequest(CutMidReply):
    name = "cut in mid-pipeline"
    shows = "A connection ends after 200 bytes of requests, in the middle of a pipeline"
    stream = "upstream"
    attributes: ClassVar = {"bytes": 200}

    def observe(self, context: FaultContext) -> Observation:
        return context.answers("ECHO", "x" * 400)


def milliseconds(seen: str) -> float:
    """Of `812 ms`; without an answer: for ever."""
    return float(seen.removesuffix(" ms")) if seen.endswith(" ms") else float("inf")
