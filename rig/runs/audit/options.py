"""What one audit is asked for, and the URLs of its stores with passwords that never stood on a command line."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from rig.config import ConfigError
from rig.errors import UsageError
from rig.fixtures import MappingError, Schema, load_schema
from rig.setting_fields import Fields
from rig.stores.urls import BadUrl, ValkeyUrl, check_postgres_url

SHARE = 2.0  # percent of one core of Valkey
KEYS_MAX = 1_000_000
GAP_MAX_S = 7200.0


@dataclass(frozen=True)
class AuditOptions:
    """`share`: of Valkey's time, from 0 to 1. `keys_max`: keys that do not belong to the mirror, at most."""

    postgres: str
    valkey: str
    schema: Schema = field(default_factory=Schema)
    share: float = SHARE / 100
    keys_max: int = KEYS_MAX
    allowed: tuple[str, ...] = ()  # patterns of keys of known neighbours
    logs: tuple[Path, ...] = ()
    state: Path = Path("audit-state.json")
    gap_max_s: float = GAP_MAX_S


@dataclass(frozen=True)
class AuditRequest:
    """The options of a command line as they were typed, beside the settings. `typed`: URLs that stood there."""

    typed: tuple[str, ...]
    password_files: tuple[Path | None, Path | None]
    share: float
    keys_max: int
    allowed: tuple[str, ...]
    logs: tuple[Path, ...]
    state: Path | None
    gap_max_s: float


def options_of(settings: Fields, request: AuditRequest) -> AuditOptions:
    """What an audit needs. UsageError for URLs, passwords and mapping files that cannot be used."""
    postgres, valkey = urls_of(settings.postgres, settings.valkey, request.typed, request.password_files)
    return AuditOptions(
        postgres=postgres, valkey=valkey, schema=schema_from(settings.schema), share=request.share,
        keys_max=request.keys_max, allowed=request.allowed, logs=request.logs,
        state=request.state or settings.reports / "audit-state.json", gap_max_s=request.gap_max_s,
    )  # fmt: skip


def urls_of(
    postgres: str | None, valkey: str | None, typed: Sequence[str], password_files: tuple[Path | None, Path | None]
) -> tuple[str, str]:
    """Both URLs with their passwords. `typed` are the names of those that stood on the command line.

    UsageError for a URL that lacks or is none, and for a password on the command line, which `ps` shows to everybody.
    """
    if not postgres or not valkey:
        lacking = "--postgres URL" if not postgres else "--valkey URL"
        raise ConfigError(f"an audit compares two stores: add {lacking} (or RIG_{lacking[2:].split()[0].upper()})")
    try:
        check_postgres_url(postgres)
    except BadUrl as error:
        raise ConfigError(f"--postgres {error}") from None
    try:
        parsed = ValkeyUrl.parse(valkey)
    except BadUrl as error:
        raise ConfigError(f"--valkey {error}") from None
    shown = {"postgres": conninfo_to_dict(postgres).get("password"), "valkey": parsed.password}
    for name in typed:
        if shown.get(name):
            raise UsageError(
                f"--{name} holds a password, and every user of this machine can see a command line: give the password by"
                f" --{name}-password-file FILE, or the whole URL by RIG_{name.upper()}"
            )
    for name, file in zip(shown, password_files, strict=True):
        if file is not None and shown[name]:
            raise UsageError(f"--{name}-password-file would have no effect: the URL holds a password already")
    of_postgres, of_valkey = (file and password_in(file) for file in password_files)
    return (
        make_conninfo(postgres, password=of_postgres) if of_postgres else postgres,
        with_password(valkey, of_valkey) if of_valkey else valkey,
    )


def password_in(file: Path) -> str:
    """The first line of a file. UsageError if there is none."""
    try:
        password = file.read_text().partition("\n")[0].strip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the file of a password cannot be read: {file}: {reason(error)}") from None
    if not password:
        raise UsageError(f"the file of a password is empty: {file}")
    return password


def with_password(url: str, password: str) -> str:
    """The URL of a Valkey with this password."""
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.rstrip(':')}:{quote(password, safe='')}@{place}"))


def schema_from(path: Path | None) -> Schema:
    """The schema of a mapping file. UsageError for a file that cannot be used."""
    try:
        return load_schema(path)
    except MappingError as error:
        raise UsageError(str(error)) from None


def reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is no text in UTF-8"
