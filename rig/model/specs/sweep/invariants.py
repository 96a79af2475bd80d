"""What must hold."""

from rig.model.language import Rules, Step, invariant
from rig.model.specs.stores.state import NOBODY, Beat, World


@invariant("INV-07", "nobody is taken offline within W of a ping that was answered online")
def no_promise_is_broken(rules: Rules, before: World, step: Step, after: World) -> str:
    if step.action.name == "sweep_commits" or (
        step.action.name == "given_up_transaction_ends" and step.detail.endswith("COMMIT of a sweep")
    ):
        for mitra, promise in enumerate(before.promise):
            if before.online[mitra] and not after.online[mitra] and promise != NOBODY:
                return f"mitra {mitra} was answered online within W, and the sweep's COMMIT takes her offline"
    return ""


def settled(rules: Rules, world: World) -> bool:
    """Nothing is under way, no fault is in force, nothing is owed: now the mirror has to equal the truth."""
    if not world.epoch or world.late or world.orphans or any(world.news):
        return False
    if any(world.write) or any(world.sweep) or any(world.ping) or any(world.seed) or any(map(any, world.debts)):
        return False
    return all(world.connected) and all(world.warm)


def quiet(rules: Rules, world: World) -> bool:
    """Settled, nobody is shown who has been silent for W, and nothing stands in the way of a sweep or ping."""
    if any(world.mark) or any(world.block) or not settled(rules, world):
        return False
    if any(world.left):
        return not rules.bounds["ages"]  # W ends it
    if not rules.bounds["sweeps"]:
        return True  # nobody is ever taken offline
    return all(beat == Beat.NEW or not shown for beat, shown in zip(world.beat, world.shown, strict=True))


@invariant("INV-01", "in quiet the online set equals the truth")
def mirror_equals_truth(rules: Rules, before: World, step: Step, after: World) -> str:
    if settled(rules, after):
        for mitra, (shown, online) in enumerate(zip(after.shown, after.online, strict=True)):
            if shown != online:
                words = {True: "online", False: "offline"}
                return f"mitra {mitra} is {words[online]} in Postgres, {words[shown]} in Valkey"
    return ""


@invariant("INV-04", "in quiet a heartbeat stands in Valkey if and only if the mitra is online")
def heartbeat_if_online(rules: Rules, before: World, step: Step, after: World) -> str:
    if settled(rules, after) and after.seeding == NOBODY:  # else the next seed has strays to remove
        for mitra, (beat, online) in enumerate(zip(after.beat, after.online, strict=True)):
            if online != bool(beat):
                return f"mitra {mitra} {'has no' if online else 'is offline and has a'} heartbeat"
    return ""


INVARIANTS = (no_promise_is_broken, mirror_equals_truth, heartbeat_if_online)
