"""Services that are somebody else's: used only on the user's word and with a marker, never stopped."""

import secrets
from contextlib import closing
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
import redis

from rig.stack.container import require_engine
from rig.stack.errors import CapabilityMissing, SpecError, StackError
from rig.stack.grants import (
    counts_by_current_role,
    create_granted_login,
    drop_granted_login,
    hand_over_to,
    take_back,
)
from rig.stack.marks import MARK_KEY, OURS, mark_valkey, postgres_is_marked, valkey_is_marked
from rig.stack.postgres import Login, create_login, role_of
from rig.stack.spec import StackSpec
from rig.stack.toxiproxy import Toxiproxy
from rig.stack.valkey import User, client, rules, url_of, user_of

CONNECT_S = 5


def protect(spec: StackSpec) -> None:
    """SpecError unless every external service is declared scratch by the user and holds the rig's marker.

    StackError where the mode needs a Docker engine and none answers.
    """
    given = {"Postgres": spec.postgres, "Valkey": spec.valkey}
    named = [service for service, url in given.items() if url]
    if named and not spec.scratch:
        raise SpecError(
            f"the {' and '.join(named)} given would be emptied: if all in it may go, add --scratch"
            " (and mark it once: `rig mark`)"
        )
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
        self._owner = ""
        self._logins: dict[str, Login] = {}
        self.roles_of_their_own = False  # whether SQL can be told apart by instance
        # Whether the instances keep their login role: without a log, pg_stat_statements tells by current role.
        self.by_grants = False

    def create(self) -> None:
        """Find out who we are there and what we may do."""
        with self._connect() as connection:
            row = connection.execute(
                "SELECT current_user, rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
            assert row is not None, "the current user is always in pg_roles"
            self._owner, self.roles_of_their_own = row
            self.by_grants = (
                self.roles_of_their_own and self.statement_log is None and counts_by_current_role(connection)
            )
            if self.by_grants:
                hand_over_to(connection, self._owner)

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
        role = role_of(instance)
        if not self.roles_of_their_own:
            return Login(self._owner, self.url)
        if role not in self._logins:
            password = secrets.token_hex(12)
            with self._connect() as connection:
                drop_granted_login(connection, role, self._owner)  # left by a rig that was killed
                create = create_granted_login if self.by_grants else create_login
                create(connection, role, password, self._owner)
            self._logins[role] = Login(role, with_login(self.url, role, password))
        return self._logins[role]

    def close(self) -> None:
        """Drop the roles that we made; what they made is the owner's then, if it was not all along."""
        if not (self._logins or self.by_grants):
            return
        with self._connect() as connection:
            for role in self._logins:
                drop_granted_login(connection, role, self._owner)
            if self.by_grants:
                take_back(connection)

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self.url, autocommit=True, connect_timeout=CONNECT_S, application_name=f"{OURS}stack")

    def _refuse(self, what: str) -> NoReturn:
        raise CapabilityMissing(
            f"an external Postgres is not ours to {what}: such a scenario needs the embedded or Docker stack"
        )


class ExternalValkey:
    """A scratch Valkey of somebody else's. Instances get users of their own if ours may make them."""

    managed = False
    pid = None

    def __init__(self, url: str) -> None:
        self.url = url
        parts = urlsplit(url)
        self.host = parts.hostname or "127.0.0.1"
        self.port = parts.port or 6379
        self._own = User(parts.username or "default", parts.password or "")
        self._users: dict[str, User] = {}
        self.users_of_their_own = False  # whether commands can be told apart by instance

    def create(self) -> None:
        """Find out whether we may make users."""
        with client(self.url) as connection:
            try:
                connection.execute_command("ACL", "LIST")
                self.users_of_their_own = True
            except redis.ResponseError:
                self.users_of_their_own = False

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
        name = user_of(instance)
        if not self.users_of_their_own:
            return self._own
        if name not in self._users:
            password = secrets.token_hex(12)
            with client(self.url) as connection:
                connection.execute_command("ACL", "SETUSER", name, "reset", *rules(password).split())
            self._users[name] = User(name, password)
        return self._users[name]

    def url_of(self, user: User, address: str) -> str:
        if urlsplit(self.url).scheme == "rediss" and address != f"{self.host}:{self.port}":
            raise StackError(
                "a Valkey behind TLS cannot be proxied (its name would not fit): use redis:// or no faults"
            )
        return url_of(user, address, like=self.url)

    def close(self) -> None:
        """Remove our users and put the marker back, which a FLUSHDB of the run took along."""
        with client(self.url) as connection:
            for name in self._users:
                connection.execute_command("ACL", "DELUSER", name)
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


def with_login(url: str, user: str, password: str) -> str:
    """The same URL with another login."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user)}:{quote(password)}@{place}"))
