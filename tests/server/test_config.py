"""The environment: defaults, bounds, what production refuses, and that a refusal is one line before anything else."""

import ast
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from store_urls import BAD_VALKEY_URLS, GOOD_VALKEY_URLS

from server.config import ConfigError, Settings

CHECKOUT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "APP_ENV": "production",
    "DATABASE_URL": "postgresql://a:b@db/mirror",
    "VALKEY_URL": "rediss://a:b@cache:6380/2",
    "JWT_SECRET": "s" * 32,
    "INTERNAL_API_TOKEN": "t" * 32,
}


TRIAL = {"APP_ENV": "development"}


def refusal(environ: Mapping[str, str]) -> str:
    """Why these settings are refused: one line."""
    with pytest.raises(ConfigError) as refused:
        Settings.from_env(environ)
    assert str(refused.value).isprintable()
    return str(refused.value)


def test_defaults_of_development() -> None:
    settings = Settings.from_env(TRIAL)
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


def test_an_unset_environment_means_production_and_says_so() -> None:
    """Nobody gets the secrets of a trial without having asked for a trial, and the refusal tells how to ask."""
    line = refusal({})
    assert "unset APP_ENV" in line
    assert "APP_ENV=development" in line
    unset = {name: value for name, value in PRODUCTION.items() if name != "APP_ENV"}
    assert Settings.from_env(unset).production
    for name in ("DATABASE_URL", "VALKEY_URL", "JWT_SECRET", "INTERNAL_API_TOKEN"):
        line = refusal({key: value for key, value in unset.items() if key != name})
        assert line.startswith(name)
        assert "APP_ENV=development" in line
    assert "APP_ENV=development" in refusal({**unset, "JWT_SECRET": "short"})
    assert "APP_ENV=development" in refusal({**unset, "OTP_DEV_CODE": "123456"})


@pytest.mark.parametrize("name", ["JWT_SECRET", "INTERNAL_API_TOKEN"])
def test_production_refuses_a_secret_under_32_bytes(name: str) -> None:
    """31 bytes are refused in production, and are enough for a trial."""
    assert refusal({**PRODUCTION, name: "s" * 31}).startswith(name)
    assert Settings.from_env({**PRODUCTION, name: "x" * 32}).production
    Settings.from_env({**TRIAL, name: "s" * 31})


@pytest.mark.parametrize("name", ["JWT_SECRET", "INTERNAL_API_TOKEN"])
@pytest.mark.parametrize(
    "value", [" token", "token ", "token\n", "token\r\n", "to\nken", "tökén", "to\x7fken", "t" * 5000]
)
@pytest.mark.parametrize("environ", [PRODUCTION, TRIAL, {"APP_ENV": "test"}], ids=lambda each: each["APP_ENV"])
def test_a_token_that_no_header_can_carry_is_refused_everywhere(name: str, value: str, environ: dict[str, str]) -> None:
    """It would never match what a caller sends: refused in every environment, and its value is not repeated."""
    line = refusal({**environ, name: value * 40 if len(value) < 50 else value})
    assert line.startswith(name)
    assert "ken" not in line.removeprefix(name)


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
        Settings.from_env({**PRODUCTION, name: getattr(Settings.from_env(TRIAL), default)})


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
        Settings.from_env({**TRIAL, name: value})
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
        Settings.from_env({**TRIAL, name: value})


def test_zero_turns_the_reconciliation_off() -> None:
    assert (
        Settings.from_env({**TRIAL, "VALKEY_ONLINE_MIRROR_SWEEP_SECONDS": "0"}).valkey_online_mirror_sweep_seconds == 0
    )


GOOD_DATABASE_URLS = {
    "postgres://u:p@h/d": "postgresql://u:p@h/d",
    "postgresql://u:p@h/d": "postgresql://u:p@h/d",
    "postgresql+asyncpg://u:p@h/d": "postgresql://u:p@h/d",
    "postgresql://h/d?sslmode=require&application_name=a": "postgresql://h/d?sslmode=require&application_name=a",
    "postgresql://h/d?connect_timeout=3&keepalives=1": "postgresql://h/d?connect_timeout=3&keepalives=1",
    "postgresql:///d?host=/var/run/postgresql": "postgresql:///d?host=/var/run/postgresql",
    "postgresql://h?dbname=d": "postgresql://h?dbname=d",
}
BAD_DATABASE_URLS = (
    "postgresql://", "postgresql://h", "postgresql://h/", "postgresql:///d", "postgresql://h/d?nobody=knows",
    "postgresql://h/d?nobody", "postgresql://h/d?dbname=e", "postgresql://h?dbname=d&database=e", "postgresql://h/d?host=g",
    "postgresql://h:1/d?port=2", "postgresql://h/d?port=99999", "postgresql://h/d?port=x", "postgresql://h/d?sslmode=maybe",
    "postgresql://h/d?sslmode=", "postgresql://h/d?sslmode=disable&sslmode=require", "postgresql://h/d?timezone=Asia/Jakarta",
    "postgresql://h/d?sslrootcert=/no/such/file", "postgresql://h:0/d", "postgresql://h:65536/d", "postgresql://h:x/d",
    "postgresql://a..b/d", "postgresql://1.2.3.999/d", "postgresql://h h/d", "postgresql://u:p@s@h/d", "postgresql://h/d#e",
    "postgresql://u:secret@h/d?password=other", "postgresql://h/dä", "h/d", "redis://h/0",
)  # fmt: skip


@pytest.mark.parametrize(("url", "taken"), GOOD_VALKEY_URLS.items())
def test_valkey_urls(url: str, taken: str) -> None:
    assert Settings.from_env({**TRIAL, "VALKEY_URL": url}).valkey_url == taken


@pytest.mark.parametrize(("url", "taken"), GOOD_DATABASE_URLS.items())
def test_database_urls(url: str, taken: str) -> None:
    assert Settings.from_env({**TRIAL, "DATABASE_URL": url}).database_url == taken


@pytest.mark.parametrize(
    ("name", "url"),
    [*(("VALKEY_URL", url) for url in BAD_VALKEY_URLS), *(("DATABASE_URL", url) for url in BAD_DATABASE_URLS)],
)
def test_a_url_that_leaves_a_doubt_is_refused(name: str, url: str) -> None:
    """Never another database than the URL names, no option passed over, and no password in the refusal."""
    line = refusal({**TRIAL, name: url})
    assert line.startswith(name)
    assert "secret" not in line


class Recorded(dict[str, str]):
    """An environment that notes what is asked of it."""

    def __init__(self, given: Mapping[str, str]) -> None:
        super().__init__(given)
        self.asked: set[str] = set()

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.asked.add(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return super().__contains__(name)

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return super().__getitem__(name)


def variables() -> list[str]:
    """Every variable the server reads, found by watching it read."""
    environ = Recorded(TRIAL)
    Settings.from_env(environ)
    return sorted(environ.asked)


# Wrong for every variable there is or will be: empty, blanks and line ends, not ASCII, not even text.
BAD_FOR_ALL = ("", " ", "\n", " 5", "5 ", "5\n", "5\r\n", "\t5", "fünf", "5\x1b", "٥", "\udcff5")
BAD_FOR_URLS = (
    "5", "http://h/0", "redis://h/abc", "redis://h:65536/0", "redis://h/0?nobody=knows", "postgresql://h:65536/d",
    "postgresql://h/d?nobody=knows", "postgresql://h/", "redis://", "redis://h/0\n", "postgresql://h/d\n",
    "redis://h h/0", "postgresql://h/d d",
)  # fmt: skip
BAD_OTHERWISE = {
    "APP_ENV": ("prod", "5"),
    "AVAILABILITY_MIRROR": ("true", "5"),
    "HOST": ("a..b", "256.1.1.1", "::g", "h/0", "h h", "x" * 300),
    "INTERNAL_API_TOKEN": ("t" * 5000,),
    "JWT_SECRET": ("t" * 5000,),
    "OTP_DEV_CODE": ("12\n34",),
}


def bad_values(name: str) -> Iterator[str]:
    yield from BAD_FOR_ALL
    field = Settings.__dataclass_fields__[name.lower()]  # whoever adds a variable names its field so
    if field.type in (int, "int"):
        yield from (*BAD_NUMBERS, "1000000001")
    elif name.endswith("_URL"):
        yield from BAD_FOR_URLS
    else:
        yield from BAD_OTHERWISE[name]  # whoever adds a variable that is neither says here what is bad for it


@pytest.mark.parametrize("name", variables())
def test_no_bad_value_of_any_variable_starts_anything(name: str) -> None:
    """One line on standard error that names the variable, exit 1, no traceback, nothing logged: for every variable."""
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda value: (value, serve({**TRIAL, name: value})), bad_values(name)))
    for value, (code, out, err) in done:
        assert (code, out, err.count("\n")) == (1, "", 1), (value, err)
        assert name in err, (value, err)
        assert err.startswith("server: "), (value, err)


def test_nothing_else_reads_the_environment() -> None:
    """Only so can a test know every variable."""
    found = []
    for path in sorted((CHECKOUT / "server").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute | ast.Name):
                name = node.attr if isinstance(node, ast.Attribute) else node.id
                found += [path.name] if name in ("environ", "getenv") else []
    assert set(found) == {"__main__.py", "config.py"}


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({**TRIAL, "MITRA_AUTO_OFFLINE_SWEEP_SECONDS": "ten"}, "MITRA_AUTO_OFFLINE_SWEEP_SECONDS"),
        ({**PRODUCTION, "JWT_SECRET": ""}, "JWT_SECRET"),
        ({}, "APP_ENV=development"),
    ],
    ids=["bad", "missing", "nothing"],
)
def test_a_refusal_is_one_line_and_exit_1(environ: dict[str, str], named: str) -> None:
    code, out, err = serve(environ)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert named in err


def serve(environ: dict[str, str]) -> tuple[int, str, str]:
    """Exit code and output of a server that is told this and nothing else."""
    done = subprocess.run(
        [sys.executable, "-m", "server"], env=environ, cwd=CHECKOUT, capture_output=True, text=True, timeout=30
    )
    return done.returncode, done.stdout, done.stderr
