"""Carries out a schedule of traffic: a thread per actor, and what each step of the schedule does."""

import functools
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from rig.traffic.actors.client import TIMEOUT_S
from rig.traffic.actors.customer import Customer
from rig.traffic.actors.exchange import Exchange
from rig.traffic.actors.mitra import Mitra
from rig.traffic.actors.operator import Operator
from rig.traffic.background.steps import CREW, MAXIMA, Step
from rig.waiting import poll_until

LONG_S, SHORT_S = 600, 3  # a chat that outlives most campaigns, and one that ends in it
SETTLE_MAX_S = 2.0  # longer than a change takes on healthy stores
MOST_CHATS = "max_customers_per_mitra"
LATE_MAX_S = 1.0  # a step whose actor is still busy for this long is left out


class Shopper:
    """A customer with the chat that they are in."""

    def __init__(self, customer: Customer) -> None:
        self.customer = customer
        self.session: str | None = None

    def buy(self, seconds: int = LONG_S) -> None:
        """Ask for a chat and pay for it. If no mitra takes it, it can be cancelled later."""
        created = self.customer.create(seconds)
        if created.ok:
            self.session = created.reply["id"]
            self.customer.pay(self.session)

    def extend(self) -> None:
        """Ask for more time and pay for it."""
        if self.session is not None and self.customer.extend(self.session, LONG_S).ok:
            self.customer.pay_extension(self.session)

    def end(self) -> None:
        """End the chat; one that nobody has taken is cancelled instead."""
        if self.session is None:
            return
        found = self.customer.get(self.session)
        searching = found.ok and found.reply["status"] == "searching"
        (self.customer.cancel if searching else self.customer.end)(self.session)
        self.session = None


def offline(answer: Exchange) -> bool:
    """Whether a ping was told so."""
    return answer.ok and answer.reply.get("is_online") is False


def take(mitra: Mitra) -> None:
    """Accept the first open offer, if there is one."""
    offers = mitra.offers()
    waiting = offers.reply["chat_requests"] if offers.ok else []
    if waiting:
        mitra.accept(waiting[0]["chat_session_id"])


def reroute(operator: Operator, shoppers: Sequence[Shopper], mitras: Sequence[Mitra]) -> None:
    """Give the first running chat to the next mitra in turn."""
    session = next((shopper.session for shopper in shoppers if shopper.session), None)
    if session is not None and mitras:
        operator.reroute(session, mitras[int(session[-2:], 16) % len(mitras)].id or "")


# What goes on while the state stands still: it reads, or moves a heartbeat.
STILL = ("ping", "stay", "profile", "abandon", "beacon", "dashboard")
ACCOUNTS = {"bar": False, "unbar": True}
MITRA_ACTIONS = ("ping", "online", "offline", "profile", "abandon")


class Workload:
    """Runs a schedule, a thread an actor; every request goes to the recorder of its client."""

    def __init__(
        self,
        mitras: Sequence[Mitra],
        customers: Sequence[Customer],
        operator: Operator,
        fleet: Sequence[Mitra] = (),
        second: Operator | None = None,
    ) -> None:
        self._operators = {"operator": operator, "operator 2": second or operator}
        self._actions: dict[tuple[str, str], Callable[[], object]] = {("operator", "dashboard"): operator.dashboard}
        for number, mitra in enumerate(mitras):
            actor = f"mitra {number}"
            self._actions |= {(actor, name): getattr(mitra, name) for name in MITRA_ACTIONS}
            self._actions[actor, "stay"] = functools.partial(self._stay, mitra)
            self._actions[actor, "take"] = functools.partial(take, mitra)
            for (name, one), (word, active) in itertools.product(self._operators.items(), ACCOUNTS.items()):
                act = functools.partial(one.set_active, mitra.id or "", active)
                self._actions[name, f"{word} {number}"] = act
        shoppers = [Shopper(customer) for customer in customers]
        for number, (customer, shopper) in enumerate(zip(customers, shoppers, strict=True)):
            actor = f"customer {number}"
            self._actions |= {(actor, name): getattr(shopper, name) for name in ("buy", "extend", "end")}
            self._actions[actor, "buy short"] = functools.partial(shopper.buy, SHORT_S)
            self._actions[actor, "beacon"] = customer.beacon
        self._actions["operator", "reroute"] = functools.partial(reroute, operator, shoppers, mitras)
        for (name, one), most in itertools.product(self._operators.items(), MAXIMA):
            self._actions[name, f"config {most}"] = functools.partial(one.set_config, MOST_CHATS, most)
        for number, mitra in enumerate(fleet):
            crew = f"crew {number // CREW}"
            self._actions |= {(crew, f"{name} {number}"): getattr(mitra, name) for name in ("online", "offline")}
        self.mitra_ids = [mitra.id for mitra in (*mitras, *fleet) if mitra.id]
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []
        self._lock = threading.Lock()
        self._changing = 0  # steps under way that change the state
        self.left_out = 0
        self._still_until = 0.0

    def stand_still(self, seconds: float) -> None:
        """Begin no change of who is online, barred or busy for `seconds`. Returns when changes under way have ended.

        What an older state broke can then be healed by a server alone, not by a change that happens to fall upon it.
        """
        self._still_until = time.monotonic() + SETTLE_MAX_S + seconds
        poll_until(lambda: not self._changing, SETTLE_MAX_S, every_s=0.01)
        self._still_until = time.monotonic() + seconds

    @property
    def still(self) -> bool:
        return time.monotonic() < self._still_until

    def _stay(self, mitra: Mitra) -> None:
        """Ping. If the answer says that she is offline, go online again, as an app does."""
        answer = mitra.ping()
        if offline(answer):
            self._act("online", mitra.online)

    def start(self, steps: Sequence[Step]) -> None:
        """Begin now; a step of an actor that the schedule does not know raises KeyError at once."""
        begun = time.monotonic()
        plan_by_actor: dict[str, list[tuple[float, Callable[[], object]]]] = {}
        for step in steps:
            act = functools.partial(self._act, step.action, self._actions[step.actor, step.action])
            plan_by_actor.setdefault(step.actor, []).append((step.at_s, act))
        for actor, actions in plan_by_actor.items():
            thread = threading.Thread(target=self._run, args=(begun, actions), name=actor, daemon=True)
            self._threads.append(thread)
        for thread in self._threads:
            thread.start()

    def _act(self, name: str, action: Callable[[], object]) -> None:
        """Carry out a step. Steps that change the state are skipped during `stand_still`."""
        if name in STILL:
            action()
            return
        with self._lock:
            if self.still:
                return
            self._changing += 1
        try:
            action()
        finally:
            with self._lock:
                self._changing -= 1

    def reactivate(self, number: int) -> None:
        """Let the second operator re-activate this mitra now, beside the schedule."""
        action = functools.partial(self._act, "unbar", self._actions["operator 2", f"unbar {number}"])
        thread = threading.Thread(target=self._do, args=(action,), name="re-activation", daemon=True)
        self._threads.append(thread)
        thread.start()

    def ping_in_turn(self, mitras: Iterable[int], rounds: int) -> None:
        """Each of these mitras pings so often, one after the other, with nobody beside."""
        for number in [*mitras] * rounds:
            self._actions[f"mitra {number}", "ping"]()

    def _do(self, action: Callable[[], object]) -> None:
        """Carry out one action, however late it comes."""
        try:
            action()
        except BaseException as error:
            self._errors.append(error)

    def _run(self, begun: float, steps: Sequence[tuple[float, Callable[[], object]]]) -> None:
        try:
            for at_s, action in steps:
                if self._stopping.wait(max(0.0, begun + at_s - time.monotonic())):
                    return
                if time.monotonic() - begun - at_s > LATE_MAX_S:
                    self.left_out += 1
                else:
                    action()
        except BaseException as error:  # a thread's exception would be lost: stop() raises it
            self._errors.append(error)

    def check(self) -> None:
        """Raise what a thread raised: without that actor the workload is not the planned one."""
        if self._errors:
            raise self._errors[0]

    def stop(self) -> None:
        """Begin nothing more and wait for the requests under way."""
        self._stopping.set()
        deadline = time.monotonic() + TIMEOUT_S * 3  # an action has up to three requests
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
