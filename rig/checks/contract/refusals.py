"""Judges starts that must be refused."""

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations import environment

WITHOUT_POSTGRES_S = 10.0
REFUSALS = ("ENV-03", "ENV-04", "ENV-05", "ENV-07", "ENV-08", "ENV-09", "ENV-10", "ENV-11", "ENV-12")


@probe_check("starts that must be refused", *REFUSALS)
def starts_that_must_be_refused(judge: ProbeJudge, seen: environment.RefusedStarts) -> None:
    for sentence, variable, what, start in seen.starts:
        if not judge.require(sentence, start.exit_s is not None, f"{what}: {came_of(start)}, expected a refusal"):
            continue
        refusal = start.ready_s is None and start.code != 0
        judge.require(sentence, refusal, f"{what}: {came_of(start)}, expected exit code 1")
        # What a bad value is at the basic level is refused in this form at the basic level.
        judge.require(form_of(sentence), start.code == 1, f"{what}: exit code {start.code}, expected 1")
        lines = start.lines
        told = len(lines) == 1 and variable in lines[0]
        judge.require(
            form_of(sentence), told, f"{what}: standard error has {lines}, expected one line that names {variable}"
        )


def form_of(sentence: str) -> str:
    """The sentence that promises how this refusal looks: those that are hardened answer for themselves."""
    return sentence if sentence in ("ENV-10", "ENV-11", "ENV-12") else "ENV-03"


def came_of(start: environment.Start) -> str:
    if start.ready_s is not None:
        return "the server came up"
    return "it ran on" if start.exit_s is None else f"exit code {start.code}"


@probe_check("start in production", "ENV-07", "READY-02")
def start_in_production(judge: ProbeJudge, seen: environment.ProductionStart) -> None:
    early(judge, seen)
    if not judge.require(
        "ENV-07", seen.ready_s is not None, f"APP_ENV unset, secrets good, no OTP_DEV_CODE: {came_of(seen)}"
    ):
        return
    if not judge.assume("ENV-07", seen.verified, "the development code was not tried"):
        return
    status, code = seen.verified or (None, None)
    judge.require("ENV-07", status != 200, f"with APP_ENV unset the development code signed in: {status} {code or ''}")


def early(judge: ProbeJudge, start: environment.Start) -> None:
    """What /readyz was before the first 200."""
    wrong = [status for status in start.early if status != 503]
    judge.require("READY-02", not wrong, f"before the server was ready /readyz was {wrong}, expected 503 or a refusal")


@probe_check("start without Postgres", "START-03", "ENV-02")
def start_without_postgres(judge: ProbeJudge, seen: environment.StartsWithoutPostgres) -> None:
    start = seen.nobody_listens
    judge.require("START-03", start.ready_s is None, "without Postgres the server came up")
    took = start.exit_s
    if judge.require(
        "START-03", took is not None and took <= WITHOUT_POSTGRES_S,
        f"without Postgres the process ended after {took} s, expected 10 s at most",
    ):  # fmt: skip
        judge.require("START-03", start.code != 0, "without Postgres the exit code is 0")
        judge.require("START-03", start.told > 0, "without Postgres the process ended and printed nothing")
    other = seen.no_such_database
    judge.require("ENV-02", other.ready_s is None, "on a database that does not exist the server came up")
