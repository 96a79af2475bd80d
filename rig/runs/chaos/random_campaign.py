"""A campaign drawn from a random seed: which faults, when, at whom. The same seed and length draw the same one."""

import random
from collections.abc import Sequence
from dataclasses import replace

from rig.checks.chaos.states import BACK_IN_OUTAGE, STATES
from rig.faults import Fault
from rig.faults.catalogue import faults
from rig.faults.requirements import Requirement, libfaketime, no_resolver
from rig.runs.chaos.campaign import CADENCES, INVARIANTS, SETTINGS, WITHOUT_SEED, Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault
from rig.runs.chaos.steering import LEADS
from rig.runs.common.replay import number
from rig.traffic.background.steps import Pace

INSTANCES = ("a", "b")
SHORT_S, LONG_S = 0.5, 8.0  # a fault in force
PAUSE_S = 9.0  # above the 5 s of a recovery, so that quiet is judged in between
BESIDE = 0.3  # how often one begins while another is in force
BY_HAND = 0.25  # share of campaigns in which data are changed by hand and the periodic seed heals them
RARELY = 0.35  # of the draws: those in which one takes part that costs a check of the whole run, or that not all machines can do
RARE_SHARE = 5  # then one strike in about so many is of it

# Faults as they fall may leave no outage that is long enough for readers to be compared in.
DRAWN = {**INVARIANTS, "INV-17": {**INVARIANTS["INV-17"], "reads_min": 0}}
# Another fault that falls upon an outage may keep the operator from a re-activation.
MUST_MEET = tuple(state for state in STATES if state != BACK_IN_OUTAGE)
SEEDED_SHARE = 0.5  # of the campaigns: those with the periodic seed
# With a fleet: its mitras do not ping, and are heard of at each change of theirs; and each chat is offered to them all.
FLEET_SETTINGS = {"stale_after_seconds": 14}
FLEET_PACE = Pace(chat_every_s=6.0, silent_every_s=30.0)
FLEET_BASELINE_S = 15.0  # beside its crowd few pings have their mitra for themselves


def generate_campaign(random_seed: int, minutes: float, fleet: int = 0, towards: Sequence[str] = ()) -> Campaign:
    """About `minutes` of faults over two instances; `fleet` further mitras change their state all the time.

    The same faults are drawn for any fleet. `towards`: about every other fault is one of those that lead to these steps of
    the protocol.
    """
    rng = random.Random(f"{random_seed}/campaign")
    by_hand = rng.random() < BY_HAND
    known = [fault for fault in faults().values() if not rare(fault) and (by_hand or fault.reconcile_s is None)]
    known += rare_one(random_seed, len(known) // (RARE_SHARE - 1))
    known += leading(towards, len(known))
    strikes: list[PlannedFault] = []
    busy = dict.fromkeys({fault.layer for fault in known}, 0.0)  # until when a fault of that layer is in force
    at, last = 1.0, minutes * 60
    while True:
        fault = rng.choice(known)
        for_s = round(rng.uniform(SHORT_S, LONG_S), 1)
        beside = strikes and rng.random() < BESIDE
        begin = max(
            max(busy[layer] for layer in fault.layers()) + 1,
            at if beside else max(busy.values()) + rng.choice((1, 3, PAUSE_S)),
        )
        lasts_s = for_s if fault.lasts_s is None else fault.lasts_s
        if begin + lasts_s + PAUSE_S > last:
            break
        strikes.append(PlannedFault(round(begin, 1), fault.name, for_s, aimed(fault, rng)))
        busy |= dict.fromkeys(fault.layers(), begin + lasts_s)
        at = begin + rng.uniform(0, lasts_s)
    return Campaign(
        name="random",
        shows=f"{len(strikes)} faults drawn from the random seed {random_seed}: no promise is broken",
        strikes=tuple(strikes),
        instances=INSTANCES,
        cadences=CADENCES if random.Random(f"{random_seed}/seed").random() < SEEDED_SHARE else WITHOUT_SEED,
        must_meet=MUST_MEET,
        settings=FLEET_SETTINGS if fleet else SETTINGS,
        phases=Phases(baseline_s=FLEET_BASELINE_S, fault_s=last) if fleet else Phases(fault_s=last),
        checks=DRAWN,
        pace=replace(FLEET_PACE, fleet=fleet) if fleet else Pace(),
        replay=(
            "random",
            "--minutes",
            number(minutes),
            *(("--fleet", str(fleet)) if fleet else ()),
            *(word for step in towards for word in ("--towards", step)),
        ),
    )


def leading(towards: Sequence[str], weight: int) -> list[type[Fault]]:
    """The faults that lead to these steps, each so often that all together have about this weight."""
    names = dict.fromkeys(name for step in towards for name in LEADS[step])
    return [faults()[name] for name in names for _ in range(max(1, weight // len(names)))]


def rare(fault: type[Fault]) -> bool:
    """Whether it excuses a check of the whole run, or needs what not every machine has."""
    return bool(
        fault.exempt_checks
        or {Requirement.LIBFAKETIME, Requirement.OWN_CLOCKS, Requirement.OWN_RESOLVER} & set(fault.requirements)
    )


def rare_one(random_seed: int, weight: int) -> list[type[Fault]]:
    """One of the rare faults, `weight` times, or none. Two rare ones would exempt too many checks."""
    rng = random.Random(f"{random_seed}/rare")
    found = [fault for fault in faults().values() if rare(fault)]
    return [rng.choice(found)] * weight if rng.random() < RARELY else []


def possible_here(campaign: Campaign) -> tuple[Campaign, list[str]]:
    """The campaign without what this machine lacks, and what was left out for it, with the reason."""
    lacking: dict[str, str] = {}
    if libfaketime() is None:
        lacking |= dict.fromkeys(
            (Requirement.LIBFAKETIME, Requirement.OWN_CLOCKS), "it takes libfaketime (Debian: apt install libfaketime)"
        )
    if (why := no_resolver()) is not None:
        lacking[Requirement.OWN_RESOLVER] = why
    left_out = {
        strike.fault: lacking[need]
        for strike in campaign.strikes
        for need in strike.made().requirements
        if need in lacking
    }
    kept = tuple(strike for strike in campaign.strikes if strike.fault not in left_out)
    reasons = [f"left out on this machine: {fault}: {why}" for fault, why in sorted(left_out.items())]
    return replace(campaign, strikes=kept), reasons


def aimed(fault: type[Fault], rng: random.Random) -> tuple[str, ...]:
    """The instances that a drawn fault is for: any of them or all, if it acts on one instance's connection."""
    if fault.layer != "way" or fault.aims:
        return ()
    return tuple(sorted(rng.sample(INSTANCES, rng.randint(1, len(INSTANCES)))))
