"""What processes cost: children that live, children that have ended, and processes that are gone."""

import subprocess
import sys
import time
from collections.abc import Iterator

import psycopg
import pytest

from rig.observe.process.resource_usage import Usage, spent
from rig.stack import Stack
from tests.support.observed_stack import stack  # noqa: F401
from tests.support.stack_support import until

BUSY = "import time\nwhile time.process_time() < 0.3: pass"
STAYS = f"{BUSY}\ninput()"
# One child that ends, one that stays, both busy for 0.3 s.
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BUSY!r}])
stays = subprocess.Popen([sys.executable, "-c", {STAYS!r}], stdin=subprocess.PIPE)
input()
stays.communicate(b"\\n")
"""


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE)
    yield process
    process.communicate(b"\n", timeout=10)


def test_children_count_and_those_that_have_ended(parent: subprocess.Popen[bytes]) -> None:
    usage = Usage({"tree": parent.pid, "not ours": None})
    assert until(lambda: usage.read()["tree"]["cpu_s"] >= 0.6, 15)
    first = usage.read()
    assert set(first) == {"tree"}
    assert first["tree"]["rss_mb"] > 5

    def idle() -> bool:
        before = usage.read()
        time.sleep(0.2)
        return spent(before, usage.read())["tree"] == 0

    assert until(idle)


def test_one_that_has_ended_is_left_out() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    usage = Usage({"it": process.pid})
    first = usage.read()
    process.communicate(b"\n", timeout=10)
    assert usage.read() == {}
    assert spent(first, {}) == {}
    assert Usage({"it": process.pid}).read() == {}


def test_a_query_is_charged_to_postgres(stack: Stack) -> None:  # noqa: F811
    usage = Usage({"postgres": stack.postgres.pid, "valkey": stack.valkey.pid})
    before = usage.read()
    with psycopg.connect(stack.postgres.url) as connection:
        connection.execute("SELECT count(*) FROM generate_series(1, 2000000)")
        during = spent(before, usage.read())
    assert during["postgres"] > 0.05
    assert during["valkey"] < during["postgres"]
    assert until(lambda: spent(before, usage.read())["postgres"] >= during["postgres"])  # its backend has ended
