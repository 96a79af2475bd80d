"""What `rig serve` and `rig server` are asked to start servers with: ports, variables of the contract, settings."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from rig import caller
from rig.errors import UsageError
from rig.stack.processes.ports import is_free
from rig.stack.sut.managed import holder

# The contract's numbers: a server to look at sweeps as it would in production.
DEFAULTS = {
    "MITRA_AUTO_OFFLINE_SWEEP_SECONDS": "30",
    "HEARTBEAT_MIRROR_INTERVAL_SECONDS": "60",
    "VALKEY_ONLINE_MIRROR_SWEEP_SECONDS": "300",
    "GOODBYE_WINDOW_SECONDS": "60",
    "ACCESS_TOKEN_TTL_SECONDS": "900",
    "AVAILABILITY_MIRROR": "on",
}
SETTINGS = ("max_customers_per_mitra", "stale_after_seconds")
SETTING_MAX = 1_000_000
PORT_MAX = 65535
INSTANCES = "abcdefghi"


@dataclass(frozen=True)
class ServeOptions:
    """How the servers are started. `env`: variables of the contract that differ from `DEFAULTS`."""

    instances: int = 1
    port: int | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, instances: int, port: int | None, env: Sequence[str], config: Sequence[str]) -> Self:
        """From the words of the command line; a variable of the caller's shell counts where no flag names it.

        UsageError names the word that cannot be.
        """
        shell = {name: value for name, value in caller.given().items() if name in DEFAULTS}
        told = {**shell, **variables(env)}
        return cls(instances, port, {name: value or DEFAULTS[name] for name, value in told.items()}, settings(config))

    def names(self) -> str:
        """The names of the instances, a letter each."""
        return INSTANCES[: self.instances]

    def ports(self, number: int) -> tuple[int, int] | None:
        """The public and the internal port of the instance of that number, from 0 on; None where they are drawn."""
        if self.port is None:
            return None
        return self.port + 2 * number, self.port + 2 * number + 1

    def check_ports(self) -> None:
        """UsageError names a fixed port that cannot be had, before anything has been started."""
        for number, name in enumerate(self.names()):
            for port in self.ports(number) or ():
                if port > PORT_MAX:
                    raise UsageError(f"--port {self.port}: server {name} would need port {port}: choose a lower one")
                if not is_free(port, lingering_ok=True):
                    raise UsageError(f"--port {self.port}: port {port} is taken{holder(port)}: choose another")


def not_taken() -> list[str]:
    """Variables of the contract in the caller's shell that `rig serve` does not take, as the rig sets them itself."""
    return sorted(name for name in caller.given() if name in caller.CONTRACT and name not in DEFAULTS)


def variables(words: Iterable[str]) -> dict[str, str]:
    """`NAME=VALUE` words as variables of the contract. An empty value stands for what was before any change."""
    return pairs("--env", words, tuple(DEFAULTS))


def settings(words: Iterable[str]) -> dict[str, int]:
    """`KEY=NUMBER` words as rows of `app_config`."""
    found = {}
    for name, value in pairs("--config", words, SETTINGS).items():
        if not (value.isascii() and value.isdecimal() and 1 <= int(value) <= SETTING_MAX):
            raise UsageError(f"--config {name}={value}: give a whole number from 1 to {SETTING_MAX}")
        found[name] = int(value)
    return found


def pairs(flag: str, words: Iterable[str], known: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"{flag} {word!r}: write NAME=VALUE")
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
            meant = f"did you mean {near[0]}?" if near else f"it takes {', '.join(known)}"
            raise UsageError(f"{flag} {name}: no such name; {meant}")
        if name in found:
            raise UsageError(f"{flag} {name} is given twice")
        found[name] = value
    return found
