"""The environment, read once: every setting with its bounds, so that a bad value stops the start."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from server.urls import BadUrl, UrlCheck, database_url, is_host, valkey_url

ENVIRONMENTS = ("production", "development", "test")
DURATION_SECONDS_MAX = 1_000_000_000  # 31 years: keeps every date and timer computed from it in range
SECRET_BYTES_MIN = 32  # in production: HS256 is no stronger than its secret
TOKEN_LENGTH_MAX = 4096  # a head of up to 6 KiB is served
DEVELOPMENT_JWT_SECRET = "development-only-jwt-secret-not-for-production"
DEVELOPMENT_INTERNAL_TOKEN = "development-only-internal-token"
DEVELOPMENT_DATABASE_URL = "postgresql://127.0.0.1:5432/mirror"
DEVELOPMENT_VALKEY_URL = "redis://127.0.0.1:6379/0"


class ConfigError(Exception):
    """A setting that the server can't start with; the message is one line and names the variable."""


@dataclass(frozen=True)
class Settings:
    """All that the server reads from its environment. Durations are in seconds; secrets are left out of the repr."""

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
    # Production is the default, so that nobody runs by mistake with the secrets in this file.
    app_env = _one_of(environ, "APP_ENV", ENVIRONMENTS, "production")
    production = app_env == "production"
    mirror_on = _one_of(environ, "AVAILABILITY_MIRROR", ("on", "off"), "on") == "on"
    valkey_default = None if production and mirror_on else DEVELOPMENT_VALKEY_URL
    settings = Settings(
        app_env=app_env,
        availability_mirror=mirror_on,
        database_url=_url(environ, "DATABASE_URL", database_url, None if production else DEVELOPMENT_DATABASE_URL),
        valkey_url=_url(environ, "VALKEY_URL", valkey_url, valkey_default),
        host=_host(environ),
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


def _production(environ: Mapping[str, str]) -> str:
    """The words `in production`; with a hint if APP_ENV was not set."""
    if "APP_ENV" in environ:
        return "when APP_ENV is production"
    return "in production, which an unset APP_ENV means (for a trial set APP_ENV=development)"


def _text(environ: Mapping[str, str], name: str, default: str | None) -> str:
    """Printable ASCII without blanks at its ends, so that it can be used unchanged in headers, URLs and look-ups."""
    value = environ.get(name, default)
    if value is None:
        raise ConfigError(f"{name} must be set {_production(environ)}")
    if not value.strip():
        raise ConfigError(f"{name} is empty: give it a value or unset it")
    if value != value.strip():
        raise ConfigError(f"{name} begins or ends with a blank or a line end: remove it")
    if not (value.isascii() and value.isprintable()):
        raise ConfigError(f"{name} holds a character that is not printable ASCII")
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


def _host(environ: Mapping[str, str]) -> str:
    value = _text(environ, "HOST", "127.0.0.1")
    if not is_host(value):
        raise ConfigError(f"HOST must be a name or an address such as 127.0.0.1, not {value!r}")
    return value


def _secret(environ: Mapping[str, str], name: str, production: bool, development_default: str) -> str:
    value = _text(environ, name, None if production else development_default)
    if len(value) > TOKEN_LENGTH_MAX:
        raise ConfigError(f"{name} is over {TOKEN_LENGTH_MAX} characters: no head of a request would hold it")
    if production and value == development_default:
        raise ConfigError(f"{name} is the development default, refused {_production(environ)}: set one of your own")
    if production and len(value.encode()) < SECRET_BYTES_MIN:
        raise ConfigError(f"{name} must have at least {SECRET_BYTES_MIN} bytes {_production(environ)}")
    return value


def _otp_dev_code(environ: Mapping[str, str], production: bool) -> str | None:
    if "OTP_DEV_CODE" not in environ:
        return None
    code = _text(environ, "OTP_DEV_CODE", None)
    if production:
        raise ConfigError(f"OTP_DEV_CODE is refused {_production(environ)}: unset it")
    return code


def _url(environ: Mapping[str, str], name: str, check: UrlCheck, default: str | None) -> str:
    url = _text(environ, name, default)
    if " " in url:
        raise ConfigError(f"{name} holds a blank: write it as %20")
    try:
        return check(url)
    except BadUrl as error:
        raise ConfigError(f"{name} {error}") from None
