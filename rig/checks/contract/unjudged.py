"""The sentences of docs/contract.md that no part of the rig judges, and why. All others have a check, an item or an invariant."""

UNJUDGED: dict[str, str] = {
    "STORE-01": "the rig has one version of each store; other versions are stores that the user gives",
    "STORE-02": "the rig has no store of an older version",
    "STORE-03": "the rig starts no cluster and no replica of Valkey",
    "KEY-11": "the contract names no single key of a server's own that could be lost",
    "START-01": "the order of timers and seed shows in nothing that a client can see; START-02 to START-06 judge its effects",
    "STOP-05": "needs a Postgres that hangs during SIGTERM",
    "STOP-06": "needs a resolver that hangs, or a log that nobody reads, during SIGTERM",
    "HTTP-14": "heads of megabytes are not sent yet",
    "HTTP-15": "heads over 64 KiB are not sent yet",
    "HTTP-16": "takes 15 s of silence on a connection for each look",
    "HTTP-17": "takes 320 connections and a client that pings for minutes",
    "PING-07": "nothing tells from outside how long Postgres has kept a request waiting",
    "SWEEP-05": "the contract allows a server to hold no tick at all",
    "SWEEP-06": "the contract does not say when a tick may be held otherwise",
    "SEED-06": "no client can tell when a seed runs",
    "OUTAGE-10": "needs a hang that ends before any connection notices it",
    "OUTAGE-11": "needs an older copy of Postgres; the campaign `restored` looks at it as a whole",
    "OUTAGE-12": "needs an older copy of Postgres; the campaign `restored` looks at it as a whole",
    "GROW-02": "needs more requests than a run of this length sends",
    "LOG-09": "the time at which a line is written is not known to the rig, only that at which it arrives",
}
