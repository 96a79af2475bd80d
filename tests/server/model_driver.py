"""Drives two real instances along a walk of a specification, and compares stores, memories and answers after each step."""

from collections.abc import Sequence
from typing import Any

from model_compare import Difference, Versions, differences
from model_conductor import hook
from model_probes import Probes
from model_seats import Table
from model_steps import Steps
from model_walks import Named

from rig.model.language import Rules, Step
from rig.model.specs.stores.state import Turn, World
from server.errors import ServiceUnavailable
from server.mirror.client import MirrorUnavailable
from server.mirror.sweeps import _SweepForbidden
from server.mirror.sync_points import Hooked
from server.response_models import Answer
from tests.support.specification_walks import Walk

REPLAY = "python -m pytest tests/server/test_model_walks.py -k replay"


class Mismatch(AssertionError):
    """The server and the specification disagree."""


class Driver(Steps):
    """One walk after another on the same table."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self.driven: dict[str, int] = {}  # action -> how often
        self.waited = 0  # how often somebody was seen to wait for a lock

    async def drive(self, one: Named) -> None:
        """Raises Mismatch at the first step after which something is not as the specification says."""
        initial = one.spec.initial(Rules(one.bounds))
        with Hooked(hook):
            try:
                await self._begin(initial, one.walk)
                self.probes = Probes(one.spec, one.bounds, self.table)
                for place in range(len(one.walk)):
                    await self._take(one, place, one.walk[place - 1][1] if place else initial)
                self.waited += self.probes.count
            except Mismatch:
                raise
            except Exception as error:
                error.add_note(f"in the walk {one.name}")
                raise
            finally:
                await self._clear_away()

    async def _begin(self, initial: World, walk: Walk) -> None:
        await self.table.reset(len(initial.warm), len(initial.online))
        self.late, self.orphans, self.owner, self.answers = {}, {}, {}, []
        rows = (await self.table.see()).rows
        self.versions = Versions([row["version"] for row in rows])
        if any("old snapshot" in step.detail for step, _ in walk):
            self.snapshot = self.table.stack.valkey.save()

    async def _take(self, one: Named, place: int, before: World) -> None:
        step, after = one.walk[place]
        self.answers = []
        wrong: list[Difference] = []
        try:
            await self.take(step, before, after)
            await self.table.ends(())
            self._collect()
            wrong = differences(self.table, await self.table.see(), after, self.versions, self.owner)
            wrong += self._wrong_answers(step, before)
            wrong = wrong or await self.probes.try_locks(one.walk, place)
        except (AssertionError, TimeoutError) as error:
            wrong = [("the step", "possible", str(error) or "it took too long")]
        if wrong:
            raise Mismatch(told(one, place, wrong))
        self.driven[step.action.name] = self.driven.get(step.action.name, 0) + 1

    def _collect(self) -> None:
        for seat in self.table.seats:
            for what, operation in list(seat.operations.items()):
                if operation.ended:
                    del seat.operations[what]
                    self.answers.append((what, operation.outcome))

    def _wrong_answers(self, step: Step, before: World) -> list[Difference]:
        wrong: list[Difference] = []
        for what, outcome in self.answers:
            allowed: tuple[Any, ...]
            if what == "ping":
                ping = before.ping[step.parameters[0]]
                loose = ping and ping.turn == Turn.LOOSE  # its COMMIT fails, so it says 503 whatever it did
                is_online = step.detail == "answered online" or step.action.name == "ping_is_answered"
                allowed = (
                    ("503",) if loose else (True,) if is_online else (False,) if "offline" in step.detail else ("503",)
                )
            else:
                allowed = (None, True, False, "503", "not now", "no Valkey")
            if (heard := _named(outcome)) not in allowed:
                wrong.append((f"answer of the {what}", " or ".join(map(str, allowed)), heard))
        return wrong

    async def _clear_away(self) -> None:
        for connection in self.orphans.values():
            await self.table.ends([connection.get_server_pid()])
        self.orphans = {}


def _named(outcome: Any) -> Any:
    if outcome == "given up" or isinstance(outcome, ServiceUnavailable):
        return "503"
    if isinstance(outcome, _SweepForbidden):
        return "not now"
    if isinstance(outcome, MirrorUnavailable):
        return "no Valkey"
    if isinstance(outcome, BaseException):
        return f"{type(outcome).__name__}: {outcome}"
    return True if isinstance(outcome, Answer) else outcome


def told(one: Named, place: int, wrong: Sequence[Difference]) -> str:
    """A mismatch in words."""
    lines = [f"The server and the specification {one.spec.name} disagree after step {place + 1}:"]
    for number, (step, _) in enumerate(one.walk[: place + 1], 1):
        lines.append(f"  {number}. {step}: {step.action.text[0].lower()}{step.action.text[1:]}")
    for what, model, real in wrong:
        lines.append(f"{what}: {model!s} by the specification, {real!s} in fact")
    return "\n".join([*lines, f"Replay it with: MODEL_WALK={one.name} {REPLAY}"])
