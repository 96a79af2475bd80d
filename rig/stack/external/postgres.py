"""A Postgres that is somebody else's: never stopped, and left without the roles that we made."""

import secrets
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg

from rig.stack.embedded.postgres import Login, create_login, named_instance
from rig.stack.errors import CapabilityMissing
from rig.stack.external.given import ask_postgres, only_one
from rig.stack.external.grants import (
    create_granted_login,
    drop_granted_login,
    drop_left_logins,
    hand_over_to,
    sign,
    take_back,
)
from rig.stores.postgres import PostgresFacts, connect
from rig.stores.valkey import OURS


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


def with_login(url: str, user: str, password: str) -> str:
    """The same URL with another login."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user)}:{quote(password)}@{place}"))
