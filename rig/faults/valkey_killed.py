"""Valkey's process is killed and comes back empty: a lost node with a fresh one in its place."""

from rig.faults.base import Fault, Ground, Sight, none_answers


class ValkeyKilled(Fault):
    name = "valkey killed"
    family = "reachability"
    shows = "Valkey dies by SIGKILL, no farewell to clients, and comes back on the same port without any key"

    def inject(self, ground: Ground) -> None:
        ground.stack.valkey.kill()

    def bites(self, sight: Sight, ground: Ground) -> bool:
        return none_answers(sight)

    def remove(self, ground: Ground) -> None:
        ground.stack.valkey.start()
