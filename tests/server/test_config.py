"""The environment: defaults, bounds, what production refuses, and that a refusal is one line before anything else."""

import subprocess
import sys
from pathlib import Path

import pytest

from server.config import ConfigError, Settings

CHECKOUT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "APP_ENV": "production",
    "DATABASE_URL": "postgresql://a:b@db/mirror",
    "VALKEY_URL": "rediss://a:b@cache:6380/2",
    "JWT_SECRET": "s" * 32,
    "INTERNAL_API_TOKEN": "t" * 32,
}


def test_defaults_of_development() -> None:
    settings = Settings.from_env({})
    assert (settings.host, settings.public_port, settings.internal_port) == ("127.0.0.1", 3000, 3001)
    assert settings.app_env == "development"
    assert settings.access_token_ttl_seconds == 900
    assert settings.goodbye_window_seconds == 60
    assert settings.mitra_auto_offline_sweep_seconds == 30
    assert settings.heartbeat_mirror_interval_seconds == 60
    assert settings.valkey_online_mirror_sweep_seconds == 300
    assert settings.availability_mirror
    assert settings.otp_dev_code is None


def test_production_with_its_secrets() -> None:
    settings = Settings.from_env(PRODUCTION)
    assert settings.production
    assert settings.valkey_url == "rediss://a:b@cache:6380/2"
    assert "b@db" not in repr(settings)
    assert "s" * 32 not in repr(settings)


@pytest.mark.parametrize("name", ["DATABASE_URL", "VALKEY_URL", "JWT_SECRET", "INTERNAL_API_TOKEN"])
@pytest.mark.parametrize("value", [None, "", " "])
def test_production_has_no_default_for_a_secret(name: str, value: str | None) -> None:
    environ = {**PRODUCTION, name: value} if value is not None else dict(PRODUCTION)
    if value is None:
        del environ[name]
    with pytest.raises(ConfigError, match=name):
        Settings.from_env(environ)


@pytest.mark.parametrize("name", ["JWT_SECRET", "INTERNAL_API_TOKEN"])
def test_production_refuses_the_development_default(name: str) -> None:
    default = {"JWT_SECRET": "jwt_secret", "INTERNAL_API_TOKEN": "internal_api_token"}[name]
    with pytest.raises(ConfigError, match=name):
        Settings.from_env({**PRODUCTION, name: getattr(Settings.from_env({}), default)})


def test_production_refuses_a_code_known_beforehand() -> None:
    with pytest.raises(ConfigError, match="OTP_DEV_CODE"):
        Settings.from_env({**PRODUCTION, "OTP_DEV_CODE": "123456"})


def test_without_the_mirror_production_needs_no_valkey() -> None:
    environ = {k: v for k, v in PRODUCTION.items() if k != "VALKEY_URL"}
    assert not Settings.from_env({**environ, "AVAILABILITY_MIRROR": "off"}).availability_mirror


DURATIONS = (
    "ACCESS_TOKEN_TTL_SECONDS",
    "GOODBYE_WINDOW_SECONDS",
    "MITRA_AUTO_OFFLINE_SWEEP_SECONDS",
    "HEARTBEAT_MIRROR_INTERVAL_SECONDS",
    "VALKEY_ONLINE_MIRROR_SWEEP_SECONDS",
)
BAD_NUMBERS = ("", " ", "-1", "1.5", "30s", "1e3", "0x10", "+5", "٣", " 5", "1_000", "9" * 40, "inf", "nan")


@pytest.mark.parametrize("name", [*DURATIONS, "PUBLIC_PORT", "INTERNAL_PORT"])
@pytest.mark.parametrize("value", BAD_NUMBERS)
def test_bad_numbers_name_their_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Settings.from_env({name: value})
    assert str(refused.value).startswith(name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MITRA_AUTO_OFFLINE_SWEEP_SECONDS", "0"),
        ("HEARTBEAT_MIRROR_INTERVAL_SECONDS", "0"),
        ("PUBLIC_PORT", "0"),
        ("INTERNAL_PORT", "65536"),
        ("INTERNAL_PORT", "3000"),
        ("APP_ENV", "prod"),
        ("APP_ENV", "Production"),
        ("APP_ENV", ""),
        ("AVAILABILITY_MIRROR", "false"),
        ("AVAILABILITY_MIRROR", ""),
        ("HOST", ""),
        ("JWT_SECRET", ""),
        ("INTERNAL_API_TOKEN", " "),
        ("DATABASE_URL", "mysql://localhost/db"),
        ("DATABASE_URL", "localhost:5432"),
        ("DATABASE_URL", "postgresql://h:port/db"),
        ("VALKEY_URL", "http://localhost"),
        ("VALKEY_URL", "redis://localhost:99999"),
    ],
)
def test_refused_values(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Settings.from_env({name: value})


def test_zero_turns_the_reconciliation_off() -> None:
    assert Settings.from_env({"VALKEY_ONLINE_MIRROR_SWEEP_SECONDS": "0"}).valkey_online_mirror_sweep_seconds == 0


@pytest.mark.parametrize("url", ["valkey://u:p@h:1/3", "redis://u:p@h:1/3"])
def test_valkey_urls(url: str) -> None:
    assert Settings.from_env({"VALKEY_URL": url}).valkey_url == "redis://u:p@h:1/3"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
def test_database_urls(scheme: str) -> None:
    assert Settings.from_env({"DATABASE_URL": f"{scheme}://u:p@h/d"}).database_url == "postgresql://u:p@h/d"


@pytest.mark.parametrize(
    "environ",
    [
        {"MITRA_AUTO_OFFLINE_SWEEP_SECONDS": "ten"},
        {"APP_ENV": "production", "DATABASE_URL": "postgresql://db/m", "VALKEY_URL": "redis://c"},
    ],
    ids=["bad", "missing"],
)
def test_a_refusal_is_one_line_and_exit_1(environ: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "server"], env=environ, cwd=CHECKOUT, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert ("MITRA_AUTO_OFFLINE_SWEEP_SECONDS" if "APP_ENV" not in environ else "JWT_SECRET") in done.stderr
