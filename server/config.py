"""The environment, read once: every setting with its bounds, so that a bad value stops the start."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

ENVIRONMENTS = ("production", "development", "test")
DURATION_SECONDS_MAX = 1_000_000_000  # 31 years: keeps every date and timer computed from it in range
DEVELOPMENT_JWT_SECRET = "development-only-jwt-secret-not-for-production"
DEVELOPMENT_INTERNAL_TOKEN = "development-only-internal-token"
DEVELOPMENT_DATABASE_URL = "postgresql://127.0.0.1:5432/mirror"
DEVELOPMENT_VALKEY_URL = "redis://127.0.0.1:6379/0"


class ConfigError(Exception):
    """A setting that the server can't start with; the message is one line and names the variable."""


@dataclass(frozen=True)
class Settings:
    """All that the server takes from its environment; durations in seconds, secrets left out of its repr."""

    database_url: str = field(repr=False)
    valkey_url: str = field(repr=False)
    host: str
    public_port: int
    internal_port: int
    app_env: str
    jwt_secret: str = field(repr=False)
    internal_api_token: str = field(repr=False)
    access_token_ttl_seconds: int
    otp_dev_code: str | None = field(repr=False)
    goodbye_window_seconds: int
    mitra_auto_offline_sweep_seconds: int
    heartbeat_mirror_interval_seconds: int
    valkey_online_mirror_sweep_seconds: int  # 0: never
    availability_mirror: bool

    @property
    def production(self) -> bool:
        return self.app_env == "production"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """The settings in `environ`. Raises ConfigError on the first bad or missing value."""
        return _read(environ)


def _read(environ: Mapping[str, str]) -> Settings:
    app_env = _one_of(environ, "APP_ENV", ENVIRONMENTS, "development")
    production = app_env == "production"
    mirror_on = _one_of(environ, "AVAILABILITY_MIRROR", ("on", "off"), "on") == "on"
    valkey_default = None if production and mirror_on else DEVELOPMENT_VALKEY_URL
    settings = Settings(
        app_env=app_env,
        availability_mirror=mirror_on,
        database_url=_database_url(environ, None if production else DEVELOPMENT_DATABASE_URL),
        valkey_url=_valkey_url(environ, valkey_default),
        host=_text(environ, "HOST", "127.0.0.1"),
        public_port=_whole(environ, "PUBLIC_PORT", 3000, 1, 65535, "a port"),
        internal_port=_whole(environ, "INTERNAL_PORT", 3001, 1, 65535, "a port"),
        jwt_secret=_secret(environ, "JWT_SECRET", production, DEVELOPMENT_JWT_SECRET),
        internal_api_token=_secret(environ, "INTERNAL_API_TOKEN", production, DEVELOPMENT_INTERNAL_TOKEN),
        access_token_ttl_seconds=_duration(environ, "ACCESS_TOKEN_TTL_SECONDS", 900, least=1),
        otp_dev_code=_otp_dev_code(environ, production),
        goodbye_window_seconds=_duration(environ, "GOODBYE_WINDOW_SECONDS", 60, least=0),
        mitra_auto_offline_sweep_seconds=_duration(environ, "MITRA_AUTO_OFFLINE_SWEEP_SECONDS", 30, least=1),
        heartbeat_mirror_interval_seconds=_duration(environ, "HEARTBEAT_MIRROR_INTERVAL_SECONDS", 60, least=1),
        valkey_online_mirror_sweep_seconds=_duration(environ, "VALKEY_ONLINE_MIRROR_SWEEP_SECONDS", 300, least=0),
    )
    if settings.public_port == settings.internal_port:
        raise ConfigError(f"INTERNAL_PORT must differ from PUBLIC_PORT, both are {settings.public_port}")
    return settings


def _text(environ: Mapping[str, str], name: str, default: str | None) -> str:
    value = environ.get(name, default)
    if value is None:
        raise ConfigError(f"{name} must be set when APP_ENV is production")
    if not value.strip():
        raise ConfigError(f"{name} is empty: give it a value or unset it")
    return value


def _one_of(environ: Mapping[str, str], name: str, choices: tuple[str, ...], default: str) -> str:
    value = environ.get(name, default)
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value


def _whole(environ: Mapping[str, str], name: str, default: int, least: int, most: int, what: str) -> int:
    value = environ.get(name)
    if value is None:
        return default
    if not re.fullmatch(r"[0-9]{1,18}", value) or not least <= int(value) <= most:
        raise ConfigError(f"{name} must be {what} from {least} to {most}, not {value!r}")
    return int(value)


def _duration(environ: Mapping[str, str], name: str, default: int, least: int) -> int:
    return _whole(environ, name, default, least, DURATION_SECONDS_MAX, "whole seconds")


def _secret(environ: Mapping[str, str], name: str, production: bool, development_default: str) -> str:
    value = _text(environ, name, None if production else development_default)
    if production and value == development_default:
        raise ConfigError(f"{name} is the development default, refused in production: set one of your own")
    return value


def _otp_dev_code(environ: Mapping[str, str], production: bool) -> str | None:
    code = environ.get("OTP_DEV_CODE") or None
    if code is not None and production:
        raise ConfigError("OTP_DEV_CODE is refused when APP_ENV is production: unset it")
    return code


def _database_url(environ: Mapping[str, str], default: str | None) -> str:
    url = _text(environ, "DATABASE_URL", default)
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("postgres", "postgresql", "postgresql+asyncpg") or not _parses(url):
        raise ConfigError("DATABASE_URL must be a URL such as postgresql://user:password@host:5432/database")
    return f"postgresql://{rest}"


def _valkey_url(environ: Mapping[str, str], default: str | None) -> str:
    url = _text(environ, "VALKEY_URL", default)
    scheme, separator, rest = url.partition("://")
    schemes = {"redis": "redis", "rediss": "rediss", "valkey": "redis", "valkeys": "rediss"}
    if not separator or scheme not in schemes or not _parses(url):
        raise ConfigError("VALKEY_URL must be a URL such as redis://user:password@host:6379/0 or rediss://")
    return f"{schemes[scheme]}://{rest}"


def _parses(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.port is None or parts.port > 0
    except ValueError:
        return False
