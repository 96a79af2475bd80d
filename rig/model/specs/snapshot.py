"""The beacon's cached answer: who computes it, and how a changed setting deletes it on every instance.

Settings are 0 or 1. A change is told twice: Postgres notifies it (then its reading is owed), the writer publishes it.
"""

from collections.abc import Iterator
from enum import IntEnum
from operator import or_
from typing import Any, NamedTuple

from rig.model.language import Action, Kind, Lane, Rules, Spec, Step, action, invariant, mutant, put

_SET = "server/mirror/settings.py:AppConfig.set"
_TELL = "server/mirror/settings.py:AppConfig.tell"
_CHANGED = "server/mirror/settings.py:AppConfig.changed"
_SETTLE = "server/mirror/settings.py:AppConfig.settle"
_RELOAD = "server/mirror/settings.py:AppConfig.reload"
_RECOMPUTE = "server/mirror/reads.py:Reads._recompute"
_BEACON = "server/mirror/reads.py:Reads.beacon"
_LISTEN = "server/mirror/coordinator.py:InstanceCoordinator.listen"
_TO_VALKEY = (Lane.INSTANCE, Lane.VALKEY)
_TO_POSTGRES = (Lane.INSTANCE, Lane.POSTGRES)
_FROM_POSTGRES = (Lane.POSTGRES, Lane.INSTANCE)

NOBODY, GONE = -1, 99  # who holds the lease: nobody, or somebody who will not come back for it
NOTHING, FOREIGN = -1, 2  # no answer in Valkey; one that was computed from a mirror that is not ours

NOTIFIED = "a change of a setting is notified within its transaction"
OWED = "a reading of the settings that failed is owed"
ON_THE_WAY = "a reading for another purpose pays no debt"
EVEN_IF_SAME = "the answer is deleted after a reading that is owed, even where it changed nothing"
PAID = "a debt is cleared before its reading, not after it"
RESUBSCRIBED = "who subscribes reads the settings"
LISTENED = "who listens anew owes a reading"
IN_TURN = "one reading of the settings at a time"
AFTER = "the answer is deleted after the settings are taken"
MOVED = "who computed with settings that changed since deletes the answer"
OWN_LEASE = "a fill demands that the lease is its own"
LEASE_TOO = "a deletion takes away the lease as well"
ONE_LEASE = "the lease goes to one"
RESPECTED = "a script computes nothing while somebody holds the lease"
KEPT = "an answer that is there is kept"
EPOCH = "a script demands a valid epoch"
SWAPPED = "the swap of a seed deletes the answer"
AGAIN = "a deletion that failed is owed"
TTL = "the answer has a TTL"
LEASE_LIFE = "the lease has a life"


class At(IntEnum):
    """Where a recompute stands."""

    IDLE = 0
    BEGUN = 1  # it has noted the settings
    LEASED = 2  # it reads page by page
    ANSWERED = 3  # a script has answered
    MOVED = 4  # it has seen that the settings changed meanwhile
    __hash__ = int.__hash__  # an enum's own is slow


class Flight(NamedTuple):
    """A recompute: the setting that it computes with, and whether the setting changed here since."""

    at: At = At.IDLE
    setting: int = 0
    overtaken: bool = False


class Now(IntEnum):
    """Where a reading of the settings, or a change of one, stands."""

    IDLE = 0
    READ = 1  # read or committed, not yet in force here
    TAKEN = 2  # in force here; the answer is not yet deleted
    __hash__ = int.__hash__


class Reading(NamedTuple):
    """A reading or a change of the setting, with its value."""

    now: Now = Now.IDLE
    setting: int = 0


class Late(NamedTuple):
    """A script whose client has given up, and which may still run."""

    fills: bool  # else it computes by itself
    setting: int
    own: bool = False  # the lease is still that of this fill


class State(NamedTuple):
    """Postgres' setting, Valkey's answer and lease, and per instance what it knows and does."""

    setting: int
    answer: int  # the setting that it was computed with
    late: bool  # ghost: the answer was written by a script that was given up
    lease: int
    epoch: bool
    recomputes: int  # ghost: begun since the last deletion or expiry
    scripts: frozenset[Late]
    up: tuple[bool, ...]
    known: tuple[int, ...]  # the setting that is in force here
    subscribed: tuple[bool, ...]
    listening: tuple[bool, ...]
    postgres: tuple[bool, ...]  # the instance's statements are answered
    published: tuple[bool, ...]  # a message of Valkey's waits to be heard
    owes: tuple[bool, ...]  # a reading
    owes_deletion: tuple[bool, ...]
    change: tuple[Reading, ...]
    hearing: tuple[Reading, ...]  # the subscriber's, or the watchdog's of what is owed
    looking: tuple[Reading, ...]  # anybody else's: an operator's question, a sweep, a fallback
    flight: tuple[Flight, ...]
    toggles: int
    polls: int
    looks: int
    faults: int


def initial(rules: Rules) -> State:
    bounds = rules.bounds
    count = bounds["instances"]
    yes, no, idle = (True,) * count, (False,) * count, (Reading(),) * count
    return State(
        setting=0,
        answer=NOTHING,
        late=False,
        lease=NOBODY,
        epoch=True,
        recomputes=0,
        scripts=frozenset(),
        up=yes,
        known=(0,) * count,
        subscribed=yes,
        listening=yes,
        postgres=yes,
        published=no,
        owes=no,
        owes_deletion=no,
        change=idle,
        hearing=idle,
        looking=idle,
        flight=(Flight(),) * count,
        toggles=bounds["toggles"],
        polls=bounds["polls"],
        looks=bounds["looks"],
        faults=bounds["faults"],
    )


def on(state: State, instance: int, **changes: Any) -> State:
    """The state with other values in the place of an instance."""
    return state._replace(**{name: put(getattr(state, name), instance, value) for name, value in changes.items()})


def takes(state: State, instance: int, setting: int, **changes: Any) -> State:
    """The setting comes into force; a recompute under way notices at its end that it changed."""
    flight = state.flight[instance]
    if state.known[instance] != setting and flight.at != At.IDLE:
        flight = flight._replace(overtaken=True)
    return on(state, instance, known=setting, flight=flight, **changes)


def any_of(one: tuple[bool, ...], other: tuple[bool, ...]) -> tuple[bool, ...]:
    return tuple(map(or_, one, other))


def without_lease(state: State) -> State:
    return state._replace(lease=NOBODY, scripts=frozenset(one._replace(own=False) for one in state.scripts))


def deleted(rules: Rules, state: State) -> State:
    state = state._replace(answer=NOTHING, late=False, recomputes=0)
    return without_lease(state) if rules.keeps(LEASE_TOO) else state


def free(rules: Rules, state: State, instance: int) -> bool:
    """Whether a reading of the settings may begin."""
    readings = (state.hearing[instance], state.looking[instance])
    return rules.holds(IN_TURN, all(one.now != Now.READ for one in readings))


# --- a change of a setting ---------------------------------------------------------------------------------------


def committed(rules: Rules, state: State) -> State:
    state = state._replace(setting=1 - state.setting, toggles=state.toggles - 1)
    if rules.keeps(NOTIFIED):
        state = state._replace(owes=any_of(state.owes, state.listening))
    return state


@action("instance", kind=Kind.CLIENT, code=_SET, lanes=_TO_POSTGRES)
def change_commits(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """A change of the setting is committed, with its notification."""
    if (
        not state.up[instance]
        or not state.postgres[instance]
        or not state.toggles
        or state.change[instance].now != Now.IDLE
    ):
        return
    yield on(committed(rules, state), instance, change=Reading(Now.READ, 1 - state.setting))


@action("instance", kind=Kind.FAULT, code=_SET, lanes=_TO_POSTGRES)
def change_of_unknown_outcome_commits(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """A change of the setting is committed, but its writer gets no answer."""
    if (
        not state.faults
        or not state.up[instance]
        or not state.postgres[instance]
        or not state.toggles
        or state.change[instance].now != Now.IDLE
    ):
        return
    yield committed(rules, state)._replace(faults=state.faults - 1)


@action("instance", code="server/mirror/settings.py:AppConfig._take")
def writer_takes_the_change(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The writer puts its own change in force."""
    change = state.change[instance]
    if change.now == Now.READ:
        yield takes(state, instance, change.setting, change=Reading(Now.TAKEN))


@action("instance", code=_TELL, lanes=_TO_VALKEY)
def writer_publishes(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The writer deletes answer and lease, and publishes the change."""
    if state.change[instance].now != Now.TAKEN or not state.epoch:
        return
    state = state._replace(published=any_of(state.published, state.subscribed))
    yield on(deleted(rules, state), instance, change=Reading())


@action("instance", kind=Kind.FAULT, code=_TELL, lanes=_TO_VALKEY)
def publishing_fails(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """Valkey takes neither the deletion nor the message of the writer."""
    if not state.faults or state.change[instance].now != Now.TAKEN:
        return
    state = state._replace(faults=state.faults - 1)
    yield state if rules.keeps(AGAIN) else on(state, instance, change=Reading())


# --- the others learn of it --------------------------------------------------------------------------------------


def reads(rules: Rules, state: State, instance: int) -> State:
    if not rules.keeps(AFTER):
        state = deleted(rules, state)
    return on(state, instance, hearing=Reading(Now.READ, state.setting))


@action("instance", code=_CHANGED, lanes=_TO_POSTGRES)
def message_is_heard(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """Whoever hears the message reads the settings."""
    if not state.up[instance] or not state.published[instance] or state.hearing[instance].now != Now.IDLE:
        return
    heard = on(state, instance, published=False)
    if not state.postgres[instance]:
        yield on(heard, instance, hearing=Reading(Now.TAKEN), owes=state.owes[instance] or rules.keeps(OWED))
    elif free(rules, state, instance):
        yield reads(rules, heard, instance)


@action("instance", code=_SETTLE, lanes=_TO_POSTGRES)
def owed_reading_begins(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The watchdog reads the settings whose reading is owed."""
    if not state.up[instance] or not state.owes[instance] or state.hearing[instance].now != Now.IDLE:
        return
    if not state.postgres[instance]:
        if not rules.keeps(OWED):
            yield on(state, instance, owes=False)
    elif free(rules, state, instance):
        yield reads(rules, on(state, instance, owes=not rules.keeps(PAID)), instance)


@action("instance", code=_RELOAD)
def reading_is_taken(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """What was read comes into force."""
    if state.hearing[instance].now == Now.READ:
        same = state.known[instance] == state.hearing[instance].setting
        after = Reading(Now.TAKEN)
        if not rules.keeps(AFTER) or (same and not rules.keeps(EVEN_IF_SAME)):
            after = Reading()
        owes = state.owes[instance] and rules.keeps(PAID)
        yield takes(state, instance, state.hearing[instance].setting, hearing=after, owes=owes)


@action("instance", code=_CHANGED, lanes=_TO_VALKEY)
def answer_is_deleted(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The settings are in force: answer and lease are deleted."""
    if state.hearing[instance].now == Now.TAKEN:
        yield on(deleted(rules, state), instance, hearing=Reading())


@action("instance", kind=Kind.FAULT, code=_CHANGED, lanes=_TO_VALKEY)
def deletion_fails(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """Valkey does not take the deletion."""
    if state.faults and state.hearing[instance].now == Now.TAKEN:
        state = state._replace(faults=state.faults - 1)
        yield on(state, instance, hearing=Reading(), owes_deletion=rules.keeps(AGAIN))


@action("instance", code=_SETTLE, lanes=_TO_VALKEY)
def owed_deletion_comes(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The watchdog makes good a deletion that failed."""
    if state.owes_deletion[instance]:
        yield on(deleted(rules, state), instance, owes_deletion=False)


@action("instance", kind=Kind.CLIENT, code="server/mirror/settings.py:AppConfig.all", lanes=_TO_POSTGRES)
def somebody_reads(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """A sweep, a fallback or an operator's question reads the settings."""
    if (
        not state.up[instance]
        or not state.postgres[instance]
        or not state.looks
        or state.looking[instance].now != Now.IDLE
    ):
        return
    if free(rules, state, instance):
        yield on(state, instance, looking=Reading(Now.READ, state.setting))._replace(looks=state.looks - 1)


@action("instance", code=_RELOAD)
def somebody_takes(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """What was read on the way comes into force; the answer is left to those who hear of the change."""
    reading = state.looking[instance]
    if reading.now == Now.READ:
        owes = state.owes[instance] and rules.keeps(ON_THE_WAY)
        yield takes(state, instance, reading.setting, looking=Reading(), owes=owes)


# --- the recompute -----------------------------------------------------------------------------------------------


def runs(rules: Rules, state: State, setting: int, given_up: bool) -> State:
    """The script that computes the answer, where it finds none."""
    there = state.answer != NOTHING
    if not rules.holds(KEPT, not there):
        return state
    if not rules.holds(RESPECTED, state.lease == NOBODY):
        return state
    state = state._replace(answer=setting if state.epoch else FOREIGN, late=given_up)
    return state._replace(recomputes=state.recomputes + 1)


def fills(state: State, setting: int) -> State:
    return without_lease(state._replace(answer=setting if state.epoch else FOREIGN, late=False))


@action("instance", kind=Kind.CLIENT, code=_RECOMPUTE, lanes=(Lane.CUSTOMER, Lane.INSTANCE))
def recompute_begins(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """A poll finds no answer; its instance notes the settings in force."""
    if state.up[instance] and state.polls and state.answer == NOTHING and state.flight[instance].at == At.IDLE:
        yield on(state, instance, flight=Flight(At.BEGUN, state.known[instance]))._replace(polls=state.polls - 1)


@action("instance", code=_RECOMPUTE, lanes=_TO_VALKEY)
def one_script_computes(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """One script computes the answer of a small fleet, or finds it there."""
    flight = state.flight[instance]
    if flight.at != At.BEGUN or not rules.holds(EPOCH, state.epoch):
        return
    reached = runs(rules, state, flight.setting, given_up=False)
    if reached.answer != NOTHING:  # else it was told to wait
        yield on(reached, instance, flight=Flight(At.ANSWERED, overtaken=flight.overtaken))


@action("instance", code=_RECOMPUTE, lanes=_TO_VALKEY)
def lease_is_taken(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """One script gives the lease for a large fleet, unless somebody has it."""
    flight = state.flight[instance]
    if flight.at != At.BEGUN or state.answer != NOTHING or not rules.holds(EPOCH, state.epoch):
        return
    if rules.holds(ONE_LEASE, state.lease == NOBODY):
        state = without_lease(state)._replace(lease=instance, recomputes=state.recomputes + 1)
        # The pages are read with the setting in force from now on.
        yield on(state, instance, flight=Flight(At.LEASED, state.known[instance], flight.overtaken))


@action("instance", code=_RECOMPUTE, lanes=_TO_VALKEY)
def lease_holder_fills(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The pages are read; one script writes the answer, if the lease is still this instance's own."""
    flight = state.flight[instance]
    if flight.at != At.LEASED or not rules.holds(EPOCH, state.epoch):
        return
    if rules.holds(OWN_LEASE, state.lease == instance):
        state = fills(state, flight.setting)
    yield on(state, instance, flight=Flight(At.ANSWERED, overtaken=flight.overtaken))


@action("instance", code=_RECOMPUTE)
def recompute_compares(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The instance compares the settings with those that it noted."""
    flight = state.flight[instance]
    if flight.at == At.ANSWERED:
        moved = flight.overtaken and rules.keeps(MOVED)
        yield on(state, instance, flight=Flight(At.MOVED) if moved else Flight())


@action("instance", code=_RECOMPUTE, lanes=_TO_VALKEY)
def recompute_deletes(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """Settings changed meanwhile: what was written is deleted."""
    if state.flight[instance].at == At.MOVED:
        yield on(deleted(rules, state), instance, flight=Flight())


@action("instance", kind=Kind.FAULT, code=_RECOMPUTE, lanes=_TO_VALKEY)
def deletion_of_the_recompute_fails(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """Valkey does not take the deletion of a recompute."""
    if state.faults and state.flight[instance].at == At.MOVED:
        state = state._replace(faults=state.faults - 1)
        yield on(state, instance, flight=Flight(), owes_deletion=rules.keeps(AGAIN))


@action("instance", code=_BEACON, lanes=_TO_VALKEY)
def recompute_is_refused(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The epoch is not valid: the recompute is given up, Postgres answers."""
    if not state.epoch and state.flight[instance].at in (At.BEGUN, At.LEASED):
        yield on(state, instance, flight=Flight())


@action("instance", kind=Kind.FAULT, code=_BEACON, lanes=_TO_VALKEY)
def script_is_not_answered(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The script of a recompute gets no answer in time and may run later."""
    flight = state.flight[instance]
    if not state.faults or flight.at not in (At.BEGUN, At.LEASED):
        return
    leased = flight.at == At.LEASED
    own = leased and state.lease == instance
    late = Late(fills=leased, setting=flight.setting, own=own)
    state = state._replace(faults=state.faults - 1, scripts=state.scripts | {late}, lease=GONE if own else state.lease)
    yield on(state, instance, flight=Flight())


@action(code=_RECOMPUTE, lanes=(Lane.VALKEY,))
def late_script_runs(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    """A script runs whose client has given up."""
    for late in state.scripts:
        reached = state._replace(scripts=state.scripts - {late})
        if not rules.holds(EPOCH, state.epoch):
            pass
        elif not late.fills:
            reached = runs(rules, reached, late.setting, given_up=True)
        elif rules.holds(OWN_LEASE, late.own):
            reached = fills(reached, late.setting)
        yield f"{'fill' if late.fills else 'one script'} with setting {late.setting}", reached


@action(lanes=(Lane.VALKEY,))
def late_script_never_runs(rules: Rules, state: State) -> Iterator[State]:
    """A script whose client has given up is lost with its connection."""
    for late in state.scripts:
        yield state._replace(scripts=state.scripts - {late})


# --- time --------------------------------------------------------------------------------------------------------


@action(kind=Kind.TIME, lanes=(Lane.VALKEY,))
def answer_expires(rules: Rules, state: State) -> Iterator[State]:
    """The answer's TTL is over."""
    if state.answer != NOTHING and rules.keeps(TTL):
        yield state._replace(answer=NOTHING, late=False, recomputes=0)


@action(kind=Kind.TIME, lanes=(Lane.VALKEY,))
def lease_expires(rules: Rules, state: State) -> Iterator[State]:
    """The life of a lease is over whose holder does not come back."""
    if state.lease != NOBODY and rules.keeps(LEASE_LIFE):
        holder = state.lease
        if holder == GONE or state.flight[holder].at != At.LEASED:
            yield without_lease(state)._replace(recomputes=0)


@action(kind=Kind.FAULT, lanes=_TO_VALKEY)
def lease_is_outlived(rules: Rules, state: State) -> Iterator[State]:
    """Its holder is so slow that the lease expires under it."""
    if state.faults and state.lease not in (NOBODY, GONE) and rules.keeps(LEASE_LIFE):
        yield without_lease(state)._replace(recomputes=0, faults=state.faults - 1)


# --- faults and their end ----------------------------------------------------------------------------------------


@action(
    "instance", kind=Kind.FAULT, code="server/mirror/settings.py:Subscriber._run", lanes=(Lane.VALKEY, Lane.INSTANCE)
)
def subscription_is_lost(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The subscription is lost, with what it had not delivered."""
    if state.faults and state.up[instance] and state.subscribed[instance]:
        yield on(state, instance, subscribed=False, published=False)._replace(faults=state.faults - 1)


@action("instance", kind=Kind.HEAL, code="server/mirror/settings.py:Subscriber._hear", lanes=_TO_VALKEY)
def instance_subscribes(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The instance subscribes, and takes the settings as changed."""
    if state.up[instance] and not state.subscribed[instance]:
        yield on(state, instance, subscribed=True, published=rules.keeps(RESUBSCRIBED))


@action("instance", kind=Kind.FAULT, code=_LISTEN, lanes=_FROM_POSTGRES)
def notifications_are_lost(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The connection for notifications is lost."""
    if state.faults and state.up[instance] and state.listening[instance]:
        yield on(state, instance, listening=False)._replace(faults=state.faults - 1)


@action("instance", kind=Kind.HEAL, code=_LISTEN, lanes=_TO_POSTGRES)
def instance_listens(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The instance listens on a new connection, and owes a reading."""
    if state.up[instance] and not state.listening[instance]:
        yield on(state, instance, listening=True, owes=state.owes[instance] or rules.keeps(LISTENED))


@action("instance", kind=Kind.FAULT, lanes=_TO_POSTGRES)
def postgres_fails(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """Postgres answers no statement of this instance any more."""
    if state.faults and state.up[instance] and state.postgres[instance]:
        yield on(state, instance, postgres=False)._replace(faults=state.faults - 1)


@action("instance", kind=Kind.HEAL, lanes=_FROM_POSTGRES)
def postgres_answers(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """Postgres answers this instance again."""
    if state.up[instance] and not state.postgres[instance]:
        yield on(state, instance, postgres=True)


@action("instance", kind=Kind.FAULT)
def process_is_killed(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The process is killed, wherever it stands."""
    if state.faults and state.up[instance]:
        lease = GONE if state.lease == instance else state.lease
        state = state._replace(lease=lease, faults=state.faults - 1)
        yes = dict.fromkeys(("postgres",), True)
        no = dict.fromkeys(("up", "subscribed", "listening", "published", "owes", "owes_deletion"), False)
        idle = dict.fromkeys(("change", "hearing", "looking"), Reading())
        yield on(state, instance, known=0, flight=Flight(), **yes, **no, **idle)


@action("instance", kind=Kind.HEAL, code="server/mirror/__init__.py:Mirror.start", lanes=_TO_POSTGRES)
def process_starts(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The process starts: it reads the settings, then it subscribes and listens."""
    if not state.up[instance]:
        yield on(state, instance, up=True, known=state.setting)


@action(kind=Kind.FAULT, lanes=(Lane.VALKEY,))
def valkey_is_flushed(rules: Rules, state: State) -> Iterator[State]:
    """Valkey is emptied; no connection is lost."""
    if state.faults:
        state = without_lease(state)._replace(answer=NOTHING, late=False, recomputes=0)
        yield state._replace(epoch=False, faults=state.faults - 1)


@action(kind=Kind.FAULT, lanes=(Lane.VALKEY,))
def valkey_restarts(rules: Rules, state: State) -> Iterator[tuple[str, State]]:
    """Valkey is restarted, empty or with an old answer; every subscription is lost."""
    if not state.faults:
        return
    state = without_lease(state)._replace(late=False, recomputes=0, epoch=False, faults=state.faults - 1)
    away = (False,) * len(state.up)
    for answer in (NOTHING, 0, 1):
        detail = "empty" if answer == NOTHING else f"answer with setting {answer}"
        yield detail, state._replace(subscribed=away, published=away, answer=answer)


@action("instance", kind=Kind.HEAL, code="server/mirror/seed.py:Seeder.seed", lanes=_TO_VALKEY)
def seed_swaps(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """A seed ends the outage: its swap deletes answer and lease, and writes the epoch."""
    if state.epoch or not state.up[instance]:
        return
    if rules.keeps(SWAPPED):
        state = state._replace(answer=NOTHING, late=False, recomputes=0)
    yield without_lease(state)._replace(epoch=True)


# --- what must hold ----------------------------------------------------------------------------------------------


def settled(state: State) -> bool:
    """Nothing is under way, but that an answer may stand which a late script wrote."""
    if not (state.epoch and state.lease == NOBODY and not state.scripts and all(state.up) and all(state.postgres)):
        return False
    if not (all(state.subscribed) and all(state.listening)):
        return False
    if any(state.published) or any(state.owes) or any(state.owes_deletion):
        return False
    if any(flight.at != At.IDLE for flight in state.flight):
        return False
    return all(one.now == Now.IDLE for kind in (state.change, state.hearing, state.looking) for one in kind)


def quiet(rules: Rules, state: State) -> bool:
    """Also, no answer of a late script stands: it may be of an old setting until its TTL is over."""
    return settled(state) and not state.late


@invariant("INV-16", "Every instance knows the setting in force")
def setting_is_known(rules: Rules, before: State, step: Step, after: State) -> str:
    if settled(after):
        for number, known in enumerate(after.known):
            if known != after.setting:
                return f"nothing is under way, instance {number} has setting {known}, {after.setting} is in force"
    return ""


@invariant("INV-16", "No answer of an old setting stands")
def answer_is_current(rules: Rules, before: State, step: Step, after: State) -> str:
    if quiet(rules, after) and after.answer not in (NOTHING, after.setting):
        return f"nothing is under way, the answer was computed with setting {after.answer}, {after.setting} is in force"
    return ""


@invariant("INV-15", "No answer comes from a mirror that is not ours")
def answer_is_ours(rules: Rules, before: State, step: Step, after: State) -> str:
    return "an answer was computed while the epoch was not valid" if after.answer == FOREIGN else ""


@invariant("INV-16", "At most one recompute between deletions")
def one_recompute(rules: Rules, before: State, step: Step, after: State) -> str:
    if after.recomputes > max(1, before.recomputes):
        return "two recomputes were begun, and the answer was neither deleted nor expired in between"
    return ""


PER_INSTANCE = (
    "up", "known", "subscribed", "listening", "postgres", "published", "owes", "owes_deletion",
    "change", "hearing", "looking", "flight",
)  # fmt: skip


def relabel(state: State, instances: tuple[int, ...], mitras: tuple[int, ...]) -> State:
    lease = state.lease if state.lease in (NOBODY, GONE) else instances.index(state.lease)
    moved = {name: tuple(getattr(state, name)[old] for old in instances) for name in PER_INSTANCE}
    return state._replace(lease=lease, **moved)


ONE = {"instances": 1, "toggles": 1, "polls": 1, "looks": 0, "faults": 1}
TWO = {"instances": 2, "toggles": 1, "polls": 0, "looks": 0, "faults": 1}

SPEC = Spec(
    name="snapshot",
    title="Snapshot, lease and invalidation",
    initial=initial,
    actions=tuple(value for value in list(globals().values()) if isinstance(value, Action)),
    invariants=(setting_is_known, answer_is_current, answer_is_ours, one_recompute),
    quiet=quiet,
    bounds=(
        {"instances": 2, "toggles": 1, "polls": 1, "looks": 0, "faults": 1},
        {"instances": 2, "toggles": 2, "polls": 0, "looks": 0, "faults": 1},
        {"instances": 2, "toggles": 1, "polls": 0, "looks": 1, "faults": 1},
        {"instances": 2, "toggles": 1, "polls": 0, "looks": 0, "faults": 2},
        {"instances": 2, "toggles": 1, "polls": 2, "looks": 0, "faults": 0},
        {"instances": 1, "toggles": 1, "polls": 2, "looks": 1, "faults": 1},
    ),
    small={"instances": 1, "toggles": 1, "polls": 1, "looks": 1, "faults": 1},
    deep=(
        {"instances": 2, "toggles": 1, "polls": 2, "looks": 0, "faults": 1},
        {"instances": 2, "toggles": 1, "polls": 1, "looks": 1, "faults": 1},
    ),
    relabel=relabel,
    mutants=(
        mutant("a setting whose reading failed is not read again", OWED, breaks="INV-16", finding="P-16", **TWO),
        mutant("a change is told by its writer alone", NOTIFIED, breaks="INV-16", finding="P-16", **TWO),
        mutant("any reading pays what is owed", ON_THE_WAY, breaks="INV-16", **ONE | {"looks": 1}),
        mutant("a reading pays what came to be owed meanwhile", PAID, breaks="INV-16", **ONE | {"toggles": 2, "polls": 0}),
        mutant("only a reading that changes something deletes", EVEN_IF_SAME, breaks="INV-16", **ONE | {"looks": 1}),
        mutant("readings overtake each other", IN_TURN, breaks="INV-16", **ONE | {"polls": 0, "looks": 1}),
        mutant("the answer is deleted first", AFTER, breaks="INV-16", **ONE),
        mutant("a recompute does not compare", MOVED, breaks="INV-16", **ONE),
        mutant("a fill does not look at the lease", OWN_LEASE, breaks="INV-16", **ONE),
        mutant("a deletion leaves the lease", LEASE_TOO, breaks="INV-16", **ONE),
        mutant("a deletion that failed is forgotten", AGAIN, breaks="INV-16", **ONE),
        mutant("the lease is taken over", ONE_LEASE, breaks="INV-16", **TWO | {"polls": 2, "faults": 0}),
        mutant("a small fleet knows no lease", RESPECTED, breaks="INV-16", **TWO | {"polls": 2, "faults": 0}),
        mutant("a script computes what is there", KEPT, breaks="INV-16", **TWO | {"polls": 2, "faults": 0}),
        mutant("a script computes without an epoch", EPOCH, breaks="INV-15", **ONE),
        mutant("an answer stands for ever", TTL, breaks="LIVENESS", **ONE | {"toggles": 0}),
        mutant("a lease stands for ever", LEASE_LIFE, breaks="LIVENESS", **ONE | {"toggles": 0}),
        mutant("a new connection for notifications brings no reading", LISTENED, breaks="INV-16", **ONE | {"polls": 0, "faults": 2}),
        mutant("a new subscription brings no reading", RESUBSCRIBED, breaks="INV-16", **TWO | {"toggles": 2}),
        mutant(
            "an old answer outlives a restart of Valkey", RESUBSCRIBED, SWAPPED, breaks="INV-16",
            **ONE | {"polls": 0},
        ),
    ),
    unkilled={
        SWAPPED: "who subscribes after a restart of Valkey deletes the answer too; both missing is a mutant",
    },
)  # fmt: skip
