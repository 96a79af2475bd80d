"""Shows a load while it goes: its phase, offered and achieved requests, and the SQL that each arm's server runs."""

import sys
import time
from collections import defaultdict
from typing import Any, Self

from typer import echo

from rig.record.arms import NAMES
from rig.runs.load.arm import Arm
from rig.traffic.load.schedule import LoadPlan

BEHIND_S = 2  # the last whole second of which every worker has told


class Live:
    """A table that is redrawn on a terminal; elsewhere one line per phase."""

    def __init__(self, arms: list[Arm], plan: LoadPlan) -> None:
        self._arms, self._plan = arms, plan
        self._phases: list[dict[str, Any]] = []
        self._told: set[str] = set()
        self._seconds: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        self._failed: dict[str, int] = defaultdict(int)
        self._sql: dict[int, dict[str, str]] = {}
        self._live: Any = None

    def __enter__(self) -> Self:
        if sys.stdout.isatty():
            from rich.live import Live as Screen

            self._live = Screen(auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        if self._live is not None:
            self._live.update(text, refresh=True)

    def take(self, line: dict[str, Any]) -> None:
        """A line of Locust's record."""
        if line["kind"] == "go":
            self._phases = line["phases"]
        elif line["kind"] == "traffic":
            for second, arm, _, *counts in line["seconds"]:
                for at, count in enumerate(counts):
                    self._seconds[second, arm][at] += count
                self._failed[arm] += counts[3]

    def draw(self) -> None:
        now = time.time()
        phase = next((one for one in self._phases if one["from"] <= now < one["to"]), None)
        if self._live is None:
            if phase is not None and phase["name"] not in self._told:
                self._told.add(phase["name"])
                if not phase["name"].startswith("block") or "block" not in self._told:
                    self._told.add(phase["name"].partition(" ")[0])
                    echo(f"  {self._title(phase)}")
            return
        self._live.update(self._table(phase, int(now) - BEHIND_S), refresh=True)

    def _title(self, phase: dict[str, Any] | None) -> str:
        if phase is None:
            return "answers under way" if self._phases else "Locust starts, mitras sign in"
        name: str = phase["name"]
        if name.startswith("block"):
            return "blocks: each arm by itself, with and without the statement log"
        return name

    def _table(self, phase: dict[str, Any] | None, second: int) -> Any:
        from rich import box
        from rich.table import Table

        left = f", {phase['to'] - time.time():.0f} s left" if phase else ""
        if self._phases:
            total = self._phases[-1]["to"] - self._phases[0]["from"]
            done = min(1.0, max(0.0, (time.time() - self._phases[0]["from"]) / total))
            left += f"  ({done:.0%})"
        table = Table(box=box.SIMPLE_HEAD, title=f"{self._title(phase)}{left}", title_justify="left", pad_edge=False)
        for name in ("", "offered/s", "achieved/s", "failed", "SQL/s"):
            table.add_column(name, justify="left" if not name else "right")
        for arm in self._arms:
            planned, _, completed, _ = self._seconds.get((second, arm.id), [0, 0, 0, 0])
            failed = self._failed[arm.id]
            red = f"[red]{failed}[/]" if failed else "0"
            table.add_row(NAMES[arm.id], f"{planned:,}", f"{completed:,}", red, self._statements(arm, second))
        return table

    def _statements(self, arm: Arm, second: int) -> str:
        counts = self._sql.setdefault(second, {})
        if arm.id not in counts:
            count = arm.work_in(second, second + 0.9995)
            counts[arm.id] = "—" if count is None else f"{count:,}"
        return counts[arm.id]
