"""The caller's environment never changes what is tested: one list says what is handed on, all else is dropped."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from rig import caller
from rig.paths import CHECKOUT
from rig.stack import Stack, Supervisor, open_stack
from tests.support.hostile_environment import EVERYTHING, HARMFUL, packages_that_break
from tests.support.stack_support import STUB, spec_of

RUN_S = 200


def rig(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The `rig` command in a caller's environment that is ours, and those variables besides."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("RIG_", "PYTEST_"))}
    command = [sys.executable, "-m", "rig", *words]
    return subprocess.run(
        command, cwd=CHECKOUT, env={**env, **environment}, capture_output=True, text=True, timeout=RUN_S
    )


@pytest.fixture(scope="module")
def lender(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose services play somebody else's."""
    with Supervisor.start() as supervisor:
        with open_stack(spec_of(tmp_path_factory.mktemp("lender"), STUB), supervisor, "lender") as opened:
            yield opened


def marked(url: str) -> bool:
    with psycopg.connect(url, autocommit=True) as connection:
        (there,) = connection.execute("SELECT to_regclass('rig_scratch') IS NOT NULL").fetchone() or (False,)
        connection.execute("DROP TABLE IF EXISTS rig_scratch")
    return bool(there)


@pytest.mark.parametrize(
    "names", [["PGHOSTADDR"], ["PGSERVICE"], ["PGSSLMODE"], ["PGOPTIONS"], sorted(HARMFUL["libpq"])]
)
def test_the_url_decides_which_postgres_is_marked(lender: Stack, names: list[str]) -> None:
    """No variable of libpq leads `rig mark` to another server, to other settings or into an error."""
    done = rig("mark", "--postgres", lender.postgres.url, **{name: HARMFUL["libpq"][name] for name in names})
    assert (done.returncode, done.stdout.splitlines()[:1]) == (0, ["marked Postgres: table rig_scratch"]), done.stderr
    assert marked(lender.postgres.url)


def test_a_password_that_only_the_environment_has_is_told_to_be_unused(lender: Stack) -> None:
    """Who relies on a variable of libpq learns its name, not just that a password lacks."""
    login, _, place = lender.postgres.url.rpartition("@")
    bare = f"{login.rpartition(':')[0]}@{place}"
    done = rig("mark", "--postgres", bare, PGPASSWORD="secret-of-theirs")
    assert done.returncode == 3
    assert "PGPASSWORD" in done.stderr
    assert "secret-of-theirs" not in done.stderr


def test_the_checklist_says_the_same_in_a_hostile_environment(tmp_path: Path) -> None:
    """With every variable of the list at once both variants run, and each box has passed."""
    path = packages_that_break(tmp_path_of(tmp_path, "packages"))
    hostile = {**EVERYTHING, "PYTHONPATH": path}
    done = rig(
        "checklist", "--only", "SETUP,C-09", "--random-seed", "3", "--reports", str(tmp_path / "runs"), **hostile
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "runs/latest/results.json").read_text())
    assert {item["verdict"] for item in results["items"]} == {"passed"}
    (box,) = [item for item in results["items"] if item["id"] == "C-09"]
    assert sorted(answer["variant"] for answer in box["answers"]) == ["cut off", "killed"]


def test_a_load_is_the_planned_one_in_a_hostile_environment(tmp_path: Path) -> None:
    """Nothing that Locust reads from its environment shortens or changes the plan."""
    words = [
        "load",
        "--mitras",
        "20",
        "--ping-every",
        "2",
        "--seconds",
        "6",
        "--warm-up",
        "1",
        "--customers",
        "2",
        "--storm",
        "10",
    ]
    words += [
        "--togglers",
        "1",
        "--chats",
        "0",
        "--no-baseline",
        "--no-witness",
        "--blocks",
        "0",
        "--reports",
        str(tmp_path),
    ]
    done = rig(*words, "--random-seed", "3", **EVERYTHING)
    assert done.returncode in (0, 2), done.stdout + done.stderr  # so small a load leaves claims open
    results = json.loads((tmp_path / "latest/results.json").read_text())
    assert not results["message"]
    assert {item["verdict"] for item in results["items"]} <= {"passed", "inconclusive", "skipped"}
    assert (tmp_path / "latest/record-locust.jsonl").stat().st_size > 1000


def test_an_exploration_is_the_same_in_a_hostile_environment(tmp_path: Path) -> None:
    """The model's processes, too, have hashes, packages and warnings of their own."""
    path = packages_that_break(tmp_path_of(tmp_path, "packages"))
    done = rig(
        "model", "--spec", "sweep", "--instances", "1", "--mitras", "1", "--no-control", "--reports", str(tmp_path / "runs"),
        **{**EVERYTHING, "PYTHONPATH": path},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def tmp_path_of(parent: Path, name: str) -> Path:
    directory = parent / name
    directory.mkdir()
    return directory


# What the code starts and what it connects by: each place has to name the list.
STARTS = {"run", "Popen", "call", "check_call", "check_output", "getoutput", "getstatusoutput"}
ELSEWHERE = {
    "system",
    "popen",
    "posix_spawn",
    "posix_spawnp",
    "execv",
    "execvp",
    "execl",
    "execlp",
    "fork",
    "forkpty",
    "startfile",
}
ASYNC = {"create_subprocess_exec", "create_subprocess_shell", "subprocess_exec", "subprocess_shell"}
HTTP = {
    "Client",
    "AsyncClient",
    "HTTPTransport",
    "AsyncHTTPTransport",
    "request",
    "stream",
    "get",
    "post",
    "put",
    "patch",
    "delete",
    "head",
    "options",
}
GETS_IT_BY_ITS_SOCKET = "rig/stack/processes/supervisor.py"  # the environment of what it starts comes with the question
# Programs of a user's: each settles its process, or becomes the one that does. All others are started by these, with the list.
ENTRANCES = {"rig/__main__.py", "rig/cli/child.py"}
STARTED_BY_US = {
    "rig/runs/contract/worker.py", "rig/runs/model/worker.py", "rig/runs/verify/part_worker.py", "rig/traffic/load/noop_server.py", "rig/traffic/load/open_loop_process.py", "rig/stack/processes/supervisor.py",
    "rig/stack/embedded/tls_relay.py",
    "rig/faults/docs.py", "rig/record/docs.py",  # writes a page: starts nothing, connects to nobody
}  # fmt: skip
OF_THE_USERS_OWN = {
    "loadtest/locustfile.py"
}  # by itself it is a file of Locust's, which reads its environment as theirs do
SPAWNS_WORKERS = {"rig/model/workers.py"}  # its processes take this process' environment, which is settled


def sources() -> list[Path]:
    return [
        path for room in ("rig", "features", "loadtest", "chaos") for path in sorted((CHECKOUT / room).rglob("*.py"))
    ]


def named_list(node: ast.expr | None) -> bool:
    """Whether an expression is a call into `rig.caller`."""
    return isinstance(node, ast.Call) and ast.unparse(node.func).startswith("caller.")


def lacks(call: ast.Call) -> str | None:
    """What a call starts or opens without the list; None for every other call."""
    words = ast.unparse(call.func).split(".")
    base, name = ".".join(words[:-1]), words[-1]
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    starts = (base == "subprocess" and name in STARTS) or (
        name in ("spawn", "at_end") and base.lower().endswith("supervisor")
    )
    if starts and not named_list(given.get("env")):
        return "starts a process without env=caller.…"
    if (
        base == "os"
        and name.startswith("exec")
        and name in ("execve", "execvpe", "execle")
        and not named_list(call.args[-1])
    ):
        return "becomes a program without caller.…"
    if (base == "os" and (name in ELSEWHERE or name.startswith("spawn"))) or name in ASYNC:
        return "starts a process past the list"
    if base == "httpx" and name in HTTP and ast.unparse(given.get("trust_env") or ast.Constant(None)) != "False":
        return "reads proxies from the environment: trust_env=False"
    if base in ("requests", "urllib.request", "docker") and name[:1].islower():
        return "a client that reads the environment"
    return None


def test_every_place_that_starts_or_connects_names_the_list() -> None:
    """No process is started with the caller's environment, and no HTTP client looks into it."""
    calls = {
        (path, node)
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
    }
    wrong = {
        f"{path.relative_to(CHECKOUT)}:{node.lineno} {why}"
        for path, node in calls
        if (why := lacks(node)) and str(path.relative_to(CHECKOUT)) not in (GETS_IT_BY_ITS_SOCKET, "rig/caller.py")
    }
    assert not wrong


def test_the_look_at_the_code_sees_what_it_looks_for() -> None:
    """The check above is no check if it finds nothing in code that is wrong."""
    for wrong in (
        "subprocess.run(['ls'])", "subprocess.Popen(['ls'], env=os.environ)", "session.supervisor.spawn('a', [], env=dict(os.environ), log=None)",
        "self._supervisor.spawn('a', [], env={}, log=None)", "os.execve(a, b, os.environ)", "os.system('ls')", "os.spawnv(0, 'ls', [])",
        "httpx.get(url)", "httpx.Client(trust_env=True)", "requests.get(url)", "asyncio.create_subprocess_exec('ls')",
        "supervisor.at_end(['ls'], os.environ)",
    ):  # fmt: skip
        (node,) = [each for each in ast.walk(ast.parse(wrong)) if isinstance(each, ast.Call) and lacks(each)][:1]
        assert node, wrong


def test_every_program_settles_its_process_or_is_started_by_one_that_has() -> None:
    """Clients in C read the environment of the process: so each entrance takes out of it what the list does not name."""
    programs, workers = set(), set()
    for path in sources():
        text, place = path.read_text(), str(path.relative_to(CHECKOUT))
        if '__name__ == "__main__"' in text:
            programs.add(place)
        if "import multiprocessing" in text:
            workers.add(place)
    assert programs == ENTRANCES | STARTED_BY_US | OF_THE_USERS_OWN
    assert workers == SPAWNS_WORKERS
    assert "with caller.settled():" in (CHECKOUT / "rig/cli/commands/__init__.py").read_text()


@pytest.mark.parametrize("kind", sorted(HARMFUL))
def test_nobody_is_handed_what_could_decide_something(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For each kind of process, with the variables in the caller's own environment."""
    for name, value in HARMFUL[kind].items():
        monkeypatch.setenv(name, value)
    for handed in (caller.own(), caller.for_servers(), caller.bare(), caller.builder({}), caller.own(engine=True)):
        wrong = {name for name, value in HARMFUL[kind].items() if handed.get(name) == value}
        if handed in (caller.builder({}), caller.own(engine=True)):
            wrong -= {*HARMFUL["proxies"], *HARMFUL["docker"], "TESTCONTAINERS_HOST_OVERRIDE"}  # what these two are for
        assert not wrong


def test_a_settled_process_has_what_the_list_names_and_then_its_own_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the rig inside a process of theirs finds its environment as it was."""
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.9")
    monkeypatch.setenv("RIG_CADENCE", "fast")
    before = dict(os.environ)
    with caller.settled():
        assert "PGHOSTADDR" not in os.environ
        assert os.environ["RIG_CADENCE"] == "fast"
        assert caller.unused() == ["PGHOSTADDR"]
        assert caller.for_servers(["PGHOST*"])["PGHOSTADDR"] == "127.0.0.9"  # the user's word counts all the same
    assert dict(os.environ) == before


def test_the_contracts_variables_are_never_the_shells() -> None:
    """A server reads no setting of the contract from the shell of whoever starts the rig, even if asked to pass all."""
    read = set(re.findall(r'"([A-Z][A-Z_]{3,})"', (CHECKOUT / "server" / "config.py").read_text()))
    assert set(caller.CONTRACT) == read
    assert not set(caller.for_servers(["*"])) & read


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("NOT_THERE_AT_ALL", "there is no such variable"),
        ("DATABASE_URL", "the contract's variables are the rig's to set"),
    ],
)
def test_a_name_that_cannot_be_passed_is_refused(name: str, told: str) -> None:
    """A misspelt one would pass in silence, and the server lack what it needs."""
    done = rig("checklist", "--only", "SMOKE", "--sut-pass-env", name, DATABASE_URL="postgresql://127.0.0.9:9/nowhere")
    assert done.returncode == 4
    assert told in done.stderr


def test_the_server_gets_what_the_user_names(tmp_path: Path) -> None:
    """A variable of the shell reaches the server and its set-up by --sut-pass-env, and only so."""
    show = "python -c 'import os; print(sorted(os.environ)); raise SystemExit(9)'"
    for words, seen in (([], False), (["--sut-pass-env", "THEIRS_*", "--sut-pass-env", "NODE_OPTIONS"], True)):
        given = {"THEIRS_KEY": "a", "NODE_OPTIONS": "--no-warnings", "JAVA_HOME": "/opt/java", "PGHOST": "127.0.0.9"}
        done = rig("checklist", "--only", "SMOKE-01", "--sut", show, *words, "--reports", str(tmp_path), **given)
        assert done.returncode == 3
        names = next((tmp_path / "latest" / "logs").glob("*server-a.log")).read_text()
        assert ("'THEIRS_KEY'" in names, "'NODE_OPTIONS'" in names) == (seen, seen)
        assert "'JAVA_HOME'" in names
        assert "'PGHOST'" not in names
    assert "--sut-pass-env" in json.loads((tmp_path / "latest" / "results.json").read_text())["command"]


def test_the_documents_name_the_whole_list() -> None:
    """What is handed on stands in docs/settings.md, name by name."""
    text = (CHECKOUT / "docs/settings.md").read_text()
    lists = (
        caller.SYSTEM,
        caller.TERMINAL,
        caller.PYTHONS_OWN,
        caller.TOOLCHAINS,
        caller.ENGINE,
        caller.BUILD,
        caller.COMPLETION,
    )
    assert not {name for names in lists for name in names if f"`{name}`" not in text}
