"""Valkey's process is killed and comes back empty: a lost node with a fresh one in its place."""

from dataclasses import dataclass

from rig.faults.base import Ends, Ground, all_answer, none_answers


@dataclass(frozen=True)
class ValkeyKilled:
    """SIGKILL, no farewell to clients; removed by a start on the same port, without any key."""

    name: str = "valkey killed"

    def inject(self, ground: Ground) -> None:
        ground.stack.valkey.kill()

    def bites(self, ends: Ends) -> bool:
        return none_answers(ends)

    def remove(self, ground: Ground) -> None:
        ground.stack.valkey.start()

    def healed(self, ends: Ends) -> bool:
        return all_answer(ends)
