"""What is broken on purpose, so that each row is shown to say no. `last`: the step after which nothing more is played."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rig.contract import ONLINE
from rig.errors import unknown
from rig.runs.cutover.rehearsal import Aborted, Rehearsal
from rig.stores.valkey import run

STEERS = "rig:cutover"
GHOST = "00000000-0000-4000-8000-00000000dead"
LATE_S = 12.0


@dataclass(frozen=True)
class Defect:
    """A defect, the row that must say no, and the last step that is needed to see it."""

    name: str
    row: str
    last: str
    text: str


DEFECTS = {
    defect.name: defect
    for defect in (
        Defect("offline", "GO-01", "settle", "somebody sets a mitra offline whose pings are answered"),
        Defect("ghost", "GO-02", "settle", "Y holds a mitra who is not online"),
        Defect("postgres-away", "GO-03", "settle", "Postgres is away for 3 s while the instances settle on Y"),
        Defect("full", "GO-04", "reseed", "Y is full and refuses writes in the middle of the move"),
        Defect("forgotten", "GO-05", "settle", "one instance is forgotten on X"),
        Defect("refused", "GO-06", "settle", "Y refuses a command of the hot path (EVALSHA) after the preflight"),
        Defect("small-postgres", "GO-07", "settle", "Postgres is stated to take one transaction per second"),
        Defect("split", "GO-08", "switch", "the instances stand on two stores for longer than stale_after_seconds"),
        Defect("late", "GO-09", "failover-1", f"the ways to Y come back {LATE_S:g} s after Y itself"),
        Defect("stale-x", "GO-10", "on-x", "after the way back X holds an older state"),
        Defect("evicting", "GO-11", "settle", "Y is too small, and evicts keys of the mirror"),
        Defect("allkeys-lru", "GO-12", "preflight", "the policy of Y is allkeys-lru"),
        Defect("small", "GO-13", "preflight", "Y has no more memory than the mirror needs"),
        Defect("slow", "GO-14", "preflight", "each answer of Y comes 2 ms later"),
        Defect("refused-early", "GO-15", "preflight", "Y refuses a command that the servers use (EVALSHA)"),
        Defect("aborted", "GO-16", "way-back", "somebody ends the rehearsal before the switch"),
    )
}


def defect_named(name: str) -> Defect:
    """UsageError for a name that is none."""
    if name not in DEFECTS:
        raise unknown("defect", name, list(DEFECTS))
    return DEFECTS[name]


def configure(play: Rehearsal, **settings: object) -> None:
    """Change settings of Y, by the right that only the rig has."""
    with play.y.for_faults(STEERS) as connection:
        for name, value in settings.items():
            connection.config_set(name.replace("_", "-"), str(value))


def refuse_scripts(play: Rehearsal) -> None:
    with play.y.for_faults(STEERS) as connection:
        run(connection, "ACL", "SETUSER", "default", "-evalsha", "-eval")


def before_all(play: Rehearsal) -> None:
    """What is there from the start."""
    match play.planted:
        case "allkeys-lru":
            configure(play, maxmemory_policy="allkeys-lru")
        case "small":
            configure(play, maxmemory=int(play.mirrors["X"].client.info("memory")["used_memory"]) + 1)
        case "refused-early":
            refuse_scripts(play)
        case "slow":
            play.ways.url("a", "Y")  # makes the proxy
            play.ways.slow_down(2)


def before_the_switch(play: Rehearsal) -> None:
    match play.planted:
        case "full":
            configure(play, maxmemory_policy="noeviction", maxmemory=1)
        case "refused":
            refuse_scripts(play)
        case "aborted":
            raise Aborted("planted")


def to_be_moved(play: Rehearsal, instances: Sequence[str]) -> Sequence[str]:
    return instances[:-1] if play.planted == "forgotten" else instances


def between_instances(play: Rehearsal) -> None:
    if play.planted == "split" and "X" in play.standing.values():
        play.pass_time(play.pace.stale_s + 2)


def while_watching(play: Rehearsal) -> None:
    if play.step not in ("settle", "on-x"):
        return
    match play.planted:
        case "ghost":
            play.mirrors["Y"].run("SADD", ONLINE, GHOST)
        case "evicting":
            configure(play, maxmemory_policy="allkeys-lru", maxmemory=1)
        case "postgres-away":
            play.testbed.stack.postgres.stop()
            time.sleep(3)
            play.testbed.stack.postgres.start()
        case "offline":
            play.pass_time(play.pace.ping_s)  # so that everybody has pinged
            set_offline(play)


def set_offline(play: Rehearsal) -> None:
    """As a sweep would that trusts old heartbeats: the row, and the row of the audit log."""
    fresh = {
        mitra for mitra, ends in list(play.ledger.pings.items()) if ends and ends[-1] > time.time() - play.pace.ping_s
    }
    tables = play.testbed.tables
    online = tables.query("SELECT mitra_id::text FROM mitra_online_status WHERE is_online").column
    chosen = next(mitra for mitra in online if mitra in fresh)
    tables.query("UPDATE mitra_online_status SET is_online = false WHERE mitra_id::text = %s", (chosen,))
    tables.query(
        "INSERT INTO mitra_online_logs (mitra_id, status) SELECT id, 'offline' FROM mitras WHERE id::text = %s",
        (chosen,),
    )


def after_failover(play: Rehearsal) -> None:
    if play.planted == "late":
        play.ways.enabled(False)
        play.pass_time(LATE_S)
        play.ways.enabled(True)


def after_roll_back(play: Rehearsal) -> None:
    if play.planted == "stale-x":
        play.mirrors["X"].run("SADD", ONLINE, GHOST)
