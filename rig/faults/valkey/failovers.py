"""Failovers of a managed store, which stays at one address: with a time away, and as a change of roles without a cut."""

import redis

from rig.faults.base import Fault, FaultContext, Observation, error_word, none_answers
from rig.faults.requirements import Requirement
from rig.faults.valkey.error_replies import DONE, PROBE
from rig.stack.embedded.profiles import REDIS
from rig.stack.embedded.valkey import EmbeddedValkey
from rig.stores.valkey import run

SHORTENED = 5  # by this factor a campaign shortens the times that the product's documentation tells
REPAIR_S, MAINTENANCE_S = (REDIS.away_s[kind] / SHORTENED for kind in ("repair", "maintenance"))


class ManagedFailover(Fault):
    """Until `remove`, nobody listens at the address. The time away is the length that the schedule gives it."""

    name = "managed failover"
    family = "reachability"
    shows = "The primary dies and every connection ends; later its replica answers at the same address with what it had"
    requirements = (Requirement.EMBEDDED_VALKEY,)
    noticed = True

    def inject(self, context: FaultContext) -> None:
        context.kept["replica"] = replica_of(context)
        context.stack.valkey.kill()

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return none_answers(observation)

    def remove(self, context: FaultContext) -> None:
        replica = context.kept.pop("replica", None)
        if replica is not None:
            replica.lead()
            context.stack.valkey.exchange(replica)
            replica.close()
            context.connect()


class RoleChange(Fault):
    """Active when a connection that was open before is refused writes, and new ones are not."""

    name = "role change without a cut"
    family = "refusing"
    shows = "The replica takes over the address and no connection ends: those open before stay with the old primary, now read-only"
    requirements = (Requirement.EMBEDDED_VALKEY,)
    outage = False
    lasts_s = 0.0

    def inject(self, context: FaultContext) -> None:
        valkey, replica = context.stack.valkey, replica_of(context)
        context.valkey.ping()
        context.kept["before"] = context.valkey
        replica.lead()
        valkey.exchange(replica)
        replica.follow(valkey)
        valkey.retire(replica)
        context.connect()

    def observe(self, context: FaultContext) -> Observation:
        before = context.kept.get("before")
        word = refused_with(before) if before is not None else "closed"
        return {"open before": word, **context.answers(*PROBE)}

    def is_active(self, observation: Observation, context: FaultContext) -> bool:
        return observation["open before"] == "READONLY" and self.healed(observation, context)

    def remove(self, context: FaultContext) -> None:
        """The old primary stays until the end of the stack: a client has to leave it by itself."""
        if (before := context.kept.pop("before", None)) is not None:
            before.close()

    def healed(self, observation: Observation, context: FaultContext) -> bool:
        return all(seen in DONE for end, seen in observation.items() if end != "open before")


def replica_of(context: FaultContext) -> EmbeddedValkey:
    """A new replica that has all keys of the stack's Valkey."""
    replica: EmbeddedValkey = context.stack.valkey.twin()
    replica.follow(context.stack.valkey)
    return replica


def refused_with(connection: redis.Redis) -> str:
    """The first word of the error that a write gets, or its reply."""
    try:
        return str(run(connection, *PROBE))
    except redis.RedisError as error:
        return error_word(error)
