"""A caller's environment in which everything that could decide something says what is harmful."""

from pathlib import Path

# Each kind with a variable or more; a value is one that breaks, misleads or changes whoever reads it.
HARMFUL: dict[str, dict[str, str]] = {
    "libpq": {
        "PGHOST": "127.0.0.9", "PGHOSTADDR": "127.0.0.9", "PGPORT": "9", "PGUSER": "nobody", "PGPASSWORD": "wrong",
        "PGDATABASE": "nowhere", "PGSERVICE": "nowhere", "PGSERVICEFILE": "/no/such/file", "PGPASSFILE": "/no/such/file",
        "PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/no/such/file", "PGOPTIONS": "-c search_path=nowhere", "PGTZ": "Asia/Jakarta",
        "PGDATESTYLE": "German", "PGCLIENTENCODING": "LATIN1", "PGCONNECT_TIMEOUT": "1", "PGREQUIREAUTH": "none",
        "PGTARGETSESSIONATTRS": "standby", "PGAPPNAME": "sut_a", "PGDATA": "/no/such/directory",
    },
    "valkey": {
        "REDIS_URL": "redis://127.0.0.9:9", "REDISCLI_AUTH": "wrong", "REDIS_HOST": "127.0.0.9", "VALKEY_HOST": "127.0.0.9",
    },
    "contract": {
        "DATABASE_URL": "postgresql://127.0.0.9:9/nowhere", "VALKEY_URL": "redis://127.0.0.9:9", "AVAILABILITY_MIRROR": "off",
        "APP_ENV": "production", "HOST": "127.0.0.9", "PUBLIC_PORT": "9", "JWT_SECRET": "x", "OTP_DEV_CODE": "000000",
        "ACCESS_TOKEN_TTL_SECONDS": "1", "MITRA_AUTO_OFFLINE_SWEEP_SECONDS": "1",
    },
    "pytest": {
        "PYTEST_ADDOPTS": "-k killed -x --maxfail=1", "PYTEST_PLUGINS": "no_such_plugin", "PYTEST_XDIST_AUTO_NUM_WORKERS": "7",
        "PYTEST_XDIST_WORKER": "gw9", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    },
    "locust": {
        "LOCUST_RUN_TIME": "1s", "LOCUST_USERS": "3", "LOCUST_SPAWN_RATE": "1", "LOCUST_LOCUSTFILE": "/no/such/file.py",
        "LOCUST_HOST": "http://127.0.0.9:9", "LOCUST_STOP_TIMEOUT": "0", "LOCUST_EXIT_CODE_ON_ERROR": "7",
        "LOCUST_MODE_WORKER": "1", "LOCUST_TAGS": "nothing",
    },
    "docker": {"DOCKER_HOST": "tcp://127.0.0.9:9", "DOCKER_CONTEXT": "nowhere", "DOCKER_TLS_VERIFY": "1"},
    "proxies": {
        name: "http://127.0.0.9:9"
        for word in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY") for name in (word, word.lower())
    } | {"NO_PROXY": "", "no_proxy": ""},
    "python": {
        "PYTHONOPTIMIZE": "2", "PYTHONSTARTUP": "/no/such/file", "PYTHONHASHSEED": "0", "PYTHONWARNINGS": "error",
        "PYTHONINSPECT": "1", "PYTHONBREAKPOINT": "os.abort", "PYTHONTRACEMALLOC": "1", "PYTHONDEVMODE": "1",
        "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONASYNCIODEBUG": "1",
    },
    "loader": {"LD_DEBUG_OUTPUT": "/dev/null", "LD_BIND_NOW": "1", "LD_PRELOAD": "/no/such/library.so"},
    "place": {
        "TZ": "Pacific/Kiritimati", "LANG": "tr_TR.ISO-8859-9", "LC_ALL": "POSIX", "LC_CTYPE": "C", "LC_TIME": "tr_TR", "LANGUAGE": "tr",
    },
    "others": {
        "NODE_OPTIONS": "--no-such-option", "JAVA_TOOL_OPTIONS": "-no-such-option", "RUBYOPT": "-no-such-option", "NODE_ENV": "production",
        "COVERAGE_PROCESS_START": "/no/such/file", "FAKETIME": "+1d", "BASH_ENV": "/no/such/file", "ENV": "/no/such/file",
        "TESTCONTAINERS_HOST_OVERRIDE": "127.0.0.9", "GOFLAGS": "-no-such-flag", "HYPOTHESIS_DATABASE_FILE": "/no/such/file",
    },
}  # fmt: skip

EVERYTHING = {name: value for kind in HARMFUL.values() for name, value in kind.items()}


def packages_that_break(directory: Path) -> str:
    """A PYTHONPATH of packages that stop whoever imports them."""
    for name in ("typer", "pydantic", "redis", "psycopg", "httpx", "pytest_bdd", "locust"):
        (directory / f"{name}.py").write_text(f"raise SystemExit('{name} was taken from PYTHONPATH')\n")
    return str(directory)
