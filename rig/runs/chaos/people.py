"""The people of a campaign, who they are before the traffic begins, and the traffic that they make."""

import time

from rig.environment.testbed import Testbed
from rig.fixtures.rows import Row
from rig.record.lines.common import Person
from rig.runs.chaos.campaign import Campaign
from rig.traffic import Customer, Mitra, Operator
from rig.traffic.background.steps import MAXIMA
from rig.traffic.background.workload import MOST_CHATS, Workload

CHAT_S = 86_400  # the longest that the contract allows: it outlives every campaign


def make_workload(testbed: Testbed, campaign: Campaign) -> Workload:
    """Mitras, customers and two operators, spread over the instances; all mitras but the fleet and one go online."""
    servers, pace = list(testbed.servers.values()), campaign.pace
    everyone = []
    for number, row in enumerate(testbed.fixtures.mitras(pace.mitras + pace.fleet, "mitra")):
        if number < pace.mitras:  # the fleet only pings, and is large
            testbed.recorder.add(Person(t=time.time(), id=row.id, name=f"mitra {number}", role="mitra"))
        server = servers[number % len(servers)]
        everyone.append(Mitra.from_secret(server, row.id, row.phone, testbed.recorder, name=str(number)))
    mitras, fleet = everyone[: pace.mitras], everyone[pace.mitras :]
    customers = [make_customer(testbed, number) for number in range(pace.customers)]
    for number, mitra in enumerate(mitras):
        if number != pace.away:
            mitra.online()
    for mitra in mitras[pace.silent_numbers.stop :]:
        # A sign-in of hers that a deactivation has to revoke; she goes on with her minted token.
        Mitra(mitra.server, mitra.id, mitra.phone, testbed.recorder, name=mitra.name).login()
    operator, second = (Operator(server, testbed.recorder) for server in (servers[0], servers[-1]))
    for key, value in campaign.settings.items():
        operator.set_config(key, value)
    give_chats(testbed, campaign, mitras, operator)
    return Workload(mitras, customers, operator, fleet, second)


def make_customer(testbed: Testbed, number: int) -> Customer:
    """A customer with a name by this number, at the instance whose turn it is."""
    servers = list(testbed.servers.values())
    row: Row = testbed.fixtures.customer(f"customer {number}")
    testbed.recorder.add(Person(t=time.time(), id=row.id, name=f"customer {number}", role="customer"))
    return Customer.from_secret(servers[number % len(servers)], row.id, row.phone, testbed.recorder, name=str(number))


def give_chats(testbed: Testbed, campaign: Campaign, mitras: list[Mitra], operator: Operator) -> None:
    """Chats that outlive the campaign: as many as the highest maximum for the full mitra, one for her who toggles."""
    pace = campaign.pace
    if pace.full is None or pace.busy is None:
        return
    operator.set_config(MOST_CHATS, max(MAXIMA))
    for number, mitra in enumerate([mitras[pace.busy], *[mitras[pace.full]] * max(MAXIMA)], pace.customers):
        customer = make_customer(testbed, number)
        created = customer.create(CHAT_S)
        mitra.online()  # a silent mitra is offered nothing, and setting up may take longer than a heartbeat lasts
        if created.ok:  # else the state is not met, which the campaign says
            customer.pay(created.reply["id"])
            mitra.accept(created.reply["id"])
