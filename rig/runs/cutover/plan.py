"""The steps of a cutover as data: who does what, within which time, how a failure shows, and how it is undone."""

from collections.abc import Sequence
from dataclasses import dataclass

PLATFORM, BACKEND, LEAD = "platform engineer", "backend engineer", "team lead"
NOTHING = "nothing to undo: Y is not in use yet"
BACK = "put VALKEY_URL=X back, restart that instance, wait for its seed line"
ALL_BACK = "roll back: restart the instances with VALKEY_URL=X one after the other"


@dataclass(frozen=True)
class Step:
    """One step. `fixed_s` are planned waits, which no prediction covers. `no_return`: the way back costs more from here on."""

    name: str
    title: str
    owner: str
    precondition: str
    command: str
    bound_s: float
    failed_if: str
    undo: str
    fixed_s: float = 0.0
    no_return: bool = False


@dataclass(frozen=True)
class Pace:
    """The times of a rehearsal in seconds, shorter by `factor` than in production."""

    factor: float = 3.0

    @property
    def stale_s(self) -> int:
        """`stale_after_seconds` of the servers."""
        return max(6, round(90 / self.factor))

    @property
    def ping_s(self) -> float:
        return 30 / self.factor

    @property
    def overlap_s(self) -> float:
        """How long instances may stand on two stores: a mitra must not look stale to the other store."""
        return self.stale_s - self.ping_s

    @property
    def watch_s(self) -> float:
        """A planned wait in which only traffic runs."""
        return max(3.0, 30 / self.factor)

    @property
    def away_s(self) -> float:
        """How long a failover takes: 15 s of the product."""
        return max(1.5, 15 / self.factor)


def steps(pace: Pace, hold_s: float | None = None) -> list[Step]:
    """All steps in order. `hold_s`: with a step that waits for a word before the switch, for so long at most."""
    hold = [] if hold_s is None else [waits_for_the_word(hold_s)]
    return [*before(pace), *hold, *switch(pace, ""), *faults(pace), *back(pace), *switch(pace, "-again")]


def before(pace: Pace) -> list[Step]:
    """What happens while X serves alone."""
    return [
        Step(
            "preflight", "preflight", PLATFORM, "X serves, Y is reachable from the instances",
            "compare run_id, version, policy, memory, clock and round trip of both stores; try each command in use on Y",
            30, "a command is refused, Y is X, Y is a replica or a cluster, or a fact is unknown", NOTHING,
        ),
        Step(
            "baseline", "baseline", BACKEND, "the preflight is done", "watch traffic, SQL and the mirror on X",
            pace.watch_s + 20, "a 5xx, or a difference between the mirror and Postgres", NOTHING, fixed_s=pace.watch_s,
        ),
        Step(
            "shadow", "seed Y in the shadow", BACKEND, "the baseline shows no difference",
            "start one more instance with VALKEY_URL=Y that gets no traffic and no sweeps; rig audit on Y; stop it",
            60, "no seed line, or Y differs from Postgres", "stop that instance; " + NOTHING,
        ),
        Step(
            "way-back", "prepare the way back", PLATFORM, "Y was seeded once",
            "keep the old VALKEY_URL of each instance; look whether X answers at it", 15, "X does not answer", NOTHING,
        ),
    ]  # fmt: skip


def waits_for_the_word(hold_s: float) -> Step:
    return Step(
        "hold", "wait for the word", LEAD, "all steps before are done, the way back is prepared",
        "touch the file of --hold", hold_s, "the file does not come in time", NOTHING,
    )  # fmt: skip


def switch(pace: Pace, again: str) -> list[Step]:
    """From the first instance on Y to a mirror that was watched."""
    word = " again" if again else ""
    return [
        Step(
            f"switch{again}", f"switch the instances to Y{word}", BACKEND, "the way back is prepared",
            "per instance: take it out of the balancer, set VALKEY_URL=Y, restart it, wait for /readyz, take it in",
            60, f"an instance is not ready, or the first and the last are {pace.overlap_s:g} s apart", BACK,
            no_return=not again,
        ),
        Step(
            f"reseed{again}", f"wait for the seeds on Y{word}", BACKEND, "every instance is ready on Y",
            "look for '[valkey-mirror] seed:' in each log; rig audit on Y", 30,
            "a log has no such line after 5 s, or Y differs from Postgres", ALL_BACK,
        ),
        Step(
            f"settle{again}", f"settle on Y{word}", BACKEND, "Y equals Postgres",
            "watch traffic, SQL and the mirror; X must count no command of a server", pace.watch_s + 20,
            "a difference, a 5xx, a mitra taken offline, a command on X", ALL_BACK, fixed_s=pace.watch_s,
        ),
    ]  # fmt: skip


def faults(pace: Pace) -> list[Step]:
    """What Y will do to its clients some day."""
    found = [
        Step(
            f"failover-{number}", f"failover of Y, number {number}", PLATFORM, "Y settled",
            "start a manual failover of Y (limited data loss)", pace.away_s + 40,
            "the mirror is not in use and right again in its budget", ALL_BACK, fixed_s=pace.away_s,
        )
        for number in (1, 2)
    ]  # fmt: skip
    storm = Step(
        "storm", "reconnect storm", PLATFORM, "Y settled", "cut all connections to Y three times", 40,
        "the mirror is not right again in its budget, or a request fails", ALL_BACK, fixed_s=3.0,
    )  # fmt: skip
    return [*found, storm]


def back(pace: Pace) -> list[Step]:
    return [
        Step(
            "roll-back", "roll back to X", BACKEND, "X answers at the kept VALKEY_URL",
            "per instance: take it out, set VALKEY_URL=X, restart it; its seed replaces what X held before any read",
            60, "no seed line on X, or X differs from Postgres", "switch to Y again",
        ),
        Step(
            "on-x", "settle on X", BACKEND, "X equals Postgres", "watch traffic, SQL and the mirror", pace.watch_s + 20,
            "a difference, a 5xx, a mitra taken offline", "switch to Y again", fixed_s=pace.watch_s,
        ),
    ]  # fmt: skip


def printed(plan: Sequence[Step]) -> str:
    """The plan for `--dry-run`."""
    lines = []
    for number, step in enumerate(plan, 1):
        lines += [
            f"{number:2}. {step.title} [{step.name}] - {step.owner}, at most {step.bound_s:g} s",
            f"    needs        {step.precondition}",
            f"    does         {step.command}",
            f"    has failed   if {step.failed_if}",
            f"    undo         {step.undo}",
        ]
        if step.no_return:
            lines.append("    from here on the way back costs a restart of each instance that has moved")
    return "\n".join(lines)
