"""The supervisor: it starts, stamps, signals and ends processes, and tidies however the rig ends."""

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.paths import CHECKOUT
from rig.stack import SpawnError, Supervisor, SupervisorGone
from tests.support.stack_support import alive, until

ENV = {"PATH": os.environ["PATH"]}

# A rig of its own: starts a process with an orphaned grandchild in another session, tells of them, and waits.
RIG = """
import os, sys, time
from pathlib import Path
from rig.stack import Supervisor
supervisor = Supervisor.start()
directory = supervisor.temporary_directory("work")
script = "(setsid sleep 300 & echo $! > orphan) ; sleep 300 & echo $! > child; sleep 300"
process = supervisor.spawn("tree", ["bash", "-c", script], env=dict(os.environ), cwd=directory, log=directory / "log")
while not all((directory / name).exists() and (directory / name).read_text() for name in ("orphan", "child")):
    time.sleep(0.01)
pids = [process.pid, *(int((directory / name).read_text()) for name in ("orphan", "child"))]
print(supervisor.base, *pids, flush=True)
time.sleep(300)
"""


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    with Supervisor.start() as started:
        yield started


def test_lines_are_stamped_on_arrival(supervisor: Supervisor, tmp_path: Path) -> None:
    script = "echo one; sleep 0.2; echo two >&2; printf 'no newline'"
    before = time.time()
    process = supervisor.spawn("lines", ["bash", "-c", script], env=ENV, log=tmp_path / "log")
    assert process.wait(5) == 0
    lines = (tmp_path / "log").read_text().splitlines()
    assert [line.partition(" ")[2] for line in lines] == ["one", "two", "no newline"]
    assert all(re.match(r"\d+\.\d{6} ", line) for line in lines)
    stamps = [float(line.split()[0]) for line in lines]
    assert before <= stamps[0] < stamps[1] <= stamps[2] <= time.time()
    assert stamps[1] - stamps[0] >= 0.15  # its own sleep, not the moment of reading


def test_output_that_nobody_reads_waits_and_is_found_later(supervisor: Supervisor, tmp_path: Path) -> None:
    """A call that waits already takes what comes first; the rest stays in the pipe."""
    script = "echo one; until [ -e go ]; do sleep 0.02; done; echo two; sleep 0.2; echo three; touch said; sleep 9"
    log = tmp_path / "log"
    process = supervisor.spawn("mute", ["bash", "-c", script], env=ENV, log=log, cwd=tmp_path)
    assert until(lambda: "one" in log.read_text())
    process.read_output(False)
    assert not process.output_is_read
    (tmp_path / "go").touch()
    assert until((tmp_path / "said").exists)
    time.sleep(0.3)  # nothing tells that nothing comes
    assert "three" not in log.read_text()
    process.read_output(True)
    assert until(lambda: "three" in log.read_text())
    process.signal(signal.SIGKILL, tree=True)


def test_exit_codes_and_waiting(supervisor: Supervisor, tmp_path: Path) -> None:
    three = supervisor.spawn("three", ["bash", "-c", "exit 3"], env=ENV, log=tmp_path / "log")
    assert three.wait(5) == 3
    assert three.signal(signal.SIGTERM) == []  # it is gone: nothing is signalled
    sleeper = supervisor.spawn("sleeper", ["sleep", "300"], env=ENV, log=tmp_path / "log")
    assert sleeper.poll() is None
    with pytest.raises(TimeoutError, match=r"sleeper \(pid \d+\) still runs after 0.1 s"):
        sleeper.wait(0.1)
    sleeper.signal(signal.SIGKILL)
    assert sleeper.wait(5) == -signal.SIGKILL
    assert sleeper.exited is not None
    assert sleeper.exited >= sleeper.started


def test_a_command_that_is_not_there(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(SpawnError, match="No such file or directory: '/no/such/program'"):
        supervisor.spawn("nothing", ["/no/such/program"], env=ENV, log=tmp_path / "log")


def test_signal_to_the_tree_reaches_other_sessions(supervisor: Supervisor, tmp_path: Path) -> None:
    script = "setsid sleep 300 & echo $! > pid; wait"
    process = supervisor.spawn("tree", ["bash", "-c", script], env=ENV, cwd=tmp_path, log=tmp_path / "log")
    assert until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    grandchild = int((tmp_path / "pid").read_text())
    assert set(process.signal(signal.SIGKILL, tree=True)) == {process.pid, grandchild}
    assert until(lambda: not alive(grandchild))


def test_close_ends_all_and_removes_directories(tmp_path: Path) -> None:
    supervisor = Supervisor.start()
    directory = supervisor.temporary_directory("data")
    assert supervisor.temporary_directory("data") != directory
    processes = [supervisor.spawn(f"s{n}", ["sleep", "300"], env=ENV, log=tmp_path / "log") for n in range(3)]
    stopped = processes[0]
    stopped.signal(signal.SIGSTOP)
    assert {entry["pid"] for entry in supervisor.running()} == {process.pid for process in processes}
    supervisor.close()
    assert not supervisor.base.exists()
    assert not any(alive(process.pid) for process in processes)
    with pytest.raises(SupervisorGone):
        stopped.poll()


def test_a_last_signal_is_given_time(tmp_path: Path) -> None:
    supervisor = Supervisor.start()
    script = "trap 'echo farewell; exit 0' QUIT; echo up; while :; do sleep 0.02; done"
    supervisor.spawn("polite", ["bash", "-c", script], env=ENV, log=tmp_path / "log", last_signal=signal.SIGQUIT)
    assert until(lambda: "up" in (tmp_path / "log").read_text())
    supervisor.close()
    assert "farewell" in (tmp_path / "log").read_text()


def test_children_do_not_inherit_ignored_signals(tmp_path: Path) -> None:
    """A shell has its background commands ignore SIGINT and SIGQUIT, and what ignores a signal from birth cannot trap it."""
    script = "from rig.stack import Supervisor; from pathlib import Path; import os, sys; s = Supervisor.start()\n"
    script += (
        "p = s.spawn('c', ['sh', '-c', 'grep SigIgn /proc/self/status'], env=dict(os.environ), log=Path(sys.argv[1]))\n"
    )
    script += "p.wait(5); s.close()"
    command = shlex.join([sys.executable, "-c", script, str(tmp_path / "log")])
    subprocess.run(["bash", "-c", f"trap '' INT QUIT HUP TERM; {command}"], cwd=CHECKOUT, check=True, timeout=30)
    ignored = int((tmp_path / "log").read_text().split()[-1], 16)
    ends = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM)
    assert [number.name for number in ends if ignored & 1 << (number - 1)] == []


def test_last_words_are_kept_to_the_last(tmp_path: Path) -> None:
    """The log is a pipe that takes nothing more until the talker is dead: its words are still on their way then."""
    supervisor = Supervisor.start()
    log = tmp_path / "log"
    os.mkfifo(log)
    script = "trap 'seq 10000; exit 0' QUIT; echo up; while :; do sleep 0.02; done"
    process = supervisor.spawn("talker", ["bash", "-c", script], env=ENV, log=log, last_signal=signal.SIGQUIT)
    with log.open("rb") as reader:
        assert reader.readline().endswith(b" up\n")
        closing = threading.Thread(target=supervisor.close)
        closing.start()
        assert until(lambda: not alive(process.pid))
        assert reader.read().endswith(b" 10000\n")
        closing.join()


def test_another_process_attaches(supervisor: Supervisor, tmp_path: Path) -> None:
    attached = Supervisor.attach(supervisor.environment["RIG_SUPERVISOR"])
    process = attached.spawn("sleeper", ["sleep", "300"], env=ENV, log=tmp_path / "log")
    attached.close()  # not its own to close
    assert process.poll() is None
    assert [entry["name"] for entry in supervisor.running()] == ["sleeper"]
    with pytest.raises(SupervisorGone, match="does not answer"):
        Supervisor.attach(tmp_path / "nowhere.sock")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_is_left_of_a_rig_that_is_ended(how: signal.Signals) -> None:
    rig = subprocess.Popen([sys.executable, "-c", RIG], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=CHECKOUT)
    assert rig.stdout is not None
    with rig.stdout as output:
        base, *pids = output.readline().decode().split()
    assert all(alive(int(pid)) for pid in pids)
    rig.send_signal(how)
    rig.wait(5)
    gone = until(lambda: not Path(base).exists() and not any(alive(int(pid)) for pid in pids), within_s=5.0)
    assert gone, [pid for pid in pids if alive(int(pid))]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_supervisor_that_is_told_to_stop_tidies_too(how: signal.Signals, tmp_path: Path) -> None:
    supervisor = Supervisor.start()
    process = supervisor.spawn("sleeper", ["sleep", "300"], env=ENV, log=tmp_path / "log")
    parent = int(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(parent, how)
    assert until(lambda: not supervisor.base.exists() and not alive(process.pid))
    supervisor.close()


# Asks for a running process's end and hangs up before the answer comes.
HANGS_UP = """
import json, os, socket, time
from pathlib import Path
from rig.stack import Supervisor
with Supervisor.start() as supervisor:
    process = supervisor.spawn("sleeper", ["sleep", "300"], env=dict(os.environ), log=Path(os.devnull))
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(supervisor.socket))
        connection.sendall(json.dumps({"op": "wait", "pid": process.pid, "timeout_s": 0.2}).encode() + b"\\n")
    time.sleep(0.6)
"""


def test_a_caller_who_hangs_up_is_no_error() -> None:
    done = subprocess.run([sys.executable, "-c", HANGS_UP], cwd=CHECKOUT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
