"""What breaks and heals in both specifications."""

from collections.abc import Iterator

from rig.model.language import Kind, Lane, Rules, action
from rig.model.specs.stores.state import World, at


@action("instance", kind=Kind.FAULT, lanes=(Lane.VALKEY, Lane.INSTANCE))
def instance_is_cut_off(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The instance loses its way to Valkey, and is cold."""
    if world.faults and world.connected[instance]:
        yield at(world, instance, connected=False, warm=False)._replace(faults=world.faults - 1)


@action("instance", kind=Kind.HEAL, lanes=(Lane.VALKEY, Lane.INSTANCE))
def instance_is_back(rules: Rules, world: World, instance: int) -> Iterator[World]:
    """The instance reaches Valkey again."""
    if not world.connected[instance]:
        yield at(world, instance, connected=True)
