"""Judges instances in another time zone, on another database, and on settings that are none."""

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations import environment

DEFAULT_SETTINGS = {"max_customers_per_mitra": 3, "stale_after_seconds": 90}
CLOCKS_S = 5.0  # between a request and the time that it left behind


@probe_check("another time zone and database", "ENV-01", "ENV-02", "TIME-01")
def another_place(judge: ProbeJudge, seen: environment.AnotherPlace) -> None:
    if not judge.require("ENV-01", seen.ready, "on another database of Valkey the instance did not come up"):
        return
    if not judge.assume("ENV-01", set(seen.answers) == {200}, f"on the way came {seen.answers}"):
        return
    judge.require(
        "ENV-01", seen.there, "a mitra who went online is not in `mitras:online` of the database in VALKEY_URL"
    )
    judge.require("ENV-02", not seen.here, "a mitra who went online is in `mitras:online` of another database")
    near = seen.heartbeat_at is not None and abs(seen.heartbeat_at - seen.pinged) <= CLOCKS_S
    judge.require(
        "TIME-01", near, f"with another TZ the heartbeat of a ping is {seen.heartbeat!r}, no time in UTC near it"
    )
    ends = seen.ends_at_s is not None and abs(seen.ends_at_s - seen.taken - seen.duration_s) <= CLOCKS_S
    told = f"with another TZ `ends_at` is {seen.ends_at!r}, expected {seen.duration_s} s after the accept, in UTC"
    judge.require("TIME-01", ends, told)


@probe_check("settings that are none", "TABLE-07")
def settings_that_are_none(judge: ProbeJudge, seen: environment.StartsOnSettings) -> None:
    for start in seen.starts:
        if not judge.require("TABLE-07", start.ready, f"on the settings {start.values} the instance did not come up"):
            continue
        right = start.config == DEFAULT_SETTINGS
        judge.require("TABLE-07", right, f"on {start.values} the settings are {start.config}, expected the defaults")
        told = f"on {start.values} a ping and an accept were answered {start.served}"
        judge.require("TABLE-07", set(start.served) == {200}, told)
        silent = [key for key in start.values if key not in start.logged]
        judge.require("TABLE-07", not silent, f"on {start.values} no log line names {' and '.join(silent)}")
