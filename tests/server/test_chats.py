"""The life of a chat, step by step and out of step: every state refuses what does not belong to it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

ACTIONS = ("pay", "cancel", "end", "goodbye", "extend", "extension/pay")


def get(house, customer, session_id):
    return house.ok("GET", f"/api/client/chat-sessions/{session_id}", customer)


def act(house, customer, session_id, action):
    return house.act(customer, session_id, action, json={"duration_seconds": 60})


def ends_at(session) -> datetime:
    return datetime.fromisoformat(session["ends_at"])


def allowed(house, customer, session_id, *actions) -> None:
    """All actions but these are refused as INVALID_STATE and leave the session alone."""
    before = get(house, customer, session_id)
    for action in ACTIONS:
        if action not in actions:
            answer = act(house, customer, session_id, action)
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "INVALID_STATE"), action
    assert get(house, customer, session_id) == before


def test_a_new_chat_is_searching(house) -> None:
    customer = house.customer()
    answer = house.call("POST", "/api/client/chat-sessions", customer, json={"duration_seconds": 90})
    assert answer.status_code == 201
    made = answer.json()
    assert made == {
        "id": made["id"], "customer_id": customer.id, "mitra_id": None,
        "status": "searching", "duration_seconds": 90, "ends_at": None,
    }  # fmt: skip
    allowed(house, customer, made["id"], "pay", "cancel")
    assert act(house, customer, made["id"], "cancel").json()["status"] == "cancelled"
    allowed(house, customer, made["id"])


def test_the_first_to_accept_gets_it(house, eventually) -> None:
    customer, mitra = house.customer(), house.mitra(online=True)
    session_id = house.searching(customer, 600)
    paid = act(house, customer, session_id, "pay").json()
    assert (paid["status"], paid["offered"]) == ("searching", 1)
    offers = house.ok("GET", "/api/mitra/chat-requests", mitra)["chat_requests"]
    assert [(o["chat_session_id"], o["duration_seconds"]) for o in offers] == [(session_id, 600)]
    before = house.value("SELECT now()")
    taken = house.answer(mitra, session_id, "accept").json()
    assert (taken["status"], taken["mitra_id"]) == ("active", mitra.id)
    assert before + timedelta(seconds=600) <= ends_at(taken) <= house.value("SELECT now()") + timedelta(seconds=600)
    assert house.ok("GET", "/api/mitra/chat-requests", mitra)["chat_requests"] == []
    allowed(house, customer, session_id, "end", "extend")


def test_either_side_ends_it_early_and_ends_at_stays(house) -> None:
    customer, mitra = house.customer(), house.mitra(online=True)
    for end in (
        lambda s: act(house, customer, s, "end"),
        lambda s: house.call("POST", f"/api/mitra/chat-sessions/{s}/end", mitra),
    ):
        session_id = house.active(customer, mitra)
        was = get(house, customer, session_id)
        ended = end(session_id)
        assert ended.status_code == 200
        assert ended.json() == {**was, "status": "ended"}
        allowed(house, customer, session_id)
        house.refused(409, "INVALID_STATE", "POST", f"/api/mitra/chat-sessions/{session_id}/end", mitra)


def test_somebody_elses_chat_is_403(house) -> None:
    customer, other = house.customer(), house.customer()
    mitra, stranger = house.mitra(online=True), house.mitra(online=True)
    session_id = house.searching(customer)
    house.refused(403, "FORBIDDEN", "POST", f"/api/mitra/chat-sessions/{session_id}/end", mitra)
    assert act(house, customer, session_id, "pay").status_code == 200
    assert house.answer(mitra, session_id, "accept").status_code == 200
    house.refused(403, "FORBIDDEN", "GET", f"/api/client/chat-sessions/{session_id}", other)
    for action in ACTIONS:
        answer = act(house, other, session_id, action)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "FORBIDDEN"), action
    house.refused(403, "FORBIDDEN", "POST", f"/api/mitra/chat-sessions/{session_id}/end", stranger)


def test_an_extension_moves_the_end_from_where_it_was(house) -> None:
    customer, mitra = house.customer(), house.mitra(online=True)
    session_id = house.active(customer, mitra, 600)
    was = get(house, customer, session_id)
    held = act(house, customer, session_id, "extend")
    assert held.json() == {**was, "status": "pending_payment"}
    allowed(house, customer, session_id, "end", "extension/pay")
    paid = act(house, customer, session_id, "extension/pay").json()
    assert paid == {**was, "ends_at": paid["ends_at"]}
    assert ends_at(paid) - ends_at(was) == timedelta(seconds=60)
    allowed(house, customer, session_id, "end", "extend")
    assert act(house, customer, session_id, "extend").status_code == 200
    assert act(house, customer, session_id, "end").json()["status"] == "ended"


def test_an_extension_needs_a_reachable_mitra(house, refused) -> None:
    customer, mitra = house.customer(), house.mitra(online=True)
    session_id = house.active(customer, mitra)
    house.ok("POST", "/api/mitra/status/offline", mitra)
    refused(act(house, customer, session_id, "extend"), 409, "MITRA_UNREACHABLE")
    assert house.status_of(session_id) == "active"
    house.ok("POST", "/api/mitra/status/online", mitra)
    house.operator("PATCH", f"/internal/mitras/{mitra.id}", json={"is_active": False})
    refused(act(house, customer, session_id, "extend"), 409, "MITRA_UNREACHABLE")


def test_after_the_time_only_end_and_goodbye(house) -> None:
    customer, mitra = house.customer(), house.mitra(online=True)
    session_id = house.active(customer, mitra)
    house.sql("UPDATE chat_sessions SET ends_at = now() - interval '1 millisecond' WHERE id = %s", session_id)
    allowed(house, customer, session_id, "end", "goodbye")
    assert act(house, customer, session_id, "goodbye").json()["status"] == "ended"
    allowed(house, customer, session_id)


def test_an_unpaid_extension_can_be_paid_or_ended_in_the_goodbye_window(house) -> None:
    customer, mitra = house.customer(), house.mitra(online=True)
    past = "UPDATE chat_sessions SET ends_at = now() - make_interval(secs => %s) WHERE id = %s"
    for action, seconds, status in (
        ("goodbye", 0.001, 200), ("extension/pay", 1, 200), ("end", 1, 200), ("extension/pay", 100, 409),
    ):  # fmt: skip
        session_id = house.active(customer, mitra)
        assert act(house, customer, session_id, "extend").status_code == 200
        house.sql(past, seconds, session_id)
        assert act(house, customer, session_id, action).status_code == status, action
        if action == "extension/pay" and status == 200:
            left = house.value("SELECT ends_at - now() FROM chat_sessions WHERE id = %s", session_id)
            assert timedelta(seconds=55) < left < timedelta(seconds=59)
        act(house, customer, session_id, "end")


def test_rows_put_in_by_hand_live_the_same_life(house) -> None:
    customer, mitra = house.customer(), house.mitra(online=True)
    row = "INSERT INTO chat_sessions (id, customer_id, mitra_id, status, duration_seconds, ends_at) VALUES"
    values = "(gen_random_uuid(), %s, %s, %s, 60, now() + interval '1 hour') RETURNING id"
    held = str(house.value(f"{row} {values}", customer.id, mitra.id, "pending_payment"))
    left = "SELECT ends_at - now() FROM chat_sessions WHERE id = %s"
    assert act(house, customer, held, "extension/pay").json()["status"] == "active"
    assert house.value(left, held) > timedelta(minutes=60)
    offered = str(
        house.value(
            "INSERT INTO chat_sessions (customer_id, status, duration_seconds) VALUES (%s, 'searching', 60)"
            " RETURNING id",
            customer.id,
        )
    )
    offer = "INSERT INTO chat_request_notifications (chat_session_id, mitra_id) VALUES (%s, %s)"
    house.sql(offer, offered, mitra.id)
    assert house.answer(mitra, offered, "accept").json()["status"] == "active"
    endless = str(
        house.value(
            "INSERT INTO chat_sessions (customer_id, mitra_id, status, duration_seconds)"
            " VALUES (%s, %s, 'active', 60) RETURNING id",
            customer.id, mitra.id,
        )
    )  # fmt: skip
    allowed(house, customer, endless, "end")
    assert act(house, customer, endless, "end").status_code == 200


# Reroute


def reroute(house, session_id, mitra_id):
    return house.operator("POST", f"/internal/chat-sessions/{session_id}/reroute", json={"mitra_id": mitra_id})


def test_a_reroute_moves_the_chat(house) -> None:
    customer, a, b = house.customer(), house.mitra(online=True), house.mitra(online=True)
    session_id = house.active(customer, a)
    was = get(house, customer, session_id)
    moved = reroute(house, session_id, b.id.upper())
    assert moved.status_code == 200
    assert moved.json() == {**was, "mitra_id": b.id}
    house.refused(403, "FORBIDDEN", "POST", f"/api/mitra/chat-sessions/{session_id}/end", a)
    house.refused(409, "ALREADY_TAKEN", "POST", f"/api/mitra/chat-requests/{session_id}/accept", a)
    assert house.ok("POST", f"/api/mitra/chat-sessions/{session_id}/end", b)["status"] == "ended"


def test_a_reroute_is_refused_in_order(house, refused) -> None:
    customer, a, b = house.customer(), house.mitra(online=True), house.mitra()
    unknown = "00000000-0000-4000-8000-000000000000"
    searching = house.searching(customer)
    refused(reroute(house, unknown, a.id), 404, "NOT_FOUND")
    refused(reroute(house, searching, unknown), 404, "NOT_FOUND")
    refused(reroute(house, searching, b.id), 409, "INVALID_STATE")
    session_id = house.active(customer, a)
    was = get(house, customer, session_id)
    refused(reroute(house, session_id, a.id), 409, "INVALID_STATE")
    refused(reroute(house, session_id, b.id), 409, "MITRA_UNREACHABLE")
    for _ in range(3):
        house.sql(
            "INSERT INTO chat_sessions (customer_id, mitra_id, status, duration_seconds)"
            " VALUES (%s, %s, 'active', 60)",
            customer.id, b.id,
        )  # fmt: skip
    refused(reroute(house, session_id, b.id), 409, "MITRA_UNREACHABLE")
    house.ok("POST", "/api/mitra/status/online", b)
    refused(reroute(house, session_id, b.id), 409, "MITRA_AT_CAPACITY")
    assert get(house, customer, session_id) == was
    assert act(house, customer, session_id, "extend").status_code == 200
    refused(reroute(house, session_id, b.id), 409, "INVALID_STATE")
    house.operator("PATCH", f"/internal/mitras/{b.id}", json={"is_active": False})
    other = house.active(customer, a)
    refused(reroute(house, other, b.id), 409, "MITRA_UNREACHABLE")


@pytest.mark.parametrize("others", [0, 1])
def test_a_reroute_and_an_accept_at_once_never_exceed_the_maximum(house, others) -> None:
    customer = house.customer()
    a, b = house.mitra(online=True), house.mitra(online=True)
    house.sql("INSERT INTO app_config (key, value) VALUES ('max_customers_per_mitra', %s::jsonb)", str(others + 1))
    for _ in range(others):
        house.active(customer, b)
    to_move = house.active(customer, a)
    to_accept = [house.searching(customer) for _ in range(3)]
    for session_id in to_accept:
        house.sql("INSERT INTO chat_request_notifications VALUES (%s, %s)", session_id, b.id)
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(house.answer, b, s, "accept") for s in to_accept]
        answers.append(pool.submit(reroute, house, to_move, b.id))
    codes = sorted(a.result().status_code for a in answers)
    assert codes == [200, 409, 409, 409]
    load = "SELECT count(*) FROM chat_sessions WHERE mitra_id = %s AND status IN ('active', 'pending_payment')"
    assert house.value(load, b.id) == others + 1
