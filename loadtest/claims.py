"""What the mirror must save, as claims: each with its wording, its measure and its limit (`rig.checks.load.claims.Claim`)."""

import math

from rig.checks.load.claims import Claim, PlannedLoad

PING, POLL, LOOK = "ping", "beacon", "dashboard"


def updates_in(load: PlannedLoad) -> int:
    """⌈T/M⌉ + 1 per instance, over the whole measured period."""
    spans = [phase.seconds for phase in load.phases() if phase.name in ("pings and polls", "chats and toggles too")]
    idle = [phase.seconds for phase in load.phases() if phase.name == "idle"]
    return math.ceil((sum(spans) + (sum(idle) if len(spans) > 1 else 0)) / load.cadences["heartbeat-mirror"]) + 1


CLAIMS = [
    Claim(id="CLAIM-01", wording="A heartbeat causes no SQL statement (2 before the mirror)",
          measure="heartbeat_statements", limit=0, needs=(PING,)),
    Claim(id="CLAIM-02", wording="Statements that name `mitras` or `mitra_online_status`, but for seeds, toggles and chats: at most ⌈T/M⌉ + 1 an instance (1,200 a minute before)",
          measure="named_statements", limit=updates_in, needs=(PING, POLL, LOOK)),
    Claim(id="CLAIM-03", wording="Recomputes of the beacon's answer in any 9.5 s, over all instances: at most 1",
          measure="recomputes", limit=1, needs=(POLL,)),
    Claim(id="CLAIM-04", wording="Queries for who is available, in steady state: none",
          measure="availability_queries", limit=0, needs=(POLL,)),
    Claim(id="CLAIM-05", wording="Updates a mirror cycle: 1 an instance, its array the live mitras",
          measure="mirror_updates", limit=1, needs=(PING,)),
    Claim(id="CLAIM-06", wording="COUNTs for the dashboard: none", measure="dashboard_counts", limit=0, needs=(LOOK,)),
    Claim(id="CLAIM-07", wording="Every request is answered, well and within 5 s", measure="errors", limit=0, needs=(PING, POLL)),
    Claim(id="CLAIM-08", wording="Postgres' own table counters moved by nothing that the ledger does not show",
          measure="beyond_ledger", limit=0, needs=(PING,), witness=True),
    Claim(id="DIFF-01", wording="SQL for heartbeats, as a share of that without the mirror: at most a tenth",
          measure="baseline_share", limit=0.1, needs=(PING,), difference=True),
    Claim(id="DIFF-02", wording="Queries for who is available, as a share of those without the mirror: at most a tenth",
          measure="query_share", limit=0.1, needs=(POLL,), difference=True),
]  # fmt: skip
