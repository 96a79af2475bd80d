"""Instances whose Valkey takes another password, is a replica, or is a cluster."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from rig.checks.contract.stores.unfit import names_it
from rig.environment.testbed import Testbed
from rig.faults.requirements import Requirement, missing
from rig.record.observations.contract import stores
from rig.runs.contract.probes.instances import instance, usual_start_s, watch_start
from rig.runs.contract.probes.stores.versions import NAMED_S, readiness
from rig.runs.contract.probing import probe
from rig.stack.embedded.valkey import EmbeddedValkey
from rig.waiting import poll_until

DELAY_S = 10.0  # that a start without a usable Valkey may take longer
PASSWORD, REPLICA, CLUSTER = "a wrong password", "a replica", "a cluster"


@probe("Valkey that holds no mirror", "environment")
def unfit_stores(testbed: Testbed) -> stores.UnfitStores:
    """What /readyz tells of a wrong password, of a replica, and of a cluster; the latter two are started for it."""
    testbed.empty_stores()
    _, usual = readiness(testbed.server())
    left_out: dict[str, str] = {}
    with ExitStack() as ends, ThreadPoolExecutor(3) as pool:
        url = testbed.stack.server(PASSWORD.split()[-1]).seat.valkey_url
        urls = {PASSWORD: with_password(url, "not-the-password")}
        if (why := missing(Requirement.EMBEDDED_VALKEY, testbed.stack)) is None:
            urls |= {what: ends.enter_context(second(testbed, what)) for what in (REPLICA, CLUSTER)}
        else:
            left_out |= dict.fromkeys((REPLICA, CLUSTER), why)

        def looked_at(what: str) -> stores.Unfit:
            return on_unfit(testbed, what, urls[what], usual)

        return stores.UnfitStores(usual=usual, found=list(pool.map(looked_at, urls)), left_out=left_out)


def on_unfit(testbed: Testbed, what: str, url: str, usual: str) -> stores.Unfit:
    """What an instance on this Valkey tells, as soon as it names what is wrong, else at last."""
    with instance(testbed, what.split()[-1], {"VALKEY_URL": url}) as server:
        watch_start(server, DELAY_S + 2 * usual_start_s(testbed))
        status, body = poll_until(
            lambda: readiness(server), NAMED_S, every_s=0.1, until=lambda found: names_it(what, found[1], usual)
        )
        return stores.Unfit(what, server.ready is not None, status, body)


def with_password(url: str, password: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username or ''}:{password}@{host}").geturl()


@contextmanager
def second(testbed: Testbed, what: str) -> Iterator[str]:
    """The URL of a further Valkey that is a replica of the first one, or a cluster of its own."""
    first = testbed.stack.valkey
    assert isinstance(first, EmbeddedValkey), "a Valkey that was given has no twin"
    other = first.twin(what.split()[-1])
    try:
        if what == REPLICA:
            other.follow(first)
        else:
            other.stop()
            other.start(settings={"cluster-enabled": "yes"})
        user = other.user(what.split()[-1])
        yield other.url_of(user, f"{other.host}:{other.port}")
    finally:
        other.close()
