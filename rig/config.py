"""The settings of one run: from flags, else from the environment (RIG_*), else the default. Read once, then frozen."""

import os
import warnings
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from rig.errors import UsageError, suggestion
from rig.setting_fields import FIELDS, Fields
from rig.setting_fields import PREFIX as PREFIX

# Pydantic's models have a deprecated classmethod with the name of our setting. Nothing calls it.
warnings.filterwarnings("ignore", message='Field name "schema" in "Settings" shadows')
# Variables that one process of the rig sets for another one. Users do not set them.
INTERNAL = frozenset({"RIG_SUPERVISOR"})
INTERNAL_PREFIX = "RIG_INTERNAL_"
HANDED = f"{INTERNAL_PREFIX}CHECKLIST"  # what the process that runs the features has to do, as JSON
PLUGIN = f"{INTERNAL_PREFIX}PLUGIN"  # a further plugin for that process


class ConfigError(UsageError):
    """A setting has an impossible value. The message is one line and names the flag or the variable."""


class Settings(Fields, BaseSettings):  # type: ignore[misc]  # BaseSettings has a deprecated method `schema`
    """All settings, frozen. `rig.setting_fields` declares them."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read flags and the environment, but no file."""
        return init_settings, env_settings


def read(**flags: Any) -> Settings:
    """Return the settings. A flag that is None was not given. Raises ConfigError for an impossible value."""
    given = {name: value for name, value in flags.items() if value is not None}
    refuse_unknown_variables()
    try:
        return Settings(**given)
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0])
        source = FIELDS[name].flag if name in given else PREFIX + name.upper()
        near = suggestion(str(problem["input"]), FIELDS[name].choices)
        raise ConfigError(f"{source}={problem['input']!r}: {problem['msg'].lower()}{near}") from None


def refuse_unknown_variables() -> None:
    """Raise ConfigError for a variable that starts with RIG_ but is no setting: it is probably mistyped."""
    known = {PREFIX + name.upper() for name in FIELDS}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known | INTERNAL and not name.startswith(INTERNAL_PREFIX):
            raise ConfigError(f"{name} is not a setting of the rig{suggestion(name, known)}: unset it")
