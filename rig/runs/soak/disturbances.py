"""What the run itself does to the servers while it soaks: restarts in turn, and a fault now and then."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from rig.environment.testbed import Testbed
from rig.faults import Cycle, FaultContext, Unconfirmed, Unhealed
from rig.faults.catalogue import fault_named
from rig.faults.requirements import missing
from rig.record import RecordWriter
from rig.record.lines.common import Weakness
from rig.record.lines.soak import SoakEvent
from rig.runs.soak.calm import Calm
from rig.runs.soak.order import Order
from rig.stack import ServerInstance
from rig.stack.errors import NotReady

LIGHT = ("subscribers killed", "scripts forgotten", "clients killed", "all connections cut", "client pause")
HARD = (
    *LIGHT, "hung", "valkey killed", "server killed", "refused", "flushdb", "slow within patience",
    "postgres connections cut", "capacity overwritten",
)  # fmt: skip
CATALOGUE: dict[str, Sequence[str]] = {"none": (), "light": LIGHT, "hard": HARD}
HOLD_S = 3.0
DRAIN_S = 0.5  # requests under way end, as behind a load balancer that takes an instance out first


class Disturbances:
    """`act` is called again and again; it restarts or injects what is due. `taking`: the instances that take requests."""

    def __init__(
        self, testbed: Testbed, record: RecordWriter, order: Order, calm: Calm, now: Callable[[], float], seed: int
    ) -> None:
        self._testbed, self._record, self._order, self._calm, self._now = testbed, record, order, calm, now
        self._random = random.Random(f"{seed}/disturbances")
        self._draining: set[str] = set()
        self.ended: set[str] = set()  # instances that a fault has stopped: their exit is no crash
        began = time.monotonic()
        self._restart_at = began + order.restart_every_s
        # Half a span aside from the restarts.
        self._fault_at = began + order.fault_every_s * 1.5 + order.warm_up_s
        self._number = 0
        self._turn = 0
        self._faults = possible(testbed, CATALOGUE[order.faults], record)

    def taking(self) -> list[ServerInstance]:
        return [
            server for name, server in self._testbed.servers.items() if name not in self._draining and server.running
        ]

    def act(self, until: float) -> None:
        """Do what is due, unless the soak ends (`time.monotonic`) before it could have settled."""
        now = time.monotonic()
        if now + 2 * self._order.warm_up_s > until:
            return
        if now >= self._restart_at:
            self._restart_at = now + self._order.restart_every_s
            self.restart()
        elif self._faults and now >= self._fault_at:
            self._fault_at = time.monotonic() + self._order.fault_every_s
            self.strike(self._faults[self._number % len(self._faults)])

    def restart(self) -> None:
        """Restart the next instance in order: it takes no requests, gets SIGTERM, and is started again."""
        names = list(self._testbed.servers)
        name = names[self._turn % len(names)]
        self._turn += 1
        with self._calm.disturbed(), self._drained(name):
            time.sleep(DRAIN_S)
            self._testbed.stop(name)
            self._testbed.start_together()
        text = f"the run restarted instance {name}"
        self._record.add(SoakEvent(t=self._now(), name="rolling restart", scope="none", text=text, ours=True))

    @contextmanager
    def _drained(self, name: str) -> Iterator[None]:
        self._draining.add(name)
        try:
            yield
        finally:
            self._draining.discard(name)

    def strike(self, name: str) -> None:
        """Inject one fault, hold it for a moment, remove it, and wait until it is healed."""
        fault = fault_named(name)
        context = FaultContext(
            self._testbed.stack, self._testbed.servers, hit=fault.aims or tuple(self._testbed.servers),
            random=self._random, ended=self.ended, tables=self._testbed.tables,
        )  # fmt: skip
        number, self._number = self._number, self._number + 1
        with self._calm.disturbed(), ExitStack() as held:
            held.callback(context.close)
            cycle = held.enter_context(Cycle(fault, context, self._record, number))
            try:
                cycle.inject()
                time.sleep(HOLD_S if fault.lasts_s is None else fault.lasts_s)
                cycle.remove()
            except (Unconfirmed, Unhealed, NotReady) as doubt:
                self._record.add(Weakness(t=time.time(), text=str(doubt)))


def possible(testbed: Testbed, names: Sequence[str], record: RecordWriter) -> list[str]:
    """Those faults that can be made on this stack; what is left out is recorded."""
    found = []
    for name in names:
        lacks = [why for need in fault_named(name).all_requirements() if (why := missing(need, testbed.stack))]
        if lacks:
            record.add(Weakness(t=time.time(), text=f"the fault {name!r} was left out: {lacks[0]}"))
        else:
            found.append(name)
    return found
