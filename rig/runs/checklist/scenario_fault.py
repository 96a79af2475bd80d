"""A fault before the steps of a scenario: injected, seen to be active, taken back and healed, or left in force where it may be."""

import random
import time
from contextlib import suppress
from dataclasses import dataclass, field

import redis

from rig.contract import CHANNEL, SEED_LINE
from rig.environment.testbed import Testbed
from rig.faults import Cycle, FaultContext
from rig.faults.catalogue import fault_named
from rig.waiting import poll_until

HOLD_S = 1.5  # above the second that a server may take to call silence an outage
BELIEVED_S = 6.0  # the contract's 5 s from the answering of Valkey to the seed's line, and a margin
SETTLED_S = (
    1.5  # after what asks for no seed; and after a seed until a lost subscription is back and the snapshot deleted
)


@dataclass
class ScenarioFault:
    """What a checklist runs under: the fault's name, and whether it stays in force while a scenario runs."""

    testbed: Testbed
    fault: str
    persistent: bool = False
    _held: list[Cycle] = field(default_factory=list)

    def remove(self) -> None:
        """Take back what is in force. Before the next scenario asks for its backends, and at the end."""
        while self._held:
            cycle = self._held.pop()
            try:
                cycle.remove()
            finally:
                cycle.context.close()

    def inject(self) -> None:
        """Unconfirmed or Unhealed when the fault did not take: nothing that follows would be under it."""
        servers = self.testbed.servers
        context = FaultContext(
            self.testbed.stack,
            servers,
            hit=tuple(servers),
            random=random.Random(self.testbed.random_seed),
            tables=self.testbed.tables,
        )
        cycle = Cycle(fault_named(self.fault), context, self.testbed.recorder)
        self._held.append(cycle)
        cycle.inject()
        if not self.persistent:
            time.sleep(HOLD_S)  # the fault is in force
            removed = time.time()
            self.remove()
            self._await_believed(cycle, removed)

    def _await_believed(self, cycle: Cycle, since: float) -> None:
        """Wait until every instance has seeded, if the fault causes a seed, and has subscribed again.

        An instance that does not recover in time is reported by the checks that follow.
        """
        logs = (
            [self.testbed.log(name) for name in self.testbed.servers]
            if cycle.fault.seeds and self.testbed.has_log
            else []
        )

        def recovered() -> bool:
            seeded = all(log.lines(since=since, containing=SEED_LINE) for log in logs)
            return seeded and self._subscribed() >= len(self.testbed.servers)

        poll_until(recovered, BELIEVED_S)
        time.sleep(SETTLED_S)  # nothing tells when all is as before

    def _subscribed(self) -> int:
        """How many instances listen to changes of settings, as Valkey knows it."""
        with suppress(redis.RedisError):
            return int(self.testbed.mirror.client.pubsub_numsub(CHANNEL)[0][1])
        return 0
