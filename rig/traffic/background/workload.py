"""Traffic drawn from a random seed: mitras ping, toggle and take chats; customers poll, pay and end; an operator reads."""

import functools
import hashlib
import json
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

from rig.traffic.actors.client import TIMEOUT_S
from rig.traffic.actors.customer import Customer
from rig.traffic.actors.exchange import Exchange
from rig.traffic.actors.mitra import Mitra
from rig.traffic.actors.operator import Operator
from rig.waiting import poll_until

MAXIMA = (4, 3)  # the operator's settings of max_customers_per_mitra, in turn
LONG_S, SHORT_S = 600, 3  # a chat that outlives every campaign, and one that ends in it
CREW = 40  # of the fleet, for each thread: it has a few requests a second to send
SETTLE_MAX_S = 2.0  # longer than a change takes on healthy stores
LATE_MAX_S = 1.0  # a step whose actor is still busy for this long is left out


@dataclass(frozen=True)
class Pace:
    """Who is there and how often, on average, each does what, in seconds."""

    mitras: int = 12
    steady: int = 4  # of the mitras: they never go offline, so that somebody is always available
    barred: int = 2  # of the others: they are deactivated and re-activated in turn
    silent: int = 2  # of the rest: they go online and are not heard of again
    customers: int = 9
    ping_every_s: float = 2.0  # so that a sweep that trusts old heartbeats meets some that nothing has renewed
    toggle_every_s: float = 5.0
    offers_every_s: float = 1.0
    beacon_every_s: float = 0.5
    chat_every_s: float = 1.5
    silent_every_s: float = 11.0
    profile_every_s: float = 2.0
    abandon_every_s: float = 2.0
    reroute_every_s: float = 2.0
    config_every_s: float = 3.0
    dashboard_every_s: float = 0.3
    bar_every_s: float = 4.0
    # Further mitras who do nothing but go online and offline, each at even intervals that outlast the 10 s after which
    # a change is looked at.
    fleet: int = 0
    fleet_every_s: float = 11.0

    @property
    def silent_numbers(self) -> range:
        """The mitras just before the barred ones."""
        return range(self.mitras - self.barred - self.silent, self.mitras - self.barred)


@dataclass(frozen=True, order=True)
class Step:
    """At `at_s` since the start of the traffic this actor (`mitra 3`) begins this action."""

    at_s: float
    actor: str
    action: str


def schedule(pace: Pace, random_seed: int, seconds: float) -> list[Step]:
    """All steps in order of time. The same pace, random seed and length give the same steps."""
    steps: list[Step] = []
    for number in range(pace.mitras):
        rng = random.Random(f"{random_seed}/mitra/{number}")
        actor = f"mitra {number}"
        if number in pace.silent_numbers:
            steps += every(rng, actor, "online", pace.silent_every_s, seconds)
            continue
        steps += every(rng, actor, "stay" if number < pace.steady else "ping", pace.ping_every_s, seconds)
        steps += every(rng, actor, "profile", pace.profile_every_s, seconds)
        steps += every(rng, actor, "abandon", pace.abandon_every_s, seconds)
        steps += every(rng, actor, "take", pace.offers_every_s, seconds)
        if number >= pace.steady:
            toggles = every(rng, actor, "offline", pace.toggle_every_s, seconds)
            # Away and back in turn, so that a schedule says what each toggle is meant to do.
            steps += [Step(s.at_s, actor, "online" if turn % 2 else "offline") for turn, s in enumerate(toggles)]
    for number in range(pace.customers):
        rng = random.Random(f"{random_seed}/customer/{number}")
        actor = f"customer {number}"
        steps += every(rng, actor, "beacon", pace.beacon_every_s, seconds)
        chats = every(rng, actor, "buy", pace.chat_every_s, seconds)
        # Every other chat is so short that it ends by its timer. The customers are at different turns: at any time some pay.
        turns = ("buy", "extend", "end", "buy short")
        steps += [Step(s.at_s, actor, turns[(turn + number) % len(turns)]) for turn, s in enumerate(chats)]
    rng = random.Random(f"{random_seed}/operator")
    steps += every(rng, "operator", "dashboard", pace.dashboard_every_s, seconds)
    steps += every(rng, "operator", "reroute", pace.reroute_every_s, seconds)
    changes = every(rng, "operator", "config", pace.config_every_s, seconds)
    steps += [Step(s.at_s, s.actor, f"config {MAXIMA[turn % 2]}") for turn, s in enumerate(changes)]
    # By turns, each when another's time is over: at any time somebody is barred, or a blast could not leave them out.
    bars = even(random.Random(f"{random_seed}/bar"), pace.bar_every_s, seconds)
    for place, number in enumerate(range(pace.mitras - pace.barred, pace.mitras)):
        own = enumerate(bars[place:])
        steps += [Step(at_s, "operator", f"{'unbar' if turn % 2 else 'bar'} {number}") for turn, at_s in own]
    for number in range(pace.fleet):
        rng = random.Random(f"{random_seed}/fleet/{number}")
        steps += [
            Step(at_s, f"crew {number // CREW}", f"{'offline' if turn % 2 else 'online'} {number}")
            for turn, at_s in enumerate(even(rng, pace.fleet_every_s, seconds))
        ]
    return sorted(steps)


def even(rng: random.Random, every_s: float, seconds: float) -> list[float]:
    """Moments `every_s` apart, the first at a random one."""
    first_s = rng.random() * every_s
    return [round(first_s + turn * every_s, 3) for turn in range(int((seconds - first_s) // every_s) + 1)]


def every(rng: random.Random, actor: str, action: str, every_s: float, seconds: float) -> list[Step]:
    """One step a span of `every_s`, at a random moment of it."""
    spans = int(seconds / every_s)
    return [Step(round((span + rng.random()) * every_s, 3), actor, action) for span in range(spans)]


def digest(steps: Sequence[Step]) -> str:
    """A short name for a schedule, by which two runs can be told to have had the same one."""
    return hashlib.sha256(json.dumps([asdict(step) for step in steps]).encode()).hexdigest()[:16]


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
MITRA_ACTIONS = ("ping", "online", "offline", "profile", "abandon")


class Workload:
    """Runs a schedule, a thread an actor; every request goes to the recorder of its client."""

    def __init__(
        self,
        mitras: Sequence[Mitra],
        customers: Sequence[Customer],
        operator: Operator,
        fleet: Sequence[Mitra] = (),
    ) -> None:
        self._actions: dict[tuple[str, str], Callable[[], object]] = {("operator", "dashboard"): operator.dashboard}
        for number, mitra in enumerate(mitras):
            actor = f"mitra {number}"
            self._actions |= {(actor, name): getattr(mitra, name) for name in MITRA_ACTIONS}
            self._actions[actor, "stay"] = functools.partial(self._stay, mitra)
            self._actions[actor, "take"] = functools.partial(take, mitra)
            for word, active in (("bar", False), ("unbar", True)):
                act = functools.partial(operator.set_active, mitra.id or "", active)
                self._actions["operator", f"{word} {number}"] = act
        shoppers = [Shopper(customer) for customer in customers]
        for number, (customer, shopper) in enumerate(zip(customers, shoppers, strict=True)):
            actor = f"customer {number}"
            self._actions |= {(actor, name): getattr(shopper, name) for name in ("buy", "extend", "end")}
            self._actions[actor, "buy short"] = functools.partial(shopper.buy, SHORT_S)
            self._actions[actor, "beacon"] = customer.beacon
        self._actions["operator", "reroute"] = functools.partial(reroute, operator, shoppers, mitras)
        for most in MAXIMA:
            change = functools.partial(operator.set_config, "max_customers_per_mitra", most)
            self._actions["operator", f"config {most}"] = change
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

    def ping_in_turn(self, mitras: Iterable[int], rounds: int) -> None:
        """Each of these mitras pings so often, one after the other, with nobody beside."""
        for number in [*mitras] * rounds:
            self._actions[f"mitra {number}", "ping"]()

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
