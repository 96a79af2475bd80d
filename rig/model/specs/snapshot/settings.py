"""A change of a setting, and how the other instances learn of it."""

from collections.abc import Iterator

from rig.model.language import Kind, Rules, action
from rig.model.specs.lanes import TO_POSTGRES, TO_VALKEY
from rig.model.specs.snapshot.effects import any_of, deleted, takes
from rig.model.specs.snapshot.rules import AFTER, AGAIN, EVEN_IF_SAME, IN_TURN, NOTIFIED, ON_THE_WAY, OWED, PAID
from rig.model.specs.snapshot.state import Now, Reading, State, on

_SET = "server/mirror/settings.py:AppConfig.set"
_NOTIFY = "server/mirror/settings.py:AppConfig.notify_peers"
_CHANGED = "server/mirror/settings.py:AppConfig.changed"
_SETTLE = "server/mirror/settings.py:AppConfig.settle"
_RELOAD = "server/mirror/settings.py:AppConfig.reload"

# --- a change of a setting ---------------------------------------------------------------------------------------


def free(rules: Rules, state: State, instance: int) -> bool:
    """Whether a reading of the settings may begin."""
    readings = (state.hearing[instance], state.looking[instance])
    return rules.holds(IN_TURN, all(one.now != Now.READ for one in readings))


def committed(rules: Rules, state: State) -> State:
    state = state._replace(setting=1 - state.setting, toggles=state.toggles - 1)
    if rules.keeps(NOTIFIED):
        state = state._replace(owes=any_of(state.owes, state.listening))
    return state


@action("instance", kind=Kind.CLIENT, code=_SET, lanes=TO_POSTGRES)
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


@action("instance", kind=Kind.FAULT, code=_SET, lanes=TO_POSTGRES)
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


@action("instance", code=_NOTIFY, lanes=TO_VALKEY)
def writer_publishes(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The writer deletes answer and lease, and publishes the change."""
    if state.change[instance].now != Now.TAKEN or not state.epoch:
        return
    state = state._replace(published=any_of(state.published, state.subscribed))
    yield on(deleted(rules, state), instance, change=Reading())


@action("instance", kind=Kind.FAULT, code=_NOTIFY, lanes=TO_VALKEY)
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


@action("instance", code=_CHANGED, lanes=TO_POSTGRES)
def message_is_heard(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """Whoever hears the message reads the settings."""
    if not state.up[instance] or not state.published[instance] or state.hearing[instance].now != Now.IDLE:
        return
    heard = on(state, instance, published=False)
    if not state.postgres[instance]:
        yield on(heard, instance, hearing=Reading(Now.TAKEN), owes=state.owes[instance] or rules.keeps(OWED))
    elif free(rules, state, instance):
        yield reads(rules, heard, instance)


@action("instance", code=_SETTLE, lanes=TO_POSTGRES)
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


@action("instance", code=_CHANGED, lanes=TO_VALKEY)
def answer_is_deleted(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The settings are in force: answer and lease are deleted."""
    if state.hearing[instance].now == Now.TAKEN:
        yield on(deleted(rules, state), instance, hearing=Reading())


@action("instance", kind=Kind.FAULT, code=_CHANGED, lanes=TO_VALKEY)
def deletion_fails(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """Valkey does not take the deletion."""
    if state.faults and state.hearing[instance].now == Now.TAKEN:
        state = state._replace(faults=state.faults - 1)
        yield on(state, instance, hearing=Reading(), owes_deletion=rules.keeps(AGAIN))


@action("instance", code=_SETTLE, lanes=TO_VALKEY)
def owed_deletion_comes(rules: Rules, state: State, instance: int) -> Iterator[State]:
    """The watchdog makes good a deletion that failed."""
    if state.owes_deletion[instance]:
        yield on(deleted(rules, state), instance, owes_deletion=False)


@action("instance", kind=Kind.CLIENT, code="server/mirror/settings.py:AppConfig.all", lanes=TO_POSTGRES)
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
