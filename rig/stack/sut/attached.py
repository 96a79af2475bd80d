"""A server that somebody else started: looked at and spoken to, never started, stopped or configured."""

import socket
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from rig.stack.embedded.toxiproxy import Toxiproxy
from rig.stack.embedded.valkey import client
from rig.stack.errors import CapabilityMissing, StackError
from rig.stack.external.given import postgres
from rig.stack.sut.attached_log import AttachedLog
from rig.stack.sut.attachment import Attachment
from rig.stack.sut.readiness import await_ready
from rig.stores.valkey import OURS
from rig.waiting import WaitTimeout, poll_until

LOOK_EVERY_S = 0.02
CUT_S = 2.0
CONNECT_S = 1.0
NOT_OURS = "the running server is not ours to {what}: such a scenario needs one that the rig starts (--sut COMMAND)"


class AttachedServer:
    """The one instance of a run with `--base-url`, with the face of a `ServerInstance`."""

    managed = False
    process = None
    pid = None
    exit_code = None
    started = None  # before we came: all that its log holds belongs to that start

    def __init__(
        self, name: str, attachment: Attachment, postgres: Any, valkey: Any, toxiproxy: Any, log: Path
    ) -> None:
        self.name = name
        self.public_url, self.internal_url = attachment.public_url, attachment.internal_url
        self.jwt_secret = attachment.jwt_secret
        self.proxy = attachment.proxy
        self.env = {**attachment.cadences(), "VALKEY_URL": toxiproxy.address_for_clients() or valkey.url}
        self.ready: float | None = None  # epoch seconds of the first 200 of /readyz that we saw
        self._attachment = attachment
        self._postgres, self._valkey = postgres, valkey
        self._log = AttachedLog(attachment.log, log) if attachment.log else None

    @property
    def internal_token(self) -> str:
        return self._needed(self._attachment.internal_token, "a route of the control center", "--internal-token T")

    @property
    def otp_code(self) -> str:
        return self._needed(self._attachment.otp_code, "a sign-in", "--otp-code CODE")

    @property
    def log(self) -> Path:
        """The stamped copy of its log from when we came; what was in the file before bears the stamp 0."""
        if self._log is None:
            raise CapabilityMissing("the running server's log is not known: give --sut-log FILE")
        return self._log.stamped

    @property
    def role(self) -> str:
        """The login role that most of its connections have: everybody in this database who is not the rig."""
        with closing(postgres(self._postgres.url)) as connection:
            rows = connection.execute(
                "SELECT usename FROM pg_stat_activity WHERE datname = current_database() AND usename IS NOT NULL"
                " AND backend_type = 'client backend' AND application_name NOT LIKE %s",
                (f"{OURS}%",),
            ).fetchall()
        if not rows:
            raise StackError(
                "nobody but the rig is connected to the Postgres given: is the server's DATABASE_URL another?"
            )
        roles: Counter[str] = Counter(row[0] for row in rows)
        return roles.most_common(1)[0][0]

    @property
    def valkey_user(self) -> str:
        users: Counter[str] = Counter(each["user"] for each in others(self._valkey))
        if not users:
            raise StackError("nobody but the rig is connected to the Valkey given: is the server's VALKEY_URL another?")
        return users.most_common(1)[0][0]

    @property
    def running(self) -> bool:
        """Whether somebody listens where its internal listener was."""
        parts = urlsplit(self.internal_url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with suppress(OSError), socket.create_connection((parts.hostname, port), timeout=CONNECT_S):
            return True
        return False

    def wait_ready(self, within_s: float) -> None:
        """Wait for its /readyz, and see that its stores are the ones given. StackError says what is not so."""
        try:
            await_ready(self.internal_url, within_s)
        except WaitTimeout as late:
            raise StackError(
                f"the running server was not ready within {within_s:g} s: {late.seen}."
                f" Is --internal-url ({self.internal_url}) its internal listener, and does it run?"
            ) from None
        if self.ready is None:
            if self._postgres.url:
                self._see_stores()
            self.ready = time.time()

    def _see_stores(self) -> None:
        """StackError unless somebody but the rig uses the stores given."""
        _ = self.role
        if self._valkey.facts.can("CLIENT LIST") and self._valkey.facts.can("CLIENT SETNAME"):
            _ = self.valkey_user

    def spawn(self) -> NoReturn:
        self._refuse("start")

    def start(self) -> NoReturn:
        self._refuse("start")

    def stop(self) -> NoReturn:
        self._refuse("stop")

    def kill(self) -> NoReturn:
        self._refuse("kill")

    def close(self) -> None:
        """It goes on running; we only stop following its log."""
        if self._log is not None:
            self._log.close()

    def describe(self) -> dict[str, object]:
        return {"public_url": self.public_url, "internal_url": self.internal_url, "proxy": self.proxy}

    def _refuse(self, what: str) -> NoReturn:
        raise CapabilityMissing(NOT_OURS.format(what=what))

    @staticmethod
    def _needed(value: str | None, what: str, flag: str) -> str:
        if value is None:
            raise CapabilityMissing(f"{what} needs {flag} of the running server")
        return value


class NoToxiproxy:
    """No proxy was told of between the running server and its Valkey: nothing can be cut off."""

    url = None

    def create(self) -> None:
        """Nothing to look at."""

    def address_for_clients(self) -> None:
        return None

    def set_enabled(self, name: str, enabled: bool) -> NoReturn:
        raise CapabilityMissing(
            "no proxy was told of between the running server and Valkey: give --toxiproxy URL and --toxiproxy-proxy NAME"
        )

    add_toxic = remove_toxic = set_enabled

    def close(self) -> None:
        """Nothing was opened."""


class ProxyInFront(Toxiproxy):
    """The proxy that the running server reaches Valkey through: somebody else's, and left as it was found."""

    def __init__(self, url: str, proxy: str, valkey: Any) -> None:
        super().__init__(url)
        self._proxy, self._valkey = proxy, valkey

    def create(self) -> None:
        """StackError when it has no such proxy, or not an enabled one."""
        proxies = self.proxies()
        if self._proxy not in proxies:
            held = ", ".join(sorted(proxies)) or "none"
            raise StackError(f"the Toxiproxy at {self.url} has no proxy {self._proxy!r} (it has: {held})")
        if not proxies[self._proxy]["enabled"]:
            raise StackError(f"the proxy {self._proxy!r} at {self.url} is disabled: enable it first")

    def address_for_clients(self) -> str:
        """What a client on this machine connects to."""
        port = self.proxies()[self._proxy]["listen"].rpartition(":")[2]
        return f"redis://{self.host}:{port}"

    def set_enabled(self, name: str, enabled: bool) -> None:
        """Disabled, the server must be gone from Valkey's clients: else it has another way, and nothing was cut."""
        super().set_enabled(name, enabled)
        if enabled:
            return
        left = poll_until(lambda: others(self._valkey), CUT_S, until=lambda left: not left, every_s=LOOK_EVERY_S)
        if left:
            super().set_enabled(name, True)
            names = ", ".join(sorted({each["addr"] for each in left}))
            raise StackError(
                f"with the proxy {name!r} disabled, others than the rig are still connected to Valkey ({names}):"
                " the server has to reach it through that proxy alone, and nobody else may use it"
            )

    def close(self) -> None:
        super().set_enabled(self._proxy, True)
        super().close()


def others(valkey: Any) -> list[dict[str, Any]]:
    """Valkey's clients that are not the rig's own, which all bear its name. Lacks where it does not tell."""
    valkey.facts.require("CLIENT LIST", "CLIENT SETNAME")
    with client(valkey.url) as connection:
        return [each for each in connection.client_list() if not each["name"].startswith(OURS)]
