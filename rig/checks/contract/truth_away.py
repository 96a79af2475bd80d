"""Judges what is answered while Postgres is stopped."""

from rig.checks.contract.edges import ANSWER_S
from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.checks.contract.stops import exits
from rig.record.observations import environment

SENTENCES = ("OUTAGE-08", "OUTAGE-09", "HTTP-19", "HTTP-20", "READY-01", "READY-02", "READY-03", "STOP-03", "STOP-04")


@probe_check("Postgres away", *SENTENCES)
def postgres_away(judge: ProbeJudge, seen: environment.PostgresAway) -> None:
    for what, status, code, _ in seen.kept:
        sentence = "HTTP-19" if what == "auth_providers" else "OUTAGE-08"
        judge.require(sentence, status == 200, f"without Postgres {what} was answered {status} {code or ''}")
    for what, status, code, _ in seen.needed:
        right = (status, code) == (503, "SERVICE_UNAVAILABLE")
        judge.require(
            "OUTAGE-09",
            right,
            f"without Postgres {what} was answered {status} {code}, expected 503 SERVICE_UNAVAILABLE",
        )
    for what, _, _, seconds in (*seen.kept, *seen.needed):
        judge.require("HTTP-20", seconds <= ANSWER_S, f"without Postgres {what} was answered after {seconds:.1f} s")
    for what, status, code, _ in seen.again:
        right = status is not None and status < 300
        judge.require("OUTAGE-09", right, f"5 s after Postgres was back {what} was answered {status} {code or ''}")
    judge.require("READY-03", seen.readyz == 503, f"without Postgres /readyz is {seen.readyz}")
    judge.require("READY-01", seen.healthz == 200, f"without Postgres /healthz is {seen.healthz}")
    judge.require("READY-02", seen.readyz_again == 200, f"5 s after Postgres was back /readyz is {seen.readyz_again}")
    if judge.assume("STOP-03", seen.start.ready_s is not None, "the instance to be stopped did not come up"):
        exits(judge, "with Postgres stopped", seen.end)
