"""People of the checklist: mitras, customers and operators, and what they do in an app."""

import re
import time
from typing import Any

from pytest_bdd import given, parsers, when

from features.steps.held import with_commit_held
from rig.environment.step_errors import Broke, Unmet
from rig.runs.checklist.world import World
from rig.traffic import BackgroundPings, Exchange

NOBODY = "00000000-0000-0000-0000-000000000999"  # an id that no mitra has, as somebody may put it into Valkey by hand
TIMED = ("extend",)  # refused once the chat's time is up, which a rig that is late may bring about
NAMES = r"(?P<names>[A-Z]\w+(?:(?:, | and )[A-Z]\w+)*)"


def split_names(names: str) -> list[str]:
    return re.split(r", | and ", names)


def must(exchange: Exchange, *statuses: int) -> Exchange:
    """A step that only prepares the scene needs its answer; without it nothing after it can be judged.

    Another answer is the server's fault, unless time alone can bring it about. A 5xx stands in the record as it is,
    and CONTRACT is judged by it there.
    """
    if exchange.status in statuses:
        return exchange
    told = f"{exchange.method} {exchange.url} answered {exchange.status or exchange.error}: {exchange.reply}"
    answered = exchange.status is not None and exchange.status < 500
    raise (Broke if answered and exchange.action not in TIMED else Unmet)(told)


def told(exchange: Exchange, name: str) -> Any:
    """What the answer says under that name; the contract has it there."""
    reply = exchange.reply
    if not isinstance(reply, dict) or name not in reply:
        raise Broke(f"{exchange.method} {exchange.url} answered {exchange.status} without {name!r}: {reply}")
    return reply[name]


# --- who is there -----------------------------------------------------------------------------------------------


@given(parsers.re(NAMES + r" (?:is a mitra|are mitras)"))
def mitras(world: World, names: str) -> None:
    for name in split_names(names):
        world.add_mitra(name)


@given(parsers.re(NAMES + r" (?:is an online mitra|are online mitras)"))
def online_mitras(world: World, names: str) -> None:
    """They went online through the app, so both stores know."""
    for name in split_names(names):
        must(world.add_mitra(name).online(), 200)


@given(parsers.re(NAMES + r" (?:is a deactivated mitra|are deactivated mitras)"))
def deactivated_mitras(world: World, names: str) -> None:
    for name in split_names(names):
        must(world.operator().set_active(world.add_mitra(name).id, False), 200)


@given(parsers.re(NAMES + r" (?:is a customer|are customers)"))
def customers(world: World, names: str) -> None:
    for name in split_names(names):
        world.add_customer(name)


# --- mitra app --------------------------------------------------------------------------------------------------


@given(parsers.re(r"(?P<name>[A-Z]\w+) goes (?P<way>online|offline)"))
@when(parsers.re(r"(?P<name>[A-Z]\w+) goes (?P<way>online|offline)"))
def toggles(world: World, name: str, way: str) -> None:
    mitra = world.mitra(name)
    world.notes[f"{name} {way}"] = mitra.online() if way == "online" else mitra.offline()


@when(parsers.re(r"(?P<name>[A-Z]\w+) goes online, and the COMMIT is held back for a moment"))
def goes_online_held(world: World, name: str) -> None:
    held = with_commit_held(world, "mitra_online_status", world.mitra(name).online)
    world.notes[f"{name} online"], world.notes[f"{name} released at"] = held.exchange, held.released_at


@given(parsers.re(r"(?P<name>[A-Z]\w+) pings"))
@when(parsers.re(r"(?P<name>[A-Z]\w+) pings"))
def pings(world: World, name: str) -> None:
    world.notes[f"{name} ping"] = world.mitra(name).ping()


@when(parsers.re(r"(?P<name>[A-Z]\w+) pings (?P<count>\d+) times"))
def pings_often(world: World, name: str, count: str) -> None:
    """Leaves all exchanges and the window in which they were made."""
    mitra = world.mitra(name)
    since = time.time()
    exchanges = [mitra.ping() for _ in range(int(count))]
    world.notes[f"{name} pings"] = {"since": since, "until": time.time(), "exchanges": exchanges}


@given(parsers.re(NAMES + r" keeps? pinging every (?P<seconds>\d+) seconds"))
def keep_pinging(world: World, names: str, seconds: str) -> None:
    every_s = world.cadence.seconds("ping", int(seconds))
    pings = BackgroundPings([world.mitra(name) for name in split_names(names)], every_s)
    pings.start()
    world.notes["pings every"] = every_s
    world.notes.setdefault("background pings", []).append(pings)
    world.notes[f"background pings {len(world.notes['background pings'])}"] = pings


@when("they stop pinging")
def stop_pinging(world: World) -> None:
    for pings in world.notes.get("background pings", []):
        pings.stop()


# --- chats ------------------------------------------------------------------------------------------------------


def open_chat(world: World, customer: str, seconds: int) -> str:
    """A new, unpaid chat; its id is noted under the customer's name."""
    created = must(world.customer(customer).create(seconds), 201)
    world.notes[f"{customer} chat"] = told(created, "id")
    return world.notes[f"{customer} chat"]


def pay(world: World, customer: str) -> Exchange:
    paid = world.customer(customer).pay(world.notes[f"{customer} chat"])
    world.notes[f"{customer} paid"] = paid
    return paid


def start_chat(world: World, customer: str, mitra: str, seconds: int) -> dict[str, Any]:
    """Create, pay, accept: the session as the accept answered it, noted under both names."""
    chat = open_chat(world, customer, seconds)
    must(pay(world, customer), 200)
    accepted = world.mitra(mitra).accept(chat)
    world.notes[f"{customer} accepted"] = accepted
    return must(accepted, 200).reply


@given(parsers.re(r"(?P<customer>[A-Z]\w+) has a chat of (?P<seconds>\d+) seconds with (?P<mitra>[A-Z]\w+)"))
def has_chat(world: World, customer: str, seconds: str, mitra: str) -> None:
    start_chat(world, customer, mitra, int(seconds))


@when(parsers.re(r"(?P<customer>[A-Z]\w+) pays for a chat of (?P<seconds>\d+) seconds"))
def pays(world: World, customer: str, seconds: str) -> None:
    open_chat(world, customer, int(seconds))
    pay(world, customer)


@when(parsers.re(r"(?P<mitra>[A-Z]\w+) accepts (?P<customer>[A-Z]\w+)'s chat"))
def accepts(world: World, mitra: str, customer: str) -> None:
    world.notes[f"{customer} accepted"] = world.mitra(mitra).accept(world.notes[f"{customer} chat"])


@when(parsers.re(r"(?P<customer>[A-Z]\w+) ends the chat"))
def ends(world: World, customer: str) -> None:
    world.notes[f"{customer} ended"] = world.customer(customer).end(world.notes[f"{customer} chat"])


# --- control center ---------------------------------------------------------------------------------------------


@given(parsers.re(r"the operator (?P<what>deactivates|re-activates) (?P<name>[A-Z]\w+)"))
@when(parsers.re(r"the operator (?P<what>deactivates|re-activates) (?P<name>[A-Z]\w+)"))
def sets_active(world: World, what: str, name: str) -> None:
    world.notes[f"{name} {what}"] = world.operator().set_active(world.mitra(name).id, what == "re-activates")


@when(parsers.re(r"the operator sets (?P<key>\w+) to (?P<value>\d+)"))
def sets_setting(world: World, key: str, value: str) -> None:
    world.testbed.settings_touched()
    world.notes[f"set {key}"] = world.operator().set_config(key, int(value))


@when(parsers.re(r"the operator sets (?P<key>\w+) to (?P<value>\d+), and its COMMIT is held back for a moment"))
def sets_setting_held(world: World, key: str, value: str) -> None:
    world.testbed.settings_touched()
    held = with_commit_held(world, "app_config", lambda: world.operator().set_config(key, int(value)))
    world.notes[f"set {key}"], world.notes["released at"] = held.exchange, held.released_at
