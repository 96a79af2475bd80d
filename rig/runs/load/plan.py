"""The plan of a load run, from its options: the pace, and the phases in their order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rig.traffic.load.schedule import STEADY, WRITING, LoadPlan, LoadProfile, Phase, blocks

WRITTEN: Mapping[str, float] = {"auto-offline": 30, "heartbeat-mirror": 60, "reconcile": 300, "goodbye": 60}
# Postgres' table counters show up to 10 s late: they are read at the end of an idle span, and tell all before it.
IDLE_S = 11.5
STEADY_SHARE = 0.6  # of the measured time, before those come who cause SQL as they must
SETTLE, IDLE, WARM_UP, PLAIN, WHOLE = "settling", "idle", "warm-up", "pings and polls", "chats and toggles too"
LOGGED, UNLOGGED = "logged", "log off"


@dataclass(frozen=True)
class LoadOptions:
    """What a load is to be.

    `seconds` are measured; what else a run takes comes on top. `workers` are Locust's processes on this machine
    beside its master; `expect` are those on others, who reach the master at `bind`.
    """

    pace: LoadProfile = field(default_factory=LoadProfile)
    seconds: float = 70.0
    warm_up_s: float = 5.0
    baseline: bool = True
    instances: int = 1
    processes: int = 1
    workers: int = 0
    expect: int = 0
    bind: str = "127.0.0.1"
    blocks: int = 4  # of each arm, with and without the statement log
    block_s: float = 2.5
    witness: bool = True
    thresholds: tuple[str, ...] = ()
    web: bool = False
    web_port: int = 8089
    cadences: Mapping[str, float] = field(default_factory=lambda: dict(WRITTEN))

    @property
    def arms(self) -> tuple[str, ...]:
        return ("on", "off") if self.baseline else ("on",)

    def plan(self, random_seed: int) -> LoadPlan:
        return LoadPlan(self.pace, tuple(self.phases()), random_seed)

    def phases(self) -> list[Phase]:
        writing = self.pace.togglers + self.pace.chats > 0
        steady_s = self.seconds * STEADY_SHARE if writing else self.seconds
        phases = [Phase(SETTLE, IDLE_S)] if self.witness else []
        if self.warm_up_s:
            phases.append(Phase(WARM_UP, self.warm_up_s, self.arms))
        phases.append(Phase(PLAIN, steady_s, self.arms))
        if self.witness:
            phases.append(Phase(IDLE, IDLE_S))
        if writing:
            phases.append(Phase(WHOLE, self.seconds - steady_s, self.arms, (*STEADY, *WRITING)))
        return [*phases, *(phase for phase, _, _ in self.block_phases())]

    def block_phases(self) -> list[tuple[Phase, str, bool]]:
        """Each block with the arm that has it alone, and whether its statements are logged."""
        conditions: Sequence[str] = [f"{arm}/{how}" for how in (UNLOGGED, LOGGED) for arm in self.arms]
        phases = []
        for number, (condition, seconds) in enumerate(blocks(self.blocks, self.block_s, conditions), 1):
            arm, how = condition.split("/")
            phases.append((Phase(f"block {number}", seconds, (arm,)), arm, how == LOGGED))
        return phases
