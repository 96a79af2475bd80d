"""The job that writes heartbeats to Postgres, for mitras in every state in which they are online."""

import time

from rig.environment.cadence import ENVIRONMENT
from rig.environment.testbed import Testbed
from rig.observe.valkey.mirror_keys import parse_heartbeat
from rig.record.observations import numbers
from rig.runs.contract.probes.instances import instance, patience_s, watch_start
from rig.runs.contract.probes.people import offered_chat, operator, some_customer, some_mitra
from rig.runs.contract.probing import probe
from rig.waiting import poll_until

CYCLE_S = 1
COPIED_S = CYCLE_S + 1.0  # in which a heartbeat must be in Postgres
SPARE_S = 3.0  # that is waited beyond it for a slow machine
CLOSE_S = 0.001
WRITTEN = "SELECT extract(epoch FROM last_heartbeat_at)::float8 FROM mitra_online_status WHERE mitra_id::text = %s"


@probe("heartbeats in Postgres", "environment")
def heartbeats_in_postgres(testbed: Testbed) -> numbers.CopiedHeartbeats:
    """One ping of each mitra at an instance that writes heartbeats each second; one is deactivated right after it."""
    testbed.empty_stores()
    with instance(testbed, "copies", {ENVIRONMENT["heartbeat-mirror"]: str(CYCLE_S)}) as server:
        watch_start(server, patience_s(testbed))
        if server.ready is None:
            return numbers.CopiedHeartbeats(ready=False, allowed_s=COPIED_S, found=[])
        people = {name: some_mitra(testbed, name) for name in ("idle", "busy", "deactivated")}
        people["busy"].accept(offered_chat(some_customer(testbed, "has a chat")))
        for mitra in people.values():
            mitra.via(server).ping()
        operator(testbed).set_active(str(people["deactivated"].id), False)
        began = time.time()
        beats = {name: parse_heartbeat(testbed.mirror.heartbeat(str(one.id))) for name, one in people.items()}
        copied: dict[str, float] = {}

        def look() -> bool:
            for name, mitra in people.items():
                written = testbed.tables.query(WRITTEN, (mitra.id,)).value
                if written is not None and written >= (beats[name] or 0.0) - CLOSE_S:
                    copied.setdefault(name, round(time.time() - began, 3))
            return len(copied) == len(people)

        poll_until(look, COPIED_S + SPARE_S)
    found = [numbers.CopiedHeartbeat(name, beats[name] is not None, copied.get(name)) for name in people]
    return numbers.CopiedHeartbeats(ready=True, allowed_s=COPIED_S, found=found)
