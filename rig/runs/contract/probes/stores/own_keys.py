"""Keys of the server's own: what they are called, and a seed after they were lost or came from another database."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from rig.contract import CAPACITY, DEACTIVATED, HEARTBEAT, ONLINE, SNAPSHOT
from rig.environment.testbed import Testbed
from rig.fixtures import Fixtures
from rig.observe import Mirror
from rig.record.observations.contract import stores
from rig.runs.contract.probes.instances import elsewhere, instance, patience_s, watch_start
from rig.runs.contract.probes.people import offered_chat, some_customer, some_mitra
from rig.runs.contract.probing import probe
from rig.stack.embedded.postgres import OWNER, EmbeddedPostgres
from rig.stores import Lacks
from rig.stores.postgres import connect
from rig.stores.valkey import OURS
from rig.traffic import Mitra
from rig.waiting import poll_until

DATABASE = "/7"  # of Valkey, which no other probe uses
OTHER = "mirror_rig_other"  # a database of Postgres
OF_THE_CONTRACT = (ONLINE, DEACTIVATED, SNAPSHOT)
TOGGLES = 12  # of the guest, so that what it counts is ahead of what the server itself counts
SEED_EVERY_S, HEALED_S = 1, 6.0
NEW_MITRA = {"display_name": "guest", "is_active": True}


@probe("keys of the server's own", "environment")
def own_keys(testbed: Testbed) -> stores.OwnKeys:
    """A database of Valkey that a server on another Postgres has used; then all keys under `mirror:` are deleted."""
    if testbed.stack.spec.valkey:
        raise Lacks("another database: the rig writes into no other database of a Valkey that was given")
    testbed.empty_stores()
    here, away = some_mitra(testbed, "stays online"), some_mitra(testbed, "is offline", online=False)
    here.accept(offered_chat(some_customer(testbed, "has a chat")))
    right = testbed.stack.server("owner").seat.valkey_url
    env = {"VALKEY_URL": elsewhere(right, DATABASE), "VALKEY_ONLINE_MIRROR_SWEEP_SECONDS": str(SEED_EVERY_S)}
    with Mirror(elsewhere(testbed.stack.valkey.url, DATABASE)) as there:
        there.flush()
        guest = used_by_a_guest(testbed, [here, away])
        with instance(testbed, "owner", env) as server:
            watch_start(server, patience_s(testbed))
            if server.ready is None:
                return stores.OwnKeys(strangers=[], guest=guest, ready=False)
            healed = [look(testbed, there, "keys of another database")] if guest else []
            here.via(server).ping()
            strangers = [key for key in there.keys("*") if not known(key)]
            lose(there, str(here.id), str(away.id))
            healed.append(look(testbed, there, "no key of the server's own"))
        there.flush()
        return stores.OwnKeys(strangers=strangers, guest=guest, ready=True, healed=healed)


def known(key: str) -> bool:
    """Whether it is a key of the contract, or one that the contract leaves to the server."""
    return key in OF_THE_CONTRACT or key.startswith((CAPACITY, HEARTBEAT, "mirror:"))


def lose(there: Mirror, online: str, offline: str) -> None:
    """Delete the server's own keys, and make those of the contract wrong."""
    for key in there.keys("mirror:*"):
        there.run("DEL", key)
    there.run("SREM", ONLINE, online)
    there.run("SADD", ONLINE, offline, str(uuid.uuid4()))
    there.run("SET", CAPACITY + online, "9")
    there.run("SADD", DEACTIVATED, online)


def look(testbed: Testbed, there: Mirror, what: str) -> stores.Healed:
    """Both stores as soon as they agree, else at last."""
    truth, _ = testbed.truth()

    def state() -> dict[str, object]:
        return {
            "online": sorted(there.online()), "deactivated": sorted(there.deactivated()),
            "capacities": there.capacities(), "heartbeats": there.heartbeats(),
        }  # fmt: skip

    loads = {id: str(truth.loads.get(id, 0)) for id in truth.online}
    found = poll_until(
        state, HEALED_S, every_s=0.1,
        until=lambda now: (now["online"], now["deactivated"], now["capacities"]) == (truth.online, truth.deactivated, loads),
    )  # fmt: skip
    told = {"online": truth.online, "deactivated": truth.deactivated, "loads": truth.loads}
    return msgspec.convert([what, told, found], stores.Healed)


def used_by_a_guest(testbed: Testbed, mitras: list[Mitra]) -> bool:
    """Whether a server on another Postgres, with mitras of the same ids, has used this database of Valkey.

    False where the rig cannot make such a database, or plant a mitra in it.
    """
    postgres = testbed.stack.postgres
    if not isinstance(postgres, EmbeddedPostgres) or testbed.stack.spec.sut_setup or testbed.schema.foreign:
        return False
    right = testbed.stack.server("guest").seat
    env = {
        "DATABASE_URL": elsewhere(right.database_url, f"/{OTHER}"),
        "VALKEY_URL": elsewhere(right.valkey_url, DATABASE),
    }
    with database(postgres) as url, instance(testbed, "guest", env) as server:
        watch_start(server, patience_s(testbed))
        if server.ready is None:
            return False
        with Fixtures(url, testbed.schema) as planted:
            for number, mitra in enumerate(mitras):
                insert = planted.schema.insert("mitras", ("id", "phone", "display_name", "is_active"))
                planted.execute(insert, {"id": str(mitra.id), "phone": f"+62812000{number}", **NEW_MITRA})
        for mitra in mitras:
            there = mitra.via(server)
            for _ in range(TOGGLES):
                there.offline()
                there.online()
    return True


@contextmanager
def database(postgres: EmbeddedPostgres) -> Iterator[str]:
    """The owner's URL of a further, empty database of the same cluster, dropped with the block."""
    with connect(postgres.observer_url, f"{OURS}database") as connection:
        connection.autocommit = True
        connection.execute(f"DROP DATABASE IF EXISTS {OTHER} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {OTHER} OWNER {OWNER}")
        try:
            yield elsewhere(postgres.url, f"/{OTHER}")
        finally:
            connection.execute(f"DROP DATABASE {OTHER} WITH (FORCE)")
