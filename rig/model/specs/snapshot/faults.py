"""Time, what breaks, and what heals."""

from collections.abc import Iterator

from rig.model.language import Kind, Lane, Rules, action
from rig.model.specs.lanes import FROM_POSTGRES, TO_POSTGRES, TO_VALKEY
from rig.model.specs.snapshot.effects import without_lease
from rig.model.specs.snapshot.rules import LEASE_LIFE, LISTENED, RESUBSCRIBED, SWAPPED, TTL
from rig.model.specs.snapshot.state import GONE, NOBODY, NOTHING, At, Flight, Reading, State, on

_LISTEN = "server/mirror/coordinator.py:InstanceCoordinator.listen"

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


@action(kind=Kind.FAULT, lanes=TO_VALKEY)
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


@action("instance", kind=Kind.HEAL, code="server/mirror/settings.py:Subscriber._hear", lanes=TO_VALKEY)
def instance_subscribes(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The instance subscribes, and takes the settings as changed."""
    if state.up[instance] and not state.subscribed[instance]:
        yield on(state, instance, subscribed=True, published=rules.keeps(RESUBSCRIBED))


@action("instance", kind=Kind.FAULT, code=_LISTEN, lanes=FROM_POSTGRES)
def notifications_are_lost(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The connection for notifications is lost."""
    if state.faults and state.up[instance] and state.listening[instance]:
        yield on(state, instance, listening=False)._replace(faults=state.faults - 1)


@action("instance", kind=Kind.HEAL, code=_LISTEN, lanes=TO_POSTGRES)
def instance_listens(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The instance listens on a new connection, and owes a reading."""
    if state.up[instance] and not state.listening[instance]:
        yield on(state, instance, listening=True, owes=state.owes[instance] or rules.keeps(LISTENED))


@action("instance", kind=Kind.FAULT, lanes=TO_POSTGRES)
def postgres_fails(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """Postgres answers no statement of this instance any more."""
    if state.faults and state.up[instance] and state.postgres[instance]:
        yield on(state, instance, postgres=False)._replace(faults=state.faults - 1)


@action("instance", kind=Kind.HEAL, lanes=FROM_POSTGRES)
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


@action("instance", kind=Kind.HEAL, code="server/mirror/on.py:MirrorOn.start", lanes=TO_POSTGRES)
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


@action("instance", kind=Kind.HEAL, code="server/mirror/seed.py:Seeder.seed", lanes=TO_VALKEY)
def seed_swaps(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """A seed ends the outage: its swap deletes answer and lease, and writes the epoch."""
    if state.epoch or not state.up[instance]:
        return
    if rules.keeps(SWAPPED):
        state = state._replace(answer=NOTHING, late=False, recomputes=0)
    yield without_lease(state)._replace(epoch=True)
