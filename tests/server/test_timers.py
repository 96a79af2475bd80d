"""Chats end by themselves: once, on time, after a restart too, and when the instance that knew is dead."""

import time

import httpx
import psycopg
import pytest

WINDOW_S = 2  # GOODBYE_WINDOW_SECONDS of the shared server
LATE_S = 2.0  # the contract's own tolerance
COUNTED = ("active", "pending_payment")


def seconds_past_due(house, session_id, window_s=WINDOW_S) -> float:
    query = "SELECT extract(epoch FROM clock_timestamp() - ends_at) FROM chat_sessions WHERE id = %s"
    return float(house.value(query, session_id)) - window_s


def ended(house, session_id) -> bool:
    return house.status_of(session_id) == "ended"


def test_a_chat_counts_until_its_goodbye_window_is_up(house, eventually) -> None:
    customer, mitra = house.customer(), house.mitra(online=True)
    session_id = house.active(customer, mitra, 1)
    while (past := seconds_past_due(house, session_id)) < -0.2:
        status = house.status_of(session_id)
        assert status == "active" or seconds_past_due(house, session_id) >= 0, past
    eventually(lambda: ended(house, session_id), "the chat ends")
    assert seconds_past_due(house, session_id) < LATE_S


def test_an_unpaid_extension_ends_with_its_chat_and_a_paid_one_later(house, eventually) -> None:
    customer, mitra = house.customer(), house.mitra(online=True)
    unpaid, paid = house.active(customer, mitra, 1), house.active(customer, mitra, 1)
    for session_id in (unpaid, paid):
        answer = house.act(customer, session_id, "extend", json={"duration_seconds": 600})
        assert answer.status_code == 200
    assert house.act(customer, paid, "extension/pay").status_code == 200
    eventually(lambda: ended(house, unpaid), "the unpaid one ends")
    assert 0 <= seconds_past_due(house, unpaid) < LATE_S
    assert house.status_of(paid) == "active"
    house.act(customer, paid, "end")


def test_a_rerouted_chat_still_ends(house, eventually) -> None:
    customer, a, b = house.customer(), house.mitra(online=True), house.mitra(online=True)
    session_id = house.active(customer, a, 1)
    answer = house.operator("POST", f"/internal/chat-sessions/{session_id}/reroute", json={"mitra_id": b.id})
    assert answer.status_code == 200
    eventually(lambda: ended(house, session_id), "the chat ends")
    assert seconds_past_due(house, session_id) < LATE_S


def test_many_chats_that_end_at_once(house, eventually) -> None:
    customer, mitra = house.customer(), house.mitra(online=True)
    house.sql("INSERT INTO app_config VALUES ('max_customers_per_mitra', '60')")
    house.operator("PUT", "/internal/config/max_customers_per_mitra", json={"value": 60})
    sessions = [house.active(customer, mitra, 1) for _ in range(40)]
    running = "SELECT count(*) FROM chat_sessions WHERE status <> 'ended'"
    eventually(lambda: house.value(running) == 0, "all end")
    assert min(seconds_past_due(house, s) for s in sessions) < LATE_S
    house.operator("PUT", "/internal/config/max_customers_per_mitra", json={"value": 3})


@pytest.mark.parametrize("stop", ["stop", "kill"])
def test_timers_survive_a_restart(house, eventually, stop) -> None:
    customer, mitra = house.customer(), house.mitra(online=True)
    past, soon = house.active(customer, mitra, 600), house.active(customer, mitra, 600)
    later = house.active(customer, mitra, 600)
    getattr(house.server, stop)()
    move = "UPDATE chat_sessions SET ends_at = clock_timestamp() + make_interval(secs => %s) WHERE id = %s"
    house.sql(move, -60, past)
    house.sql(move, -WINDOW_S + 1.5, soon)
    house.server.start()
    eventually(lambda: ended(house, past), "what was due ends", LATE_S)
    eventually(lambda: ended(house, soon), "what fell due ends")
    assert seconds_past_due(house, soon) < LATE_S
    assert house.status_of(later) == "active"


def test_another_instance_ends_the_chats_of_a_dead_one(house, house_of, stack, eventually) -> None:
    other = stack.server("b", env={"GOODBYE_WINDOW_SECONDS": str(WINDOW_S)})
    other.start()
    try:
        there = house_of(other)
        customer, mitra = house.customer(), house.mitra(online=True)
        session_id = there.active(customer, mitra, 1)
        other.kill()
        eventually(lambda: ended(house, session_id), "the chat ends")
        assert seconds_past_due(house, session_id) < LATE_S
    finally:
        other.kill()


def test_two_instances_end_a_chat_once(house, house_of, stack, eventually) -> None:
    other = stack.server("b", env={"GOODBYE_WINDOW_SECONDS": str(WINDOW_S)})
    other.start()
    try:
        there = house_of(other)
        customer, mitra = house.customer(), house.mitra(online=True)
        sessions = [(house, there)[n % 2].active(customer, mitra, 1) for n in range(3)]
        for session_id in sessions:
            eventually(lambda s=session_id: ended(house, s), "the chat ends")
            assert seconds_past_due(house, session_id) < LATE_S
        extended = house.active(customer, mitra, 2)
        assert there.act(customer, extended, "extend", json={"duration_seconds": 30}).status_code == 200
        assert there.act(customer, extended, "extension/pay").status_code == 200
        eventually(lambda: seconds_past_due(house, extended) > -28.5 - WINDOW_S, "the first end passes", 5)
        assert house.status_of(extended) == "active"
    finally:
        assert other.stop() == 0


def test_timers_outlive_an_outage_of_postgres(house, house_of, stack, eventually) -> None:
    customer, mitra = house.customer(), house.mitra(online=True)
    session_id = house.active(customer, mitra, 1)
    house.close()
    stack.postgres.stop()
    try:
        over = time.monotonic() + 1 + WINDOW_S
        again = house.server
        eventually(lambda: time.monotonic() > over, "the chat's time passes in the outage")
        assert again.running
    finally:
        stack.postgres.start()
    later = house_of(house.server)
    eventually(lambda: ended(later, session_id), "the chat ends after the outage")
    next_one = later.active(customer, mitra, 1)
    eventually(lambda: ended(later, next_one), "a later chat ends as well")


def test_timers_outlive_a_database_that_takes_no_connections(house, house_of, stack, eventually) -> None:
    """As while a restored one is put in its place: sessions end, and nobody gets in for a while. Nobody is told 500."""
    customer, mitra = house.customer(), house.mitra(online=True)
    session_id = house.active(customer, mitra, 1)
    house.close()
    with psycopg.connect(stack.postgres.observer_url, dbname="postgres", autocommit=True) as admin:
        admin.execute("ALTER DATABASE mirror ALLOW_CONNECTIONS false")
        try:
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'mirror'")
            codes = set()
            over = time.monotonic() + 1 + WINDOW_S
            while time.monotonic() < over:
                codes.add(httpx.get(f"{house.server.public_url}/api/mitra/status", headers=bearer(mitra)).status_code)
        finally:
            admin.execute("ALTER DATABASE mirror ALLOW_CONNECTIONS true")
    assert codes <= {200, 503}
    later = house_of(house.server)
    eventually(lambda: ended(later, session_id), "the chat ends")
    next_one = later.active(customer, mitra, 1)
    eventually(lambda: ended(later, next_one), "a later chat ends as well")


def bearer(who) -> dict[str, str]:
    return {"authorization": f"Bearer {who.token}"}
