"""Payment, offers and their answers: who is asked, who gets the chat, and what a second payment does."""

from concurrent.futures import ThreadPoolExecutor

LOAD = "SELECT count(*) FROM chat_sessions WHERE mitra_id = %s AND status IN ('active', 'pending_payment')"


def offered_to(house, session_id):
    query = "SELECT mitra_id::text FROM chat_request_notifications WHERE chat_session_id = %s"
    return {row[0] for row in house.sql(query, session_id)}


def open_offers(house, mitra):
    offers = house.ok("GET", "/api/mitra/chat-requests", mitra)["chat_requests"]
    return {offer["chat_session_id"] for offer in offers}


def pay(house, customer, session_id):
    return house.act(customer, session_id, "pay")


def test_nobody_available_pays_nothing(house, refused) -> None:
    customer, sleeper = house.customer(), house.mitra()
    session_id = house.searching(customer)
    for _ in range(2):
        refused(pay(house, customer, session_id), 409, "NO_MITRA_AVAILABLE")
    assert offered_to(house, session_id) == set()
    house.ok("POST", "/api/mitra/status/online", sleeper)
    assert pay(house, customer, session_id).json()["offered"] == 1


def test_who_is_asked(house) -> None:
    customer = house.customer()
    free, busy, full = (house.mitra(online=True) for _ in range(3))
    house.mitra()
    gone = house.mitra(online=True)
    house.operator("PATCH", f"/internal/mitras/{gone.id}", json={"is_active": False})
    taken = [house.paid(customer) for _ in range(4)]
    for session_id in taken[:3]:
        assert house.answer(full, session_id, "accept").status_code == 200
    assert house.answer(busy, taken[3], "accept").status_code == 200
    session_id = house.searching(customer)
    assert pay(house, customer, session_id).json()["offered"] == 2
    assert offered_to(house, session_id) == {free.id, busy.id}


def test_paying_again(house, refused) -> None:
    customer, one, two = house.customer(), house.mitra(online=True), house.mitra(online=True)
    session_id = house.paid(customer)
    refused(pay(house, customer, session_id), 409, "INVALID_STATE")
    house.answer(one, session_id, "decline")
    refused(pay(house, customer, session_id), 409, "INVALID_STATE")
    house.ok("POST", "/api/mitra/status/offline", two)
    refused(pay(house, customer, session_id), 409, "NO_MITRA_AVAILABLE")
    three = house.mitra(online=True)
    again = pay(house, customer, session_id)
    assert (again.status_code, again.json()["offered"]) == (200, 1)
    assert offered_to(house, session_id) == {one.id, two.id, three.id}
    refused(pay(house, customer, session_id), 409, "INVALID_STATE")
    assert house.answer(three, session_id, "accept").status_code == 200
    refused(pay(house, customer, session_id), 409, "INVALID_STATE")


def test_a_chat_is_taken_once(house) -> None:
    customer = house.customer()
    mitras = [house.mitra(online=True) for _ in range(6)]
    session_id = house.paid(customer)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda m: house.answer(m, session_id, "accept"), mitras))
    assert sorted(a.status_code for a in answers) == [200] + [409] * 5
    assert {a.json()["error"]["code"] for a in answers if a.status_code == 409} == {"ALREADY_TAKEN"}


def test_two_accepts_at_one_below_the_maximum(house) -> None:
    customer, mitra = house.customer(), house.mitra(online=True)
    for _ in range(2):
        house.active(customer, mitra)
    sessions = [house.paid(customer) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda s: house.answer(mitra, s, "accept"), sessions))
    assert sorted(a.status_code for a in answers) == [200] + [409] * 3
    assert {a.json()["error"]["code"] for a in answers if a.status_code == 409} == {"MITRA_AT_CAPACITY"}
    assert house.value(LOAD, mitra.id) == 3


def test_the_maximum_in_force_counts(house, refused) -> None:
    customer, mitra = house.customer(), house.mitra(online=True)
    first, second = house.paid(customer), house.paid(customer)
    assert house.answer(mitra, first, "accept").status_code == 200
    set_maximum = "INSERT INTO app_config VALUES ('max_customers_per_mitra', %s::jsonb) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
    house.sql(set_maximum, "1")
    refused(house.answer(mitra, second, "accept"), 409, "MITRA_AT_CAPACITY")
    for unusable in ('"many"', "true", "0", "1.5", "null"):  # the default, 3
        house.sql(set_maximum, unusable)
        third = house.searching(customer)
        house.sql("INSERT INTO chat_request_notifications VALUES (%s, %s)", third, mitra.id)
        assert house.answer(mitra, third, "accept").status_code == 200
        house.act(customer, third, "end")
    assert house.answer(mitra, second, "accept").status_code == 200


def test_what_an_accept_is_refused_for(house, refused) -> None:
    customer, mitra, other = house.customer(), house.mitra(online=True), house.mitra(online=True)
    late = house.mitra(online=True)
    house.ok("POST", "/api/mitra/status/offline", late)
    session_id = house.paid(customer)
    refused(house.answer(late, session_id, "accept"), 404, "NOT_FOUND")
    refused(house.answer(late, session_id, "decline"), 404, "NOT_FOUND")
    assert house.answer(other, session_id, "decline").status_code == 204
    assert house.answer(other, session_id, "decline").status_code == 204
    assert open_offers(house, other) == set()
    refused(house.answer(other, session_id, "accept"), 409, "INVALID_STATE")
    assert house.answer(mitra, session_id, "accept").status_code == 200
    for who in (mitra, other):
        refused(house.answer(who, session_id, "accept"), 409, "ALREADY_TAKEN")
    refused(house.answer(mitra, session_id, "decline"), 409, "INVALID_STATE")
    assert house.answer(other, session_id, "decline").status_code == 204
    house.act(customer, session_id, "end")
    for who in (mitra, other):
        refused(house.answer(who, session_id, "accept"), 409, "ALREADY_TAKEN")
    cancelled = house.paid(customer)
    house.act(customer, cancelled, "cancel")
    refused(house.answer(mitra, cancelled, "accept"), 409, "INVALID_STATE")
    refused(house.answer(mitra, cancelled, "decline"), 409, "INVALID_STATE")


def test_accept_does_not_look_at_is_online(house) -> None:
    customer, mitra = house.customer(), house.mitra(online=True)
    session_id = house.paid(customer)
    house.ok("POST", "/api/mitra/status/offline", mitra)
    assert open_offers(house, mitra) == {session_id}
    assert house.answer(mitra, session_id, "accept").status_code == 200


def test_pay_cancel_and_accept_at_once_agree(house) -> None:
    customer, mitra = house.customer(), house.mitra(online=True)
    for _ in range(6):
        session_id = house.paid(customer)
        with ThreadPoolExecutor(4) as pool:
            cancelled = pool.submit(house.act, customer, session_id, "cancel")
            accepted = pool.submit(house.answer, mitra, session_id, "accept")
            pool.submit(pay, house, customer, session_id)
        won = [cancelled.result().status_code, accepted.result().status_code]
        assert sorted(won) == [200, 409]
        assert house.status_of(session_id) == ("cancelled" if won[0] == 200 else "active")
        house.act(customer, session_id, "end")
