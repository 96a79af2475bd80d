"""Facts of a run for `run.json` and the reports: what was judged, the stores and their versions, the machine."""

import os
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from typer import echo

from rig import caller
from rig.config import Settings
from rig.runs.common.provenance import judged
from rig.stack import StackSpec
from rig.stack.docker import images as docker_images
from rig.stack.embedded import platforms, postgres_binaries
from rig.stack.embedded.profiled_valkey import REDIS_SERVER, program_of
from rig.stack.embedded.profiles import Profile, profile_named
from rig.stack.embedded.valkey import binary
from rig.stack.external.given import ask_postgres, ask_valkey
from rig.stack.external.protection import protect

TOLD_S = 10


def run_facts(settings: Settings, spec: StackSpec | None = None) -> dict[str, Any]:
    """`judged` and `stack` of a run's meta data. Without a spec the run has no stack of its own, or one for each part.

    SpecError or StackError before anything of the run is there, where it cannot be made on these stores.
    """
    stack = {} if spec is None else stack_facts(spec)
    return {"judged": judged(settings), "stack": {**stack, **machine()}}


def machine() -> dict[str, str]:
    return {"python": platform.python_version(), "machine": f"{os.cpu_count()} cores, {platform.machine()}"}


def stack_facts(spec: StackSpec) -> dict[str, Any]:
    """Given stores are asked, the rig's own are named after their programs or images. `lacks`: abilities that a given store lacks."""
    protect(spec)
    if spec.outside:
        return {"mode": spec.mode, "sut": spec.named(), "stores": {}, "lacks": {}}
    stores: dict[str, str] = {}
    lacks: dict[str, str] = {}
    for name, facts in (("postgres", postgres(spec)), ("valkey", valkey(spec))):
        stores[name], lacking = facts
        lacks |= {f"{name}: {ability}": why for ability, why in lacking.items()}
    return {"mode": spec.mode, "sut": spec.named(), "stores": stores, "lacks": lacks}


def tell_lacks(facts: Mapping[str, Any]) -> None:
    """Print a line for each ability that a given store lacks: each is the reason of some skip."""
    for ability, why in facts["stack"].get("lacks", {}).items():
        echo(f"lacking {ability}: {why}")


def postgres(spec: StackSpec) -> tuple[str, dict[str, str]]:
    if spec.postgres:
        facts = ask_postgres(spec.postgres, with_log=spec.postgres_log is not None)
        return facts.named, dict(facts.lacking)
    if spec.mode == "docker":
        return docker_images.image("postgres"), {}
    program = postgres_binaries.installed(spec.postgres_wheel) / "bin" / "postgres"
    return f"Postgres {word_of(program)}{of_the_fallback(platforms.POSTGRES, spec.postgres_wheel)}", {}


def valkey(spec: StackSpec) -> tuple[str, dict[str, str]]:
    if spec.valkey:
        facts = ask_valkey(spec.valkey)
        return facts.named, dict(facts.lacking)
    if spec.mode == "docker":
        return docker_images.image("valkey"), {}
    if spec.valkey_profile:
        return profiled(spec, profile_named(spec.valkey_profile))
    return f"Valkey {word_of(binary(spec.valkey_wheel))}{of_the_fallback(platforms.VALKEY, spec.valkey_wheel)}", {}


def profiled(spec: StackSpec, profile: Profile) -> tuple[str, dict[str, str]]:
    """The program that stands for a managed product, and what the product refuses."""
    program = program_of(profile, spec.valkey_wheel)
    kind = "Redis" if program.name == REDIS_SERVER else "Valkey"
    return f"{kind} {word_of(program)} as {profile.name}{' (TLS)' if spec.valkey_tls else ''}", profile.lacking


def of_the_fallback(usual: platforms.Wheel, asked: str | None) -> str:
    """The package's name, where it is not the usual one."""
    chosen = platforms.choose(usual, asked)
    return "" if chosen is usual else f" ({chosen.package})"


def word_of(program: Path) -> str:
    """The version in what a server says of itself: `postgres (PostgreSQL) 18.1`, `Valkey server v=8.1.8 sha=...`."""
    done = subprocess.run([program, "--version"], env=caller.bare(), capture_output=True, text=True, timeout=TOLD_S)
    words = [word.removeprefix("v=") for word in done.stdout.split()]
    return next((word for word in words if word[:1].isdigit()), "of an unknown version")
