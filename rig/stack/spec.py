"""What stack a run wants: plain, frozen data that can be written to the run's meta data and compared."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from rig import caller, extras
from rig.paths import shipped
from rig.stack.embedded import platforms
from rig.stack.embedded.profiles import profile_named
from rig.stack.errors import SpecError
from rig.stack.external.given import check_urls
from rig.stack.sut.attachment import Attachment

MODES = ("embedded", "docker", "external")
DEFAULT_SUT = "python -m server"
MEANT = {"--sut": "starts the server under test", "--sut-setup": "makes its tables"}
TOXIPROXY_SCHEMES = ("http", "https")


@dataclass(frozen=True)
class StackSpec:
    """A service with a URL is external; `mode` says how the others are started."""

    logs: Path  # directory for the output of every process; lines are stamped on arrival
    mode: str = "embedded"
    postgres: str | None = None  # owner's URL of a scratch database
    valkey: str | None = None
    toxiproxy: str | None = None  # URL of its HTTP API
    postgres_wheel: str | None = None  # the package that an embedded one comes from; None: the one that fits
    valkey_wheel: str | None = None
    valkey_profile: str | None = (
        None  # the managed product that an embedded one behaves as (rig.stack.embedded.profiles)
    )
    valkey_tls: bool = False  # TLS before it
    login_shared: bool = False  # instances may have one Valkey login, as nobody asks which of them sent a command
    scratch: bool = False  # the user's word that the external services may be emptied
    postgres_log: Path | None = None  # where an external Postgres writes its jsonlog, if we can read it
    sut: str = DEFAULT_SUT  # the command of the server under test
    sut_cwd: Path | None = None  # None: where the rig is for the default command, else the current directory
    sut_setup: str | None = None  # a command to be run once a database, before the first start of the server
    truth_proxied: bool = False  # Postgres, too, is reached through a proxy of each instance
    clock_library: str | None = None  # libfaketime: each instance then has a clock of its own, which can be set
    own_resolver: bool = False  # the servers know their stores by names, which a resolver of the stack's answers for
    autovacuum: bool = True  # off: a Postgres of ours counts at its tables what clients do, and nothing else
    # Of the caller's environment what the server and its set-up get; kept out of messages, as it may hold secrets.
    inherited: Mapping[str, str] = field(default_factory=caller.for_servers, repr=False)
    attached: Attachment | None = None  # a server that runs already, instead of `sut`
    outside: bool = False  # of the running server the listeners alone are known, and not its stores

    @classmethod
    def restored(cls, plain: Mapping[str, Any], logs: Path) -> Self:
        """From `dataclasses.asdict` of one, after a way through JSON."""
        fields = {**plain, "logs": logs}
        for name in ("postgres_log", "sut_cwd"):
            fields[name] = Path(plain[name]) if plain[name] else None
        if told := plain["attached"]:
            fields["attached"] = Attachment(**{**told, "log": Path(told["log"]) if told["log"] else None})
        return cls(**fields)

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise SpecError(f"stack mode {self.mode!r} is none of {', '.join(MODES)}")
        if self.mode == "external" and not (self.postgres and self.valkey):
            raise SpecError("an external stack needs --postgres URL and --valkey URL")
        check_urls(self.postgres, self.valkey)
        self._check_profile()
        if lacks := self._lacks():
            raise SpecError(lacks)
        if self.toxiproxy and not is_url(self.toxiproxy, TOXIPROXY_SCHEMES):
            raise SpecError(f"--toxiproxy {self.toxiproxy!r} is no URL of that kind: write http://HOST:PORT/...")
        if self.postgres_log and not self.postgres:
            raise SpecError("--postgres-log belongs to an external Postgres: give --postgres URL too")
        if self.postgres_log and not self.postgres_log.is_dir():
            raise SpecError(f"--postgres-log {str(self.postgres_log)!r} is no directory that we can look into")
        if self.attached is not None:
            return self._check_attached()
        if not self.directory().is_dir():
            raise SpecError(f"--sut-cwd {str(self.directory())!r} is no directory")
        self._check_program("--sut", self.sut)
        if self.sut_setup is not None:
            self._check_program("--sut-setup", self.sut_setup)

    def _check_profile(self) -> None:
        if self.valkey_profile is None:
            if self.valkey_tls:
                raise SpecError("--valkey-tls is for a profile: add --valkey-profile NAME")
            return
        profile = profile_named(self.valkey_profile)
        if self.valkey or self.mode == "docker":
            raise SpecError("--valkey-profile is for the embedded Valkey: leave out --valkey URL and --mode docker")
        if profile.cluster:
            raise SpecError(
                f"--valkey-profile {profile.name} cannot hold a mirror: a cluster refuses commands and scripts of the server"
                " whose keys are in different slots (docs/memorystore.md lists them), use memorystore-valkey"
            )

    def _lacks(self) -> str | None:
        """What this installation or machine lacks for the services that are ours to start."""
        if self.mode == "docker":
            given = self.postgres and self.valkey and self.toxiproxy
            return None if given else extras.lacking("docker", "--mode docker")
        wanted = (
            (self.postgres, platforms.POSTGRES, self.postgres_wheel),
            (self.valkey, platforms.VALKEY, self.valkey_wheel),
        )
        refusals = (platforms.refusal(usual, asked) for url, usual, asked in wanted if not url)
        return next(filter(None, refusals), None)

    def _check_attached(self) -> None:
        """A running server needs the URLs of its stores, and allows no option of a server that the rig starts."""
        if not (self.postgres and self.valkey) and not self.outside:
            raise SpecError(
                "--base-url needs the server's stores too: add --postgres URL and --valkey URL"
                " (`rig contract` judges a part without them)"
            )
        if self.outside and (self.postgres or self.valkey or self.toxiproxy):
            raise SpecError("--base-url goes with both stores or with none: add --postgres URL and --valkey URL")
        for flag, told in (
            ("--sut", self.sut != DEFAULT_SUT), ("--sut-setup", self.sut_setup), ("--sut-cwd", self.sut_cwd),
        ):  # fmt: skip
            if told:
                raise SpecError(f"{flag} is for a server that is started, --base-url takes one that runs: give one")
        if self.mode == "docker":
            raise SpecError("--mode docker starts services, --base-url takes a server that has its own")

    def _check_program(self, flag: str, command: str) -> None:
        program = words(command, flag)[0]
        # A path is meant from where the server is started, a bare name from PATH.
        if program == sys.executable:  # runs us already
            return
        if shutil.which(self.directory() / program if "/" in program else program) is None:
            raise SpecError(f"{flag} {command!r}: there is no program {program!r} that we may run")

    def command(self) -> list[str]:
        """The server's command as words; `python` as the first means the interpreter that runs the rig."""
        return words(self.sut, "--sut")

    def setup_command(self) -> list[str] | None:
        return None if self.sut_setup is None else words(self.sut_setup, "--sut-setup")

    def named(self) -> str:
        """The server under test, for a reader: its command, or where it runs."""
        return self.sut if self.attached is None else f"runs at {self.attached.public_url}"

    def directory(self) -> Path:
        """Where the server is started."""
        if self.sut_cwd is not None:
            return self.sut_cwd
        return shipped() if self.sut == DEFAULT_SUT else Path(os.getcwd())


def words(command: str, flag: str) -> list[str]:
    """A shell command as words; SpecError names the flag."""
    try:
        found = shlex.split(command)
    except ValueError as error:
        raise SpecError(f"{flag} {command!r} is no shell command: {error}") from None
    if not found:
        raise SpecError(f"{flag} is empty: give the command that {MEANT[flag]}")
    return [sys.executable, *found[1:]] if found[0] == "python" else found


def is_url(text: str, schemes: tuple[str, ...]) -> bool:
    """Whether it is a URL of one of these schemes with a host, and a port that is one if any."""
    try:
        parts = urlsplit(text)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
