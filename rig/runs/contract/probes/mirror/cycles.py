"""One mitra goes offline and online again dozens of times."""

from rig.environment.testbed import Testbed
from rig.record.observations import numbers
from rig.record.observations.parts import fields_of
from rig.runs.contract.probes.mirror.comparison import differences
from rig.runs.contract.probes.people import offered_chat, some_customer, some_mitra
from rig.runs.contract.probing import probe

CYCLES = 40
NAMED_MAX = 10
AUDIT = "SELECT status::text FROM mitra_online_logs WHERE mitra_id::text = %s ORDER BY id"


@probe("many cycles", "numbers")
def many_cycles(testbed: Testbed) -> numbers.ManyCycles:
    """She has one chat all along, and toggles at each instance in turn; Valkey is looked at after each toggle."""
    testbed.empty_stores()
    mitra, customer = some_mitra(testbed, "comes and goes"), some_customer(testbed, "stays")
    taken = mitra.accept(offered_chat(customer)).status
    sides = [mitra.via(server) for server in testbed.servers.values()]
    wrong: list[str] = []
    unmirrored: list[str] = []
    for number in range(1, CYCLES + 1):
        side = sides[number % len(sides)]
        for state, toggle in ((False, side.offline), (True, side.online)):
            answer = toggle()
            told = fields_of(answer.reply).get("is_online")
            what = f"cycle {number}, {'online' if state else 'offline'}"
            if answer.status != 200 or told is not state:
                wrong.append(f"{what}: {answer.status} {answer.code or answer.error or told}")
            unmirrored += [f"{what}: {difference}" for difference in differences(testbed)]
        if len(wrong) + len(unmirrored) > NAMED_MAX:
            break
    audit = [str(status) for status in testbed.tables.query(AUDIT, (mitra.id,)).column]
    return numbers.ManyCycles(
        cycles=number, taken=taken, wrong=wrong[:NAMED_MAX], unmirrored=unmirrored[:NAMED_MAX], audit=audit
    )
