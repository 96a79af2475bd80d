"""The schedule of a campaign's traffic, drawn from a random seed: who does what, and when.

Mitras ping, toggle and take chats; customers poll, pay and end; two operators read, reroute, deactivate and change
settings. Some mitras have a role by which a state is met at all times (`rig.checks.chaos.states`).
"""

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass

MAXIMA = (4, 3)  # the operators' settings of max_customers_per_mitra, in turn
CREW = 40  # of the fleet, for each thread: it has a few requests a second to send
BUSY_AWAY_S, BUSY_BACK_S = 0.6, 1.9  # the mitra with a chat who toggles: the second is longer than a look takes
AWAY_EVERY_S = 1.7  # between two changes of her who is deactivated while offline; longer than a look takes
BARRED_AT_S = 0.3  # when the mitra is deactivated whom an outage re-activates


@dataclass(frozen=True)
class Pace:
    """Who is there and how often, on average, each does what, in seconds."""

    mitras: int = 14
    steady: int = 4  # of the mitras: they never go offline, so that somebody is always available
    barred: int = 2  # of the others: they are deactivated and re-activated in turn
    silent: int = 2  # of the rest: they go online and are not heard of again
    roles: bool = True  # whether four of them have the roles below
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
    config_every_s: float = 2.0  # by the two operators in turn, so that both change a setting in any 4 s
    dashboard_every_s: float = 0.3
    bar_every_s: float = 4.0
    # Further mitras who do nothing but go online and offline, each at even intervals that outlast the 10 s after which
    # a change is looked at.
    fleet: int = 0
    fleet_every_s: float = 11.0

    @property
    def full(self) -> int | None:
        """The steady mitra who has as many chats as the highest maximum allows; None without roles."""
        return 0 if self.roles else None

    @property
    def busy(self) -> int | None:
        """The mitra who has a chat, and goes offline and online all the time."""
        return self.steady if self.roles else None

    @property
    def away(self) -> int | None:
        """The mitra who stays offline, and is deactivated and re-activated all the time."""
        return self.mitras - self.barred - 2 if self.roles else None

    @property
    def returning(self) -> int | None:
        """The mitra who is deactivated from the start until the first long outage."""
        return self.mitras - self.barred - 1 if self.roles else None

    @property
    def silent_numbers(self) -> range:
        """The mitras just before those."""
        end = self.mitras - self.barred - 2 * self.roles
        return range(end - self.silent, end)


@dataclass(frozen=True, order=True)
class Step:
    """At `at_s` since the start of the traffic this actor (`mitra 3`) begins this action."""

    at_s: float
    actor: str
    action: str


def schedule(pace: Pace, random_seed: int, seconds: float) -> list[Step]:
    """All steps in order of time. The same pace, random seed and length give the same steps."""
    steps = [step for number in range(pace.mitras) for step in steps_of_mitra(pace, random_seed, number, seconds)]
    for number in range(pace.customers):
        rng = random.Random(f"{random_seed}/customer/{number}")
        actor = f"customer {number}"
        steps += every(rng, actor, "beacon", pace.beacon_every_s, seconds)
        chats = every(rng, actor, "buy", pace.chat_every_s, seconds)
        # Every other chat is so short that it ends by its timer. The customers are at different turns: at any time some pay.
        turns = ("buy", "extend", "end", "buy short")
        steps += [Step(s.at_s, actor, turns[(turn + number) % len(turns)]) for turn, s in enumerate(chats)]
    steps += steps_of_operators(pace, random_seed, seconds)
    for number in range(pace.fleet):
        rng = random.Random(f"{random_seed}/fleet/{number}")
        steps += [
            Step(at_s, f"crew {number // CREW}", f"{'offline' if turn % 2 else 'online'} {number}")
            for turn, at_s in enumerate(even(rng, pace.fleet_every_s, seconds))
        ]
    return sorted(steps)


def steps_of_mitra(pace: Pace, random_seed: int, number: int, seconds: float) -> list[Step]:
    """What one mitra does, by her role."""
    rng = random.Random(f"{random_seed}/mitra/{number}")
    actor = f"mitra {number}"
    if number in pace.silent_numbers:
        return every(rng, actor, "online", pace.silent_every_s, seconds)
    steps = every(rng, actor, "stay" if number < pace.steady else "ping", pace.ping_every_s, seconds)
    steps += every(rng, actor, "profile", pace.profile_every_s, seconds)
    if number == pace.away:
        return steps
    steps += every(rng, actor, "abandon", pace.abandon_every_s, seconds)
    if number == pace.returning:  # refused while she is deactivated
        return steps + every(rng, actor, "online", pace.toggle_every_s, seconds)
    steps += every(rng, actor, "take", pace.offers_every_s, seconds)
    if number == pace.busy:
        leaves = even(rng, BUSY_AWAY_S + BUSY_BACK_S, seconds)
        steps += [Step(at_s, actor, "offline") for at_s in leaves]
        steps += [
            Step(round(at_s + BUSY_AWAY_S, 3), actor, "online") for at_s in leaves if at_s + BUSY_AWAY_S < seconds
        ]
    elif number >= pace.steady:
        toggles = every(rng, actor, "offline", pace.toggle_every_s, seconds)
        # Away and back in turn, so that a schedule says what each toggle is meant to do.
        steps += [Step(s.at_s, actor, "online" if turn % 2 else "offline") for turn, s in enumerate(toggles)]
    return steps


def steps_of_operators(pace: Pace, random_seed: int, seconds: float) -> list[Step]:
    """The first operator reads and reroutes, the second deactivates; both change settings, in turn."""
    rng = random.Random(f"{random_seed}/operator")
    steps = every(rng, "operator", "dashboard", pace.dashboard_every_s, seconds)
    steps += every(rng, "operator", "reroute", pace.reroute_every_s, seconds)
    for turn, at_s in enumerate(even(rng, pace.config_every_s, seconds)):
        steps.append(Step(at_s, ("operator", "operator 2")[turn % 2], f"config {MAXIMA[turn % 2]}"))
    # By turns, each when another's time is over: at any time somebody is barred, or a blast could not leave them out.
    bars = even(random.Random(f"{random_seed}/bar"), pace.bar_every_s, seconds)
    turns = {number: bars[place:] for place, number in enumerate(range(pace.mitras - pace.barred, pace.mitras))}
    if pace.away is not None:
        turns[pace.away] = even(random.Random(f"{random_seed}/away"), AWAY_EVERY_S, seconds)
    if pace.returning is not None:
        turns[pace.returning] = [BARRED_AT_S]
    for number, moments in turns.items():
        steps += [
            Step(at_s, "operator 2", f"{'unbar' if turn % 2 else 'bar'} {number}") for turn, at_s in enumerate(moments)
        ]
    return steps


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
