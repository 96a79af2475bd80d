"""The steps of a seed."""

from collections.abc import Iterator
from typing import Any

from rig.model.language import Rules, action, put
from rig.model.specs.lanes import INSTANCE, POSTGRES, VALKEY
from rig.model.specs.seed.rules import ALONE, SEEDER
from rig.model.specs.seed.scripts import begin_script, orphaned, step_script, strays_script, swap_script
from rig.model.specs.seed.state import NOBODY, Hand, Seed, Stage, State, having


@action("instance", code=SEEDER + "seed", lanes=(INSTANCE, POSTGRES))
def seed_takes_its_lock(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """A seed that is due takes the lock SEED: after a start, after an outage, or periodically."""
    one = state.instances[i]
    if not one.alive or one.seed or not rules.holds(ALONE, state.lock == NOBODY):
        return
    locked = state._replace(lock=i if state.lock == NOBODY else state.lock)
    no = (False,) * len(state.rows)
    if one.cold:
        yield "after a start", having(locked, i, seed=Seed(Stage.LOCKED, True, False, (), no))
    elif not state.epoch:
        yield "after an outage", having(locked, i, cold=True, seed=Seed(Stage.LOCKED, True, False, (), no))
    if not one.cold and (state.reconciles or any(state.by_hand)):
        less = locked._replace(reconciles=max(state.reconciles - 1, 0))
        yield "periodic", having(less, i, seed=Seed(Stage.LOCKED, False, False, (), no))


@action("instance", code=SEEDER + "_begin", point="seed begins", lanes=(INSTANCE, VALKEY))
def seed_begins(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The script begin writes the seed's nonce into `mirror:seed`; without a valid epoch the seed grants heartbeats."""
    seed = state.instances[i].seed
    if seed and seed.stage is Stage.LOCKED:
        outage = not state.epoch or state.instances[i].cold
        ends = outage and rules.keeps("a seed that ends an outage grants heartbeats")
        begun = Seed(Stage.BEGUN, seed.graced or ends, True, (), seed.done)
        if rules.keeps("changes are noted before Postgres is read"):
            state = begin_script(rules, state)
        yield having(state, i, seed=begun)


@action("instance", code=SEEDER + "seed", point="seed reads", lanes=(POSTGRES, INSTANCE))
def seed_reads(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """One statement reads all of Postgres."""
    seed = state.instances[i].seed
    if seed and seed.stage is Stage.BEGUN:
        read, own = state.rows, seed.own
        if not rules.keeps("changes are noted before Postgres is read"):
            state, own = begin_script(rules, state), True
        by_hand = tuple(hand and Hand.READ for hand in state.by_hand)
        yield having(state, i, seed=Seed(Stage.READ, seed.graced, own, read, seed.done))._replace(by_hand=by_hand)


@action("instance", "mitra", code=SEEDER + "_swap", point="seed steps", lanes=(INSTANCE, VALKEY))
def seed_steps(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """A step carries a mitra's capacity and heartbeat, and builds the new sets."""
    seed = state.instances[i].seed
    if (
        seed
        and seed.stage is Stage.READ
        and not seed.done[m]
        and goes_on(rules, seed, "a step demands the seed's own nonce")
    ):
        yield having(step_script(rules, state, seed, m), i, seed=seed._replace(done=put(seed.done, m, True)))


def goes_on(rules: Rules, seed: Seed, rule: str) -> bool:
    """Whether a script of this seed is not refused."""
    return seed.own or rule in rules.without


@action("instance", code=SEEDER + "_swap", point="seed swaps", lanes=(INSTANCE, VALKEY))
def seed_swaps(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The swap puts the new sets in place and writes the epoch."""
    seed = state.instances[i].seed
    if (
        seed
        and seed.stage is Stage.READ
        and all(seed.done)
        and goes_on(rules, seed, "the swap demands the seed's own nonce")
    ):
        after = swap_script(rules, state, seed)
        yield having(after, i, seed=seed._replace(stage=Stage.SWAPPED, done=(False,) * len(seed.done)))


@action("instance", "mitra", code=SEEDER + "_clear_strays", point="seed clears", lanes=(INSTANCE, VALKEY))
def seed_clears_strays(rules: Rules, state: State, i: int, m: int) -> Iterator[Any]:
    """A page of strays: heartbeats and capacities of who is not online go."""
    seed = state.instances[i].seed
    if (
        seed
        and seed.stage is Stage.SWAPPED
        and not seed.done[m]
        and goes_on(rules, seed, "the strays demand the seed's own nonce")
    ):
        yield having(strays_script(rules, state, seed, m), i, seed=seed._replace(done=put(seed.done, m, True)))


@action("instance", code=SEEDER + "_clear_strays", point="seed ends", lanes=(INSTANCE, VALKEY))
def seed_ends(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """The script end gives `mirror:seed` free, the lock SEED is given back, and the instance is warm."""
    seed = state.instances[i].seed
    if not seed or seed.stage is not Stage.SWAPPED or not all(seed.done):
        return
    if not rules.holds("a seed ends well only with its own nonce", seed.own):
        return
    if seed.own:
        state = state._replace(noting=False, noted=(0,) * len(state.noted))
        state = state._replace(late=orphaned(state.late))
    done = having(state, i, seed=(), cold=False)
    told = [row == read for m, (row, read) in enumerate(zip(state.rows, seed.read, strict=True))]
    pairs = zip(state.by_hand, told, strict=True)
    by_hand = tuple(Hand.NONE if hand is Hand.READ and carried else hand for hand, carried in pairs)
    yield done._replace(by_hand=by_hand, lock=NOBODY if state.lock == i else state.lock)


@action("instance", code=SEEDER + "seed", lanes=(INSTANCE,))
def seed_is_given_up(rules: Rules, state: State, i: int) -> Iterator[Any]:
    """A seed whose nonce is gone is refused by the next script, and is given up."""
    seed = state.instances[i].seed
    if seed and seed.stage is not Stage.LOCKED and not seed.own:
        yield given_up(state, i)


def given_up(state: State, i: int) -> State:
    """The state after an instance's seed has been given up."""
    return having(state, i, seed=())._replace(lock=NOBODY if state.lock == i else state.lock)
