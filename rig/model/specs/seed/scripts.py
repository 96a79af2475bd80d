"""The scripts, as Valkey runs them."""

from rig.model.language import Rules, put
from rig.model.specs.seed.state import NO_LOAD, Beat, Kept, Late, Row, Seed, State


def orphaned(late: frozenset[Late]) -> frozenset[Late]:
    """Late scripts after `mirror:seed` has another nonce than theirs."""
    return frozenset(one._replace(seed=one.seed and one.seed._replace(own=False)) for one in late)


def nonce_is_gone(state: State) -> State:
    """The state after no seed finds its own nonce any more."""
    instances = tuple(one._replace(seed=one.seed and one.seed._replace(own=False)) for one in state.instances)
    none = (0,) * len(state.rows)
    return state._replace(instances=instances, late=orphaned(state.late), noted=none, built=none)


def apply_script(rules: Rules, state: State, m: int, row: Row) -> State:
    """The apply script: carries a row to Valkey and notes it for the seed that is under way."""
    known = state.kept[m]
    if not rules.holds("an older version is refused", row.version >= known.version):
        return state
    if not rules.holds(
        "a version that is older than the new one of the seed is refused", row.version >= state.built[m]
    ):
        return state
    beat = known.beat if known.online and known.beat else Beat.FRESH
    after = Kept(True, row.load, row.version, beat) if row.online else Kept(False, NO_LOAD, row.version, Beat.NONE)
    if state.noting and rules.keeps("each change is noted for the seed that is under way"):
        state = state._replace(noted=put(state.noted, m, row.version))
    return state._replace(kept=put(state.kept, m, after))


def begin_script(rules: Rules, state: State) -> State:
    """The script begin: `mirror:seed` holds a new nonce, so all older seeds are refused from now on."""
    state = nonce_is_gone(state)._replace(noting=True)
    if not rules.keeps("new sets are built beside those in use"):
        state = state._replace(kept=tuple(known._replace(online=False) for known in state.kept))
    return state


def step_script(rules: Rules, state: State, seed: Seed, m: int) -> State:
    """The script step: her capacity and heartbeat, unless a newer change of hers has been noted."""
    row, known = seed.read[m], state.kept[m]
    if not rules.holds("a step demands the seed's own nonce", seed.own):
        return state
    if not rules.holds("a step leaves alone who has a newer change noted", state.noted[m] <= row.version):
        return state
    if row.online:
        beat = Beat.FRESH if seed.graced or not known.beat else known.beat
        known = known._replace(load=row.load, beat=beat)
    elif rules.keeps("a step removes the keys of who was read as offline"):
        known = known._replace(load=NO_LOAD, beat=Beat.NONE)
    if not rules.keeps("new versions are built beside those in use"):
        known = known._replace(version=row.version)
    return state._replace(kept=put(state.kept, m, known), built=put(state.built, m, row.version))


def swap_script(rules: Rules, state: State, seed: Seed) -> State:
    """The script swap: the new sets in place of the old ones, what noted changes say, and the epoch."""
    if not rules.holds("the swap demands the seed's own nonce", seed.own):
        return state
    kept = state.kept
    for m, row in enumerate(seed.read):
        noted = state.noted[m] if seed.own else 0
        if noted <= row.version or not rules.keeps("the swap keeps what newer changes say"):
            kept = put(kept, m, kept[m]._replace(online=row.online, version=row.version))
    return state._replace(kept=kept, epoch=True, built=(0,) * len(state.built))


def strays_script(rules: Rules, state: State, seed: Seed, m: int) -> State:
    """The script strays: no heartbeat and no capacity of who is not online."""
    if not rules.holds("the strays demand the seed's own nonce", seed.own) or state.kept[m].online:
        return state
    return state._replace(kept=put(state.kept, m, state.kept[m]._replace(load=NO_LOAD, beat=Beat.NONE)))
