"""A scenario's own lines in the record: which boxes it should answer, its steps, and what stopped it."""

import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from rig.record import Recorder
from rig.record.lines.checklist import Scenario, Step, StepError

ITEM = re.compile(r"^((?:SETUP|SMOKE|[A-K])-\d\d): ")


def owed(features: Path, items: Iterable[str]) -> list[dict[str, Any]]:
    """Each scenario and variant that answers one of these items, as the runner names them, with all that it answers.

    Read by the library that runs them: what a run owes is known before it, whatever the runner then leaves out.
    """
    from pytest_bdd.feature import get_features

    wanted, found = set(items), []
    for feature in get_features([str(features)]):
        for name, template in feature.scenarios.items():
            own = items_of(step.name for step in template.all_background_steps + template.steps)
            rows = [context for examples in template.examples for context in examples.as_contexts()]
            variants = ["-".join(row.values()) for row in rows] or [""]
            scenario = f"{Path(feature.filename).name}: {name}"
            found += [{"scenario": scenario, "variant": v, "items": own} for v in variants if wanted & set(own)]
    return found


def items_of(step_names: Iterable[str]) -> list[str]:
    """The boxes that these steps name, in order, each once."""
    found = (ITEM.match(name) for name in step_names)
    return list(dict.fromkeys(match[1] for match in found if match))


@dataclass
class ScenarioLog:
    """Collects one run of one scenario and writes a line at its start and at its end."""

    recorder: Recorder
    feature: str
    name: str
    variant: str
    attempt: int
    items: list[str]
    steps: list[Step] = field(default_factory=list)
    error: StepError | None = None
    _began: float = 0.0
    _step: tuple[str, str, float] | None = None

    @property
    def scenario(self) -> str:
        return f"{self.feature}: {self.name}"

    def begin(self) -> None:
        self._began = time.time()
        self.recorder.add(self._line("begin"))

    def step_begins(self, keyword: str, text: str) -> None:
        self._step = (keyword, text, time.time())

    def step_ends(self, verdict: str) -> None:
        keyword, text, began = self._step or ("", "", time.time())
        self.steps.append(Step(keyword, text, verdict, time.time() - began))

    def step_fails(self, keyword: str, text: str, error: StepError) -> None:
        self._step = self._step or (keyword, text, time.time())
        self.step_ends(error.verdict)
        self.error = msgspec.structs.replace(error, step=f"{keyword} {text}")

    def end(self, voids: Sequence[str]) -> None:
        """`voids`: why this try does not count, if it does not."""
        self.recorder.add(self._line("end", began=self._began, steps=self.steps, error=self.error, voids=list(voids)))

    def _line(self, phase: str, **fields: Any) -> Scenario:
        return Scenario(
            t=time.time(), phase=phase, scenario=self.scenario, variant=self.variant, attempt=self.attempt,
            items=self.items, **fields,
        )  # fmt: skip
