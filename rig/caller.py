"""What of the caller's environment reaches whom: one list, all else is dropped, so that no shell changes what is tested.

Standard library only: it is asked before anything else is imported.
"""

import contextlib
import locale
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

# Patterns of names, with what they are for; docs/settings.md tells them, and a test holds the two together.
SYSTEM = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR",
    "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR",
    "SSL_CERT_FILE", "SSL_CERT_DIR",  # which certificates this machine trusts
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",  # interpreters may be found by it alone
)  # fmt: skip
TERMINAL = (
    "TERM", "TERMINFO", "TERMINFO_DIRS", "COLORTERM", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE",
    "COLUMNS", "LINES", "EDITOR", "VISUAL", "PAGER", "LESS", "INPUTRC",
)  # fmt: skip
PYTHONS_OWN = ("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")  # only how Python writes
TOOLCHAINS = (  # where launchers on PATH find what they launch; nothing that tells it how to run
    "VIRTUAL_ENV", "CONDA_PREFIX", "PYENV_ROOT", "PYENV_VERSION",
    "NVM_DIR", "NVM_BIN", "FNM_DIR", "FNM_MULTISHELL_PATH", "VOLTA_HOME", "PNPM_HOME", "BUN_INSTALL", "DENO_DIR",
    "JAVA_HOME", "JDK_HOME", "MAVEN_HOME", "M2_HOME", "GRADLE_HOME", "GRADLE_USER_HOME",
    "GOROOT", "GOPATH", "GOCACHE", "GOMODCACHE", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN",
    "RBENV_ROOT", "RBENV_VERSION", "GEM_HOME", "GEM_PATH", "BUNDLE_PATH", "DOTNET_ROOT",
    "ASDF_DIR", "ASDF_DATA_DIR", "MISE_DATA_DIR",
)  # fmt: skip
ENGINE = (
    "DOCKER_*", "TESTCONTAINERS_*", "POSTGRES_IMAGE", "VALKEY_IMAGE", "TOXIPROXY_IMAGE", "PYTHON_IMAGE",
)  # fmt: skip
BUILD = (  # how this place reaches the network; names of Go's that say for which machine it builds are left out
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    "PIP_*", "UV_*", "REQUESTS_CA_BUNDLE", "NETRC", "GOROOT", "GOPATH", "GOCACHE", "GOMODCACHE", "GOTOOLCHAIN",
    "GOPROXY", "GONOPROXY", "GOPRIVATE", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOAUTH",
)  # fmt: skip
SETTINGS = ("RIG_*",)
CONTRACT = (  # what docs/contract.md has a server read: the rig sets it, or leaves it at its default
    "APP_ENV", "DATABASE_URL", "VALKEY_URL", "HOST", "PUBLIC_PORT", "INTERNAL_PORT", "JWT_SECRET", "INTERNAL_API_TOKEN",
    "ACCESS_TOKEN_TTL_SECONDS", "OTP_DEV_CODE", "GOODBYE_WINDOW_SECONDS", "MITRA_AUTO_OFFLINE_SWEEP_SECONDS",
    "HEARTBEAT_MIRROR_INTERVAL_SECONDS", "VALKEY_ONLINE_MIRROR_SWEEP_SECONDS", "AVAILABILITY_MIRROR",
)  # fmt: skip
FIXED = {"LANG": "C.UTF-8"}  # else letters beyond ASCII would be what the caller's place makes of them
# What has its effect before our first line runs.
AT_START = ("PYTHON*", "LD_*", "DYLD_*")
LOCALE = ("LC_*", "LANGUAGE")
OF_LIBPQ = "PG*"

_left: dict[str, str] = {}  # what this process had of its caller before `settled`


def given() -> dict[str, str]:
    """The caller's environment, whole: for those that the lists below are drawn from."""
    return {**os.environ, **_left}


def named_in(*lists: Iterable[str]) -> dict[str, str]:
    """Of the caller's environment what these patterns name."""
    return {name: value for name, value in given().items() if any(matches(name, patterns) for patterns in lists)}


def own(more: Mapping[str, str] | None = None, *, engine: bool = False) -> dict[str, str]:
    """For processes of the rig's own; `engine`: those that talk to Docker."""
    lists = (SYSTEM, TERMINAL, PYTHONS_OWN, *([ENGINE] if engine else []))
    return {**named_in(*lists), **FIXED, **(more or {})}


def for_servers(passed: Iterable[str] = ()) -> dict[str, str]:
    """What a server under test and its set-up get beside the contract's variables; `passed`: names the user adds."""
    handed = {**named_in(SYSTEM, TOOLCHAINS), **FIXED, **named_in(passed)}
    return {name: value for name, value in handed.items() if name not in CONTRACT}


def server(inherited: Mapping[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """`for_servers` of this stack, and on top what the contract says."""
    return {**inherited, **told}


def builder(more: Mapping[str, str]) -> dict[str, str]:
    """For what builds or fetches programs, from the network of this place."""
    return {**named_in(SYSTEM, BUILD), **FIXED, **more}


def bare(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """For stores and proxies: nothing of the caller's."""
    return {"PATH": os.defpath, **(more or {})}


def unused(pattern: str = OF_LIBPQ) -> list[str]:
    """Names in the caller's environment that nobody here reads, for a message about what lacks."""
    return sorted(name for name in given() if fnmatchcase(name, pattern))


@contextlib.contextmanager
def settled() -> Iterator[None]:
    """Take out of this process what the list does not name, for clients that read the environment by themselves."""
    kept = {**named_in(SYSTEM, TERMINAL, PYTHONS_OWN, ENGINE, SETTINGS), **FIXED}
    before = dict(os.environ)
    _left.update({name: value for name, value in before.items() if kept.get(name) != value})
    _become(kept)
    try:
        yield
    finally:
        _left.clear()
        _become(before)


def _become(environment: Mapping[str, str]) -> None:
    for name in [name for name in os.environ if name not in environment]:
        del os.environ[name]  # the process' own too, which libraries in C read
    os.environ.update(environment)
    time.tzset()


def restart_if_bent() -> None:
    """Begin this program anew where its interpreter was started under variables that have had their effect already."""
    bent = {name for name in os.environ if matches(name, AT_START) and name not in (*SYSTEM, *PYTHONS_OWN)}
    if bent or locale.getencoding().lower() != "utf-8":
        straight = {name: value for name, value in os.environ.items() if name not in bent and not matches(name, LOCALE)}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**straight, **FIXED})


def matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
