"""A write whose COMMIT is held back for a moment: what a server does to Valkey before it and after it is then told apart."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from features.steps.windows import valkey_now
from rig.fixtures.held import HeldCommits
from rig.runs.checklist.world import World
from rig.traffic import Exchange

HELD_WITHIN_S = 3.0
SETTLED_S = 0.1  # what is done beside the COMMIT, before it, has come to Valkey by then


@dataclass(frozen=True)
class Held:
    """The request, and when its COMMIT was let go, by Valkey's clock; None where none was seen to wait."""

    exchange: Exchange
    released_at: float | None


def with_commit_held(world: World, table: str, act: Callable[[], Exchange]) -> Held:
    """Send it, let its COMMIT wait until all that comes before it is done, then let it go.

    Where the rig may not do that to the table the order is told by stamps, and the report says so.
    """
    done: list[Exchange] = []
    asking = threading.Thread(target=lambda: done.append(act()), daemon=True)
    released_at = None
    with HeldCommits(world.testbed.stack.postgres.url, world.testbed.schema, table) as held:
        asking.start()
        if held.await_held(asking.is_alive, HELD_WITHIN_S):
            time.sleep(SETTLED_S)  # nothing tells that nothing more will come
            released_at = valkey_now(world)
        held.release()
        asking.join()
    if not held.made:
        world.weaken(f"no COMMIT to {table} could be held back: its order with writes in Valkey is told by stamps")
    return Held(done[0], released_at)
