"""Services that are somebody else's: used only on the user's word and with a marker, never stopped."""

import secrets
from contextlib import closing
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import redis

from rig.stack.docker.container import require_engine
from rig.stack.embedded.postgres import Login, create_login, named_instance
from rig.stack.embedded.toxiproxy import Toxiproxy
from rig.stack.embedded.valkey import User, client, rules, url_of
from rig.stack.errors import CapabilityMissing, SpecError, StackError
from rig.stack.external.given import ask_postgres, ask_valkey, check_valkey
from rig.stack.external.grants import (
    create_granted_login,
    drop_granted_login,
    drop_left_logins,
    hand_over_to,
    sign,
    take_back,
)
from rig.stack.external.scratch_mark import MARK_KEY, mark_valkey, postgres_is_marked, valkey_is_marked
from rig.stack.spec import StackSpec
from rig.stores.postgres import PostgresFacts, connect
from rig.stores.urls import ValkeyUrl
from rig.stores.valkey import OURS, ValkeyFacts, run

LOOPBACK = ("127.0.0.1", "localhost")


def protect(spec: StackSpec) -> None:
    """SpecError unless every external service can be used, is declared scratch by the user and holds the rig's marker.

    StackError where one does not answer, or the mode needs a Docker engine and none answers.
    """
    given = {"Postgres": spec.postgres, "Valkey": spec.valkey}
    named = [service for service, url in given.items() if url]
    if named and not spec.scratch:
        raise SpecError(
            f"the {' and '.join(named)} given would be emptied: if all in it may go, add --scratch"
            " (and mark it once: `rig mark`)"
        )
    if spec.postgres:
        ask_postgres(spec.postgres)
    if spec.valkey:
        check_valkey(spec.valkey)
    how = "mark it with `rig mark --postgres URL --valkey URL`, if all in it may go"
    if spec.postgres and not postgres_is_marked(spec.postgres):
        raise SpecError(f"the Postgres given has no table rig_scratch: {how}")
    if spec.valkey and not valkey_is_marked(spec.valkey):
        raise SpecError(f"the Valkey given has no key {MARK_KEY}: {how}")
    if spec.toxiproxy:
        with closing(Toxiproxy(spec.toxiproxy)) as toxiproxy:
            toxiproxy.version()  # StackError when it does not answer
    if spec.mode == "docker":
        require_engine()


class ExternalPostgres:
    """A scratch database of somebody else's, owned by the URL's role; more roles if it may make them."""

    managed = False
    pid = None

    def __init__(self, url: str, statement_log: Path | None) -> None:
        self.url = url
        self.observer_url = url
        self.statement_log = statement_log
        self.nonce = secrets.token_hex(3)  # another rig may use another database of the same server
        self._logins: dict[str, Login] = {}
        self._instances: dict[str, str] = {}  # by login role
        self._sharing: str | None = None  # the instance that has the login that we were given
        # Whether the instances keep their login role: without a log, pg_stat_statements tells by current role.
        self.by_grants = False
        self._facts: PostgresFacts | None = None

    @property
    def facts(self) -> PostgresFacts:
        """What it is and lets us do, asked once."""
        if self._facts is None:
            self._facts = ask_postgres(self.url, with_log=self.statement_log is not None)
        return self._facts

    @property
    def roles_of_their_own(self) -> bool:
        """Whether SQL can be told apart by instance."""
        return self.facts.can("login roles")

    @property
    def observers(self) -> frozenset[str]:
        """Roles that are ours alone: none, as the server may have the login that we were given."""
        return frozenset()

    def create(self) -> None:
        """Find out what we may do, and take away what a rig that was killed here has left."""
        if not self.facts.can("statement log"):
            self.statement_log = None
        if not self.roles_of_their_own:
            return
        with self._connect() as connection:
            drop_left_logins(connection, self.facts.login)
            if why := self._why_no_login(connection):
                self._facts = self.facts.without("login roles", why)
                return
            self.by_grants = self.statement_log is None and self.facts.can("pg_stat_statements")
            if self.by_grants:
                hand_over_to(connection, self.facts.login, self._prefix)

    def _why_no_login(self, connection: psycopg.Connection) -> str | None:
        """Whether a role that we make gets in at all: a pooler may know only those of its list."""
        role, password = f"{self._prefix}trial", secrets.token_hex(12)
        create_login(connection, role, password, self.facts.login)
        sign(connection, role)
        shared = f"instances share {self.facts.login}"
        try:
            with connect(with_login(self.url, role, password), f"{OURS}stack") as trial:
                row = trial.execute("SELECT session_user::text").fetchone()
            if row != (role,):
                return f"whoever logs in here is {row and row[0]}, as a pooler does it: {shared}"
        except psycopg.OperationalError as error:
            return f"a role that we made may not log in ({' '.join(str(error).split())}): {shared}"
        finally:
            drop_granted_login(connection, role, self.facts.login)
        return None

    @property
    def _prefix(self) -> str:
        return f"sut_{self.nonce}_"

    def instance_of(self, role: str) -> str | None:
        return self._instances.get(role)

    def shared_by(self, role: str) -> str | None:
        """The instance that has this role together with the rig."""
        return self._sharing if role == self.facts.login else None

    def start(self) -> NoReturn:
        self._refuse("start")

    def stop(self) -> NoReturn:
        self._refuse("stop")

    def alive(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def login(self, instance: str) -> Login:
        """A role of the instance's own, dropped at the end; the given one where no role may be made."""
        if not self.roles_of_their_own:
            self._sharing = only_one(self._sharing, instance, f"login roles: {self.facts.lacking['login roles']}")
            return Login(self.facts.login, self.url)
        role = f"{self._prefix}{named_instance(instance)}"
        if role not in self._logins:
            password = secrets.token_hex(12)
            with self._connect() as connection:
                create = create_granted_login if self.by_grants else create_login
                create(connection, role, password, self.facts.login)
                sign(connection, role)
            self._instances[role] = instance
            self._logins[role] = Login(role, with_login(self.url, role, password))
        return self._logins[role]

    def close(self) -> None:
        """Drop the roles that we made; what they made is the owner's then, if it was not all along."""
        if not (self._logins or self.by_grants):
            return
        with self._connect() as connection:
            for role in self._logins:
                drop_granted_login(connection, role, self.facts.login)
            if self.by_grants:
                take_back(connection)

    def _connect(self) -> psycopg.Connection:
        return connect(self.url, f"{OURS}stack")

    def _refuse(self, what: str) -> NoReturn:
        raise CapabilityMissing(
            f"an external Postgres is not ours to {what}: such a scenario needs the embedded or Docker stack"
        )


class ExternalValkey:
    """A scratch Valkey of somebody else's. Instances get users of their own if ours may make them."""

    managed = False
    pid = None

    def __init__(self, url: str) -> None:
        self._where = ValkeyUrl.parse(url)
        self.url = self._where.driver
        self.host, self.port = self._where.host, self._where.port
        self.nonce = secrets.token_hex(3)  # users are the whole server's: another rig may use another database of it
        self._own = User(self._where.username or "default", self._where.password or "")
        self._users: dict[str, User] = {}
        self._instances: dict[str, str] = {}  # by user
        self._sharing: str | None = None  # the instance that has the user that we were given
        self._facts: ValkeyFacts | None = None

    @property
    def facts(self) -> ValkeyFacts:
        """What it is and lets us do, asked once."""
        if self._facts is None:
            self._facts = ask_valkey(self.url)
        return self._facts

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


class ExternalToxiproxy(Toxiproxy):
    """A Toxiproxy that runs already; we remove the proxies that we made."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._made: list[str] = []

    def create(self) -> None:
        self.version()

    def create_proxy(self, name: str, port: int, upstream: str) -> str:
        if name in self.proxies() and name not in self._made:
            raise StackError(
                f"the Toxiproxy at {self.url} has a proxy {name} that is not ours: does another rig use it?"
            )
        self._made.append(name)
        return super().create_proxy(name, port, upstream)

    def close(self) -> None:
        for name in self._made:
            self.delete_proxy(name)
        super().close()


def only_one(sharing: str | None, instance: str, lack: str) -> str:
    """The instance that may have what we were given. CapabilityMissing for a second: it could not be told from the first."""
    if sharing not in (None, instance):
        raise CapabilityMissing(f"{lack}; a second instance could not be told from the first")
    return instance


def with_login(url: str, user: str, password: str) -> str:
    """The same URL with another login."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user)}:{quote(password)}@{place}"))
