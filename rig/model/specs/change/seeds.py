"""An outage that is noticed, and the seed that ends it."""

from collections.abc import Iterator
from typing import Any

from rig.model.language import Rules, action
from rig.model.specs.change.effects import is_ahead, is_set_back, without_news
from rig.model.specs.change.rules import IDENTITY, SEEDER, WATCHDOG
from rig.model.specs.change.state import Beat, Kept, State, having
from rig.model.specs.lanes import INSTANCE, POSTGRES, VALKEY


@action("instance", code=WATCHDOG + "Watchdog._look", lanes=(INSTANCE, VALKEY))
def outage_is_noticed(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The watchdog's look finds no valid epoch, or a sequence that went back: the instance is cold."""
    one = state.instances[i]
    if not (one.alive and one.warm):
        return
    history = state.history if rules.keeps(IDENTITY) else one.history
    if not one.linked or state.epoch != (state.run, history) or is_set_back(rules, state):
        yield having(state, i, warm=False)


@action("instance", code=SEEDER + "seed", lanes=(POSTGRES, INSTANCE, VALKEY))
def seed_is_made(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """A seed drops versions of another history, reads Postgres, grants heartbeats, swaps the sets in, writes the epoch."""
    one = state.instances[i]
    if not (one.alive and one.linked) or one.warm:
        return
    history = state.history if rules.keeps(IDENTITY) else one.history
    drops = rules.keeps("the seed's begin drops versions of another history") and (
        state.owner != history or is_set_back(rules, state) or is_ahead(rules, state)
    )
    kept = []
    for row, known in zip(state.rows, state.kept, strict=True):
        beat = Beat.FRESH if drops or row.version >= known.version else known.beat
        kept.append(Kept(row.online, row.active, row.version, beat if row.online else Beat.NONE))
    highest = max(row.version for row in state.rows)
    drawn = (
        max(state.drawn, highest)
        if rules.keeps("a seed raises the sequence to the highest version of a row")
        else state.drawn
    )
    state = state._replace(kept=tuple(kept), epoch=(state.run, history), owner=history, drawn=drawn)
    yield having(without_news(state), i, warm=True, history=history, compares=False)
