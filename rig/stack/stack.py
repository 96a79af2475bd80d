"""Opens a stack: Postgres, Valkey and Toxiproxy, the rig's or external; then servers on it."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from rig.stack.docker.services import DockerPostgres, DockerToxiproxy, DockerValkey
from rig.stack.embedded.postgres import EmbeddedPostgres
from rig.stack.embedded.profiled_valkey import ProfiledValkey
from rig.stack.embedded.profiles import profile_named
from rig.stack.embedded.toxiproxy import EmbeddedToxiproxy
from rig.stack.embedded.valkey import EmbeddedValkey
from rig.stack.errors import CapabilityMissing, StackError
from rig.stack.external.postgres import ExternalPostgres
from rig.stack.external.protection import protect
from rig.stack.external.toxiproxy import ExternalToxiproxy
from rig.stack.external.valkey import ExternalValkey
from rig.stack.processes.ports import PORTS
from rig.stack.processes.process import Supervisor
from rig.stack.spec import StackSpec
from rig.stack.sut.attached import AttachedServer, NoToxiproxy, ProxyInFront
from rig.stack.sut.managed import Clock, Seat, Secrets, ServerInstance
from rig.stack.sut.migrations import set_up
from rig.stack.sut.outside import NoStore
from rig.stack.sut.resolver import Resolver


class Kinds(NamedTuple):
    """The classes of one mode's services, each called with (supervisor, stack's name, directory for logs)."""

    postgres: Callable[..., Any]
    valkey: Callable[..., Any]
    toxiproxy: Callable[..., Any]


EMBEDDED = Kinds(EmbeddedPostgres, EmbeddedValkey, EmbeddedToxiproxy)

FIRST = "a"

# What starts those services whose URL is not given; `external` means that Postgres and Valkey must have one.
KINDS = {
    "embedded": EMBEDDED,
    "external": EMBEDDED,
    "docker": Kinds(DockerPostgres, DockerValkey, DockerToxiproxy),
}


class Stack:
    """An open stack. Its servers are asked for by name and end with it."""

    def __init__(self, spec: StackSpec, supervisor: Supervisor, name: str) -> None:
        kinds = KINDS[spec.mode]
        arguments = (supervisor, name, spec.logs)
        self.spec = spec
        self.name = name
        self.supervisor = supervisor
        self.secrets = Secrets(jwt_secret=secrets.token_hex(32), internal_token=secrets.token_hex(24))
        self.postgres, self.valkey = self._stores(kinds, arguments)
        self.toxiproxy = self._toxiproxy(kinds, arguments)
        self.servers: dict[str, Any] = {}  # ServerInstance, or the one AttachedServer
        self._proxies: dict[str, str] = {}  # name in Toxiproxy → host:port
        self._ports: list[int] = []
        self._clocks = supervisor.temporary_directory(f"{name}-clocks") if spec.clock_library else None
        self.resolver = Resolver(supervisor.temporary_directory(f"{name}-resolver")) if spec.own_resolver else None

    def _stores(self, kinds: Kinds, arguments: tuple[Any, ...]) -> tuple[Any, Any]:
        spec = self.spec
        if spec.outside:
            return NoStore(), NoStore()
        postgres = (
            ExternalPostgres(spec.postgres, spec.postgres_log)
            if spec.postgres
            else kinds.postgres(*arguments, autovacuum=spec.autovacuum, wheel=spec.postgres_wheel)
        )
        return postgres, self._valkey(kinds, arguments)

    def _valkey(self, kinds: Kinds, arguments: tuple[Any, ...]) -> Any:
        spec = self.spec
        if spec.valkey:
            return ExternalValkey(spec.valkey, login_shared=spec.login_shared)
        if spec.valkey_profile is None:
            return kinds.valkey(*arguments, wheel=spec.valkey_wheel)
        profile = profile_named(spec.valkey_profile)
        return ProfiledValkey(
            *arguments,
            wheel=spec.valkey_wheel,
            profile=profile,
            tls=spec.valkey_tls,
            login_shared=spec.login_shared,
        )

    def _toxiproxy(self, kinds: Kinds, arguments: tuple[Any, ...]) -> Any:
        if self.spec.attached is None:
            return ExternalToxiproxy(self.spec.toxiproxy) if self.spec.toxiproxy else kinds.toxiproxy(*arguments)
        if self.spec.toxiproxy is None:
            return NoToxiproxy()
        return ProxyInFront(self.spec.toxiproxy, self.spec.attached.proxy, self.valkey)

    @property
    def services(self) -> tuple[Any, Any, Any]:
        return self.postgres, self.valkey, self.toxiproxy

    def server(
        self,
        name: str,
        env: Mapping[str, str] | None = None,
        *,
        proxied: bool = True,
        ports: tuple[int, int] | None = None,
    ) -> Any:
        """The instance of that name, not started. The same name again: the same identities, ports and log.

        `proxied=False` gives it Valkey's own address, for load and benchmarks. `ports` are its public and its internal
        one, else they are drawn. StackError if it still runs.
        """
        if self.spec.attached is not None:
            return self._attached(name)
        earlier = self.servers.get(name)
        if earlier is not None and earlier.running:
            raise StackError(f"server {name} runs (pid {earlier.pid}): stop it before asking for it anew")
        instance = ServerInstance(
            seat=self._seat(name, proxied, earlier.seat if earlier else None, ports),
            command=self.spec.command(),
            directory=self.spec.directory(),
            secrets=self.secrets,
            supervisor=self.supervisor,
            inherited=self.spec.inherited,
            overrides=dict(env or {}),
        )
        self.servers[name] = instance
        return instance

    def _attached(self, name: str) -> AttachedServer:
        """The server that runs already, under the name of the first instance: there is no second."""
        if name != FIRST:
            raise CapabilityMissing("one running server was given: such a scenario needs a second instance")
        assert self.spec.attached is not None, "a stack without one starts its servers"
        if FIRST not in self.servers:
            path = self.spec.logs / f"{self.name}-server-{FIRST}.log"
            self.servers[FIRST] = AttachedServer(
                FIRST, self.spec.attached, self.postgres, self.valkey, self.toxiproxy, path
            )
        server: AttachedServer = self.servers[FIRST]
        return server

    def _seat(self, name: str, proxied: bool, earlier: Seat | None, ports: tuple[int, int] | None) -> Seat:
        login = self.postgres.login(name)
        user = self.valkey.user(name)
        address = f"{self.valkey.host}:{self.valkey.port}"
        direct = self.valkey.why_direct(self.toxiproxy.host)
        proxy = f"valkey-{name}" if proxied and not direct else None
        if proxy is not None:
            if proxy not in self._proxies:
                self._proxies[proxy] = self.toxiproxy.create_proxy(proxy, self._port(), address)
            address = self._proxies[proxy]
        database_url = login.url
        if self.spec.truth_proxied:
            truth = f"postgres-{name}"
            if truth not in self._proxies:
                behind = urlsplit(login.url)
                upstream = f"{behind.hostname}:{behind.port or 5432}"
                self._proxies[truth] = self.toxiproxy.create_proxy(truth, self._port(), upstream)
            database_url = at_address(login.url, self._proxies[truth])
        kept = (earlier.public_port, earlier.internal_port) if earlier else None
        public_port, internal_port = ports or kept or (self._port(), self._port())
        return Seat(
            name=name,
            role=login.role,
            database_url=database_url,
            valkey_user=user.name,
            valkey_url=self.valkey.url_of(user, address),
            proxy=proxy,
            direct=direct,
            public_port=public_port,
            internal_port=internal_port,
            log=self.spec.logs / f"{self.name}-server-{name}.log",
            clock=self._clock(name),
            resolver=self.resolver,
        )

    def _clock(self, name: str) -> Clock | None:
        if self._clocks is None or self.spec.clock_library is None:
            return None
        clock = Clock(self.spec.clock_library, self._clocks / name)
        clock.set(0)
        return clock

    def _port(self) -> int:
        self._ports.append(PORTS.take())
        return self._ports[-1]

    def describe(self) -> dict[str, Any]:
        """Addresses and secrets as plain JSON, for `--keep` and the state file; not for a report."""
        return {
            "name": self.name,
            "mode": self.spec.mode,
            "postgres": {
                "url": self.postgres.url,
                "observer_url": self.postgres.observer_url,
                "wheel": self.spec.postgres_wheel,
            },
            "valkey": {"url": self.valkey.url},
            "toxiproxy": {"url": self.toxiproxy.url},
            "servers": {name: server.describe() for name, server in self.servers.items()},
            "logs": str(self.spec.logs),
        }

    def close(self) -> None:
        """End the servers, then the services. An error of one does not stop the closing of the others."""
        actions = [server.close for server in self.servers.values()]
        errors = together(actions) + together([service.close for service in self.services])
        if self.resolver is not None:
            self.resolver.close()
        for port in self._ports:
            PORTS.give_back(port)
        if errors:
            raise errors[0]


def at_address(url: str, address: str) -> str:
    """The same URL at another `host:port`."""
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{login}{at}{address}"))


def together(actions: list[Callable[[], Any]]) -> list[Exception]:
    """Run actions side by side to their end; the errors of those that failed."""
    if not actions:
        return []
    with ThreadPoolExecutor(len(actions)) as pool:
        futures = [pool.submit(action) for action in actions]
    return [error for future in futures if isinstance(error := future.exception(), Exception)]


@contextmanager
def open_stack(spec: StackSpec, supervisor: Supervisor, name: str = "w0") -> Iterator[Stack]:
    """A stack that is up. StackError says what could not be started; all is given back at the end."""
    protect(spec)
    stack = Stack(spec, supervisor, name)
    try:
        errors = together([service.create for service in stack.services])
        if errors:
            raise errors[0]
        set_up(spec, supervisor, name, stack.postgres.url, stack.valkey.url)
        yield stack
    finally:
        stack.close()
