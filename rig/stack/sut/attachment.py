"""What the user tells of a server that runs already: where it listens, what opens it, and what it was started with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from rig.stack.errors import SpecError

# The cadences of the contract's environment that a judge has to know, with the contract's defaults in seconds.
DEFAULTS = {
    "MITRA_AUTO_OFFLINE_SWEEP_SECONDS": 30,
    "HEARTBEAT_MIRROR_INTERVAL_SECONDS": 60,
    "VALKEY_ONLINE_MIRROR_SWEEP_SECONDS": 300,
    "GOODBYE_WINDOW_SECONDS": 60,
}
MAY_BE_ZERO = "VALKEY_ONLINE_MIRROR_SWEEP_SECONDS"
PROXY = "valkey"


@dataclass(frozen=True)
class Attachment:
    """One instance, not ours to start, stop or configure. SpecError says what of it cannot be."""

    public_url: str
    internal_url: str
    jwt_secret: str | None = None  # None: people sign in with the one-time code
    otp_code: str | None = None
    internal_token: str | None = None
    log: Path | None = None  # the file that its output is appended to
    proxy: str = PROXY  # name of the proxy in front of its Valkey, in the Toxiproxy given
    env: Mapping[str, str] = field(default_factory=dict)  # what was told of its environment

    def __post_init__(self) -> None:
        for flag, url in (("--base-url", self.public_url), ("--internal-url", self.internal_url)):
            if not is_http(url):
                raise SpecError(f"{flag} {url!r} is no URL of that kind: write http://HOST:PORT")
        if not (self.jwt_secret or self.otp_code):
            raise SpecError(
                "nobody could sign in at the server given: add --jwt-secret S, or --otp-code CODE (its OTP_DEV_CODE)"
            )
        if self.log is not None and not self.log.is_file():
            raise SpecError(f"--sut-log {str(self.log)!r} is no file that we can read")
        for name, value in self.env.items():
            if name not in DEFAULTS:
                raise SpecError(f"--sut-env {name}: only {', '.join(DEFAULTS)} change what the rig waits for")
            if not value.isdecimal() or (value == "0" and name != MAY_BE_ZERO):
                raise SpecError(f"--sut-env {name}={value}: a whole number of seconds that the server takes")

    def cadences(self) -> dict[str, str]:
        """The contract's environment as the server has it: what was told, else the contract's default."""
        return {name: str(int(self.env.get(name, default))) for name, default in DEFAULTS.items()}


def pairs(words: list[str]) -> dict[str, str]:
    """`NAME=VALUE` words as a dictionary; SpecError for one without `=`, or a name given twice."""
    environment: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise SpecError(f"--sut-env {word!r}: write NAME=VALUE")
        if name in environment:
            raise SpecError(f"--sut-env {name} is given twice")
        environment[name] = value
    return environment


def is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
