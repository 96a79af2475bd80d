"""What Valkey forgets or cuts while it serves on: its scripts, and the connections of subscribers."""

import time
from collections.abc import Callable

import redis

from rig.contract import SETTING_S
from rig.environment.testbed import DEFAULT_SETTINGS, MARGIN_S, Testbed
from rig.record.observations import losses
from rig.record.observations.parts import fields_of
from rig.runs.contract.probes.people import offered_chat, operator, some_customer, some_mitra, told
from rig.runs.contract.probing import probe
from rig.stores import Lacks
from rig.traffic import Mitra, Operator
from rig.waiting import poll_until

SETTLED_S = 2.0  # after which no answer comes from Postgres because of the cut
APART_S = 0.4  # between two changes: the instances have heard of the first one
SUBSCRIBED_S = 5.0  # for a server to subscribe again
MAXIMUM = "max_customers_per_mitra"


@probe("flushed scripts", "races")
def flushed_scripts(testbed: Testbed) -> losses.FlushedScripts:
    """Valkey forgets its scripts; then everything that may need one is asked for once, and the mirror is looked at."""
    testbed.empty_stores()
    mitra, customer = some_mitra(testbed, "by script", online=False), some_customer(testbed, "by script")
    run = testbed.mirror.run
    answers = []
    for action in (mitra.online, mitra.ping, customer.beacon, operator(testbed).available, mitra.offline, mitra.online):
        run("DEL", "availability:snapshot")
        asked(run, "SCRIPT", "FLUSH")
        answers.append(action())
    chat = offered_chat(customer)
    asked(run, "SCRIPT", "FLUSH")
    answers.append(mitra.accept(chat))
    state = poll_until(testbed.mirror_state, 1.0, until=lambda state: state.capacities.get(str(mitra.id)) == "1")
    return losses.FlushedScripts(
        answers=told(answers), online=str(mitra.id) in state.online, capacity=state.capacities.get(str(mitra.id))
    )


@probe("cut subscribers", "races")
def cut_subscribers(testbed: Testbed) -> losses.CutSubscribers:
    """The connections of subscribers are cut; then a setting is changed at one instance, at once and once more later."""
    testbed.empty_stores()
    mitra, customer = some_mitra(testbed, "has one chat"), some_customer(testbed, "has one chat")
    taken = mitra.accept(offered_chat(customer)).status
    control = {name: operator(testbed, name) for name in testbed.servers}

    def listed(name: str) -> bool:
        return lists(control[name], mitra)

    before = [listed(name) for name in control]
    cut = asked(testbed.mirror.run, "CLIENT", "KILL", "TYPE", "PUBSUB")
    changed = control["a"].set_config(MAXIMUM, 1).status
    began = time.time()
    poll_until(lambda: not any(listed(name) for name in control), SUBSCRIBED_S)
    after = [listed(name) for name in control]
    after_s = round(time.time() - began, 3)
    time.sleep(SETTLED_S)
    control["a"].set_config(MAXIMUM, DEFAULT_SETTINGS[MAXIMUM])
    poll_until(lambda: all(listed(name) for name in control), SUBSCRIBED_S)
    again = [listed(name) for name in control]
    return losses.CutSubscribers(
        taken=taken, before=before, cut=cut, changed=changed, after=after, after_s=after_s, again=again
    )


@probe("settings one after another", "races")
def settings_one_after_another(testbed: Testbed) -> losses.SettingsInARow:
    """The maximum is changed twice within a second: by one operator, then by two at different instances."""
    testbed.empty_stores()
    mitra, customer = some_mitra(testbed, "has one chat"), some_customer(testbed, "has one chat")
    taken = mitra.accept(offered_chat(customer)).status
    control = {name: operator(testbed, name) for name in testbed.servers}
    rounds = []
    for via, first, second in (("a", 2, 1), (tuple(control)[-1], 1, 2)):
        answers = [control["a"].set_config(MAXIMUM, first).status]
        time.sleep(APART_S)
        answers.append(control[via].set_config(MAXIMUM, second).status)
        room = second > 1

        def right(room: bool = room) -> bool:
            return all(lists(one, mitra) is room for one in control.values())

        poll_until(right, SETTING_S + MARGIN_S)
        found = [lists(one, mitra) for one in control.values()]
        rounds.append(losses.ChangedTwice(first, second, answers, room, found))
    control["a"].set_config(MAXIMUM, DEFAULT_SETTINGS[MAXIMUM])
    return losses.SettingsInARow(taken=taken, rounds=rounds)


def lists(control: Operator, mitra: Mitra) -> bool:
    """Whether this instance lists the mitra as available."""
    ids = fields_of(control.available().reply).get("mitra_ids")
    return isinstance(ids, list) and str(mitra.id) in ids


def asked(run: Callable[..., object], *words: str) -> int:
    """What Valkey answers. Lacks for a command that it refuses."""
    try:
        reply = run(*words)
    except redis.ResponseError as error:
        raise Lacks(f"{' '.join(words)}: {error}") from None
    return reply if isinstance(reply, int) else 0
