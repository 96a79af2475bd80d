"""Judges the names of a server's own keys, and the mirror after they were lost or came from another database."""

from rig.checks.contract.probes import ProbeJudge, probe_check
from rig.record.observations.contract import stores


@probe_check("keys of the server's own", "KEY-11")
def own_keys(judge: ProbeJudge, seen: stores.OwnKeys) -> None:
    if not judge.assume("KEY-11", seen.ready, "the instance did not come up"):
        return
    told = f"keys that are not of the contract stand outside `mirror:`: {seen.strangers}"
    judge.require("KEY-11", not seen.strangers, told)
    for what, truth, mirror in seen.healed:
        loads = {id: str(truth.loads.get(id, 0)) for id in truth.online}
        for name, held, right in (
            ("mitras:online", mirror.online, truth.online),
            ("mitras:deactivated", mirror.deactivated, truth.deactivated),
            ("the capacity keys", mirror.capacities, loads),
        ):
            judge.require("KEY-11", held == right, f"with {what} a seed left {name} as {held}, expected {right}")
