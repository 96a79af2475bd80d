"""`GET /internal/mitras`: all of them, however many, or a page; others are served meanwhile."""

import threading
import time
from typing import Any

import httpx
import pytest

MANY = 100_000
OTHERS_WAIT_S_MAX = 0.05
PATH = "/internal/mitras"


def plant(house, count: int) -> None:
    house.sql(
        "INSERT INTO mitras (id, phone, display_name)"
        " SELECT gen_random_uuid(), '+62' || n, 'Somebody ' || n FROM generate_series(1, %s) AS n",
        count,
    )
    house.sql(
        "INSERT INTO mitra_online_status (mitra_id, is_online) SELECT id, true FROM mitras WHERE phone LIKE '%%7'"
    )


def listed(house, **params: Any) -> list[dict[str, Any]]:
    answer = house.operator("GET", PATH, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()["mitras"]


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2500])
def test_all_mitras_are_listed_whatever_their_number(house, count) -> None:
    """Without parameters every mitra is there once, as the rows say, in order of id."""
    plant(house, count)
    rows = house.sql(
        "SELECT m.id::text, display_name, is_active, coalesce(is_online, false) FROM mitras AS m"
        " LEFT JOIN mitra_online_status ON mitra_id = m.id ORDER BY m.id"
    )
    assert [(m["id"], m["display_name"], m["is_active"], m["is_online"]) for m in listed(house)] == rows


def test_pages_hold_every_mitra_once(house) -> None:
    """`limit` gives so many, `after` those behind that id, known or not; pages of any size make up the whole list."""
    plant(house, 1234)
    whole = listed(house)
    for limit in (1000, 100, 999):
        pages, after = [], {}
        while page := listed(house, limit=limit, **after):
            assert len(page) <= limit
            pages += page
            after = {"after": page[-1]["id"]}
        assert pages == whole
    assert listed(house, after=whole[9]["id"].upper()) == whole[10:]
    assert listed(house, after=whole[9]["id"], limit=1) == whole[10:11]
    house.sql("DELETE FROM mitras WHERE id = %s", whole[9]["id"])
    assert listed(house, after=whole[9]["id"], limit=2) == whole[10:12]
    assert listed(house, after="ffffffff-ffff-ffff-ffff-ffffffffffff") == []
    assert listed(house, other="ignored", limit="0005") == whole[:5]


@pytest.mark.parametrize(
    "params",
    [{"limit": v} for v in ("", "0", "-1", "1001", "1.0", "ten", "1e2", "٣", "9" * 5000, " 1")]
    + [{"after": v} for v in ("", "0", "no-uuid", "null", "00000000-0000-0000-0000-00000000000")],
    ids=str,
)
def test_bad_parameters_are_refused(house, refused, params) -> None:
    """A limit that is no whole number from 1 to 1000, or an `after` that is no uuid."""
    refused(house.operator("GET", PATH, params=params), 400, "VALIDATION_ERROR")


def test_the_token_is_asked_for_before_the_parameters_are_looked_at(house, refused) -> None:
    answer = httpx.get(f"{house.server.internal_url}{PATH}", params={"limit": "0"})
    refused(answer, 401, "UNAUTHENTICATED")


def test_a_list_of_100_000_makes_nobody_wait(house) -> None:
    """All of them come in one answer, and what is asked beside it is answered within 50 ms, most of the time: this
    machine may have other work."""
    plant(house, MANY)
    house.sql("ANALYZE mitras, mitra_online_status")
    done = threading.Event()
    counts: list[int] = []

    def read() -> None:
        counts.extend(len(listed(house)) for _ in range(2))
        done.set()

    reading = threading.Thread(target=read)
    waited: list[float] = []
    with httpx.Client(base_url=house.server.public_url) as other:
        other.get("/api/shared/auth-providers")
        reading.start()
        while not done.is_set():
            began = time.perf_counter()
            assert other.get("/api/shared/auth-providers").status_code == 200
            waited.append(time.perf_counter() - began)
            time.sleep(0.002)
    reading.join()
    assert counts == [MANY, MANY]
    waited.sort()
    assert waited[int(len(waited) * 0.9)] < OTHERS_WAIT_S_MAX, waited[-10:]


def test_a_slow_reader_gets_the_whole_list(house) -> None:
    """Who takes longer than a request may last gets all of it, as long as it goes on; no connection to Postgres waits."""
    plant(house, 40_000)
    took, size = time.monotonic(), 0
    with httpx.stream(
        "GET",
        f"{house.server.internal_url}{PATH}",
        headers={"authorization": f"Bearer {house.server.internal_token}"},
        timeout=10,
    ) as answer:
        body = b""
        for chunk in answer.iter_raw(65536):
            body += chunk
            size += len(chunk)
            time.sleep(0.09)
    assert time.monotonic() - took > 5
    assert body.count(b'"display_name"') == 40_000
    assert body.endswith(b"]}")
