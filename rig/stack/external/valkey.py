"""A Valkey that is somebody else's: never stopped, and left without the users that we made."""

import secrets
from typing import Any, NoReturn

import redis

from rig.stack.embedded.postgres import named_instance
from rig.stack.embedded.valkey import client
from rig.stack.embedded.valkey_users import User, rules, url_of
from rig.stack.errors import CapabilityMissing
from rig.stack.external.given import ask_valkey, only_one
from rig.stack.external.scratch_mark import mark_valkey
from rig.stores.urls import ValkeyUrl
from rig.stores.valkey import ValkeyFacts, connect, run

LOOPBACK = ("127.0.0.1", "localhost")


class ExternalValkey:
    """A scratch Valkey of somebody else's. Instances get users of their own if ours may make them."""

    managed = False
    pid = None

    def __init__(self, url: str, *, login_shared: bool = False) -> None:
        self._where = ValkeyUrl.parse(url)
        self.url = self._where.driver
        self.host, self.port = self._where.host, self._where.port
        self.nonce = secrets.token_hex(3)  # users are the whole server's: another rig may use another database of it
        self._own = User(self._where.username or "default", self._where.password or "")
        self._users: dict[str, User] = {}
        self._instances: dict[str, str] = {}  # by user
        self._sharing: str | None = None  # the instance that has the user that we were given
        self._login_shared = login_shared  # any number of instances may have it
        self._facts: ValkeyFacts | None = None

    @property
    def facts(self) -> ValkeyFacts:
        """What it is and lets us do, asked once."""
        if self._facts is None:
            self._facts = ask_valkey(self.url)
        return self._facts

    def for_faults(self, name: str, **more: Any) -> redis.Redis:
        """A client to inject faults with: it may do what we were allowed."""
        return connect(self.url, name, **more)

    @property
    def facts_for_faults(self) -> ValkeyFacts:
        return self.facts

    @property
    def users_of_their_own(self) -> bool:
        """Whether commands can be told apart by instance."""
        return self.facts.can("ACL")

    def instance_of(self, user: str) -> str | None:
        """Whose user it is; None too for one that several share."""
        return self._instances.get(user)

    def create(self) -> None:
        """Find out what we may do, before a fault is in the way of it."""
        _ = self.facts

    def start(self) -> NoReturn:
        self._refuse("start")

    def stop(self) -> NoReturn:
        self._refuse("stop")

    def kill(self) -> NoReturn:
        self._refuse("kill")

    def pause(self) -> NoReturn:
        self._refuse("pause")

    def resume(self) -> NoReturn:
        self._refuse("resume")

    def alive(self) -> bool:
        with client(self.url) as connection:
            try:
                return bool(connection.ping())
            except redis.RedisError:
                return False

    def user(self, instance: str) -> User:
        """A user of the instance's own, removed at the end; the given one where no user may be made."""
        if not self.users_of_their_own:
            if self._login_shared:
                return self._own
            self._sharing = only_one(self._sharing, instance, f"ACL: {self.facts.lacking['ACL']}")
            return self._own
        name = f"sut-{self.nonce}-{named_instance(instance)}"
        if name not in self._users:
            password = secrets.token_hex(12)
            with client(self.url) as connection:
                run(connection, "ACL", "SETUSER", name, "reset", *rules(password).split())
            self._instances[name] = instance
            self._users[name] = User(name, password)
        return self._users[name]

    def why_direct(self, proxy_host: str) -> str:
        """Why no proxy may stand between it and a server; "" where one may."""
        if self._where.socket:
            return "Valkey is at a Unix socket, before which no proxy of ours can stand"
        if self._where.tls and not (self.host in LOOPBACK and proxy_host in LOOPBACK):
            return f"Valkey's certificate names {self.host}, and a proxy before it has another name"
        return ""

    def url_of(self, user: User, address: str) -> str:
        """As that user by `address`: its own or a proxy's, whose name has to be the one that a certificate names."""
        if self._where.tls:
            address = f"{self.host}:{address.rpartition(':')[2]}"
        return url_of(user, "" if self._where.socket else address, like=self.url)

    def close(self) -> None:
        """Remove our users and put the marker back, which a FLUSHDB of the run took along."""
        with client(self.url) as connection:
            for name in self._users:
                run(connection, "ACL", "DELUSER", name)
        mark_valkey(self.url, even_if_used=True)

    def _refuse(self, what: str) -> NoReturn:
        raise CapabilityMissing(
            f"an external Valkey is not ours to {what}: such a scenario needs the embedded or Docker stack"
        )
