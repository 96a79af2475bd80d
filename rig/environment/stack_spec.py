"""From settings to the stack that they ask for."""

from pathlib import Path

from rig import caller
from rig.config import ConfigError, Settings
from rig.errors import UsageError
from rig.fixtures import MappingError, Schema, load_schema
from rig.stack import SpecError, StackSpec
from rig.stack.spec import DEFAULT_SUT
from rig.stack.sut.attachment import Attachment, pairs

# Settings that speak of a running server, and mean nothing without its URL.
OF_A_RUNNING_SERVER = ("internal_url", "otp_code", "jwt_secret", "internal_token", "sut_log", "sut_env")


def stack_spec(settings: Settings, logs: Path, *, stores_needed: bool = True) -> StackSpec:
    """The stack of these settings, with its logs in that directory. SpecError for what cannot be.

    `stores_needed`: without the stores of a running server nothing could be judged.
    """
    attached = attachment(settings)
    return StackSpec(
        logs=logs,
        mode=settings.mode,
        postgres=settings.postgres,
        valkey=settings.valkey,
        toxiproxy=settings.toxiproxy,
        postgres_wheel=settings.postgres_wheel,
        valkey_wheel=settings.valkey_wheel,
        valkey_profile=settings.valkey_profile,
        valkey_tls=settings.valkey_tls,
        scratch=settings.scratch,
        postgres_log=settings.postgres_log,
        sut=settings.sut,
        sut_cwd=settings.sut_cwd,
        sut_setup=settings.sut_setup,
        inherited=caller.for_servers(passed_on(settings)),
        attached=attached,
        outside=attached is not None and not (stores_needed or settings.postgres or settings.valkey),
    )


def passed_on(settings: Settings) -> list[str]:
    """The names that the user adds to what a server gets. ConfigError for one that is not set, or is not the user's to set."""
    names = (settings.sut_pass_env or "").split()
    for name in names:
        if name in caller.CONTRACT:
            raise ConfigError(f"--sut-pass-env {name}: the contract's variables are the rig's to set")
        if not caller.named_in([name]):
            raise ConfigError(f"--sut-pass-env {name}: there is no such variable in your environment")
    return names


def mapped_schema(settings: Settings) -> Schema:
    """The schema of the server under test. UsageError for a mapping file that cannot be used."""
    try:
        return load_schema(settings.schema)
    except MappingError as error:
        raise UsageError(str(error)) from None


def level_of(settings: Settings) -> str:
    """The level asked for; else `hardened` for the server that comes with the rig, `contract` for any other."""
    ours = settings.sut == DEFAULT_SUT and settings.base_url is None
    return settings.level or ("hardened" if ours else "contract")


def attachment(settings: Settings) -> Attachment | None:
    """The running server that is to be judged, if one is. SpecError for half of one."""
    if settings.base_url is None:
        given = [name for name in OF_A_RUNNING_SERVER if getattr(settings, name) is not None]
        if given:
            flag = f"--{given[0].replace('_', '-')}"
            raise SpecError(f"{flag} speaks of a server that runs already: add --base-url URL, or leave it out")
        return None
    if settings.internal_url is None:
        raise SpecError("--base-url is the public listener alone: add --internal-url URL")
    return Attachment(
        public_url=settings.base_url.rstrip("/"),
        internal_url=settings.internal_url.rstrip("/"),
        jwt_secret=settings.jwt_secret,
        otp_code=settings.otp_code,
        internal_token=settings.internal_token,
        log=settings.sut_log,
        proxy=settings.toxiproxy_proxy,
        env=pairs((settings.sut_env or "").split()),
    )
