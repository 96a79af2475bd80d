"""The parts of an audit without a store: pace, ids, price, options, looks, and the files between two audits."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from rig.errors import UsageError
from rig.observe.audit.known_ids import KnownIds
from rig.observe.audit.mirror_reader import Emptied, MirrorReader
from rig.observe.audit.mitra_rows import native_id
from rig.observe.audit.pace import PAUSES_MAX, Pace, TooBusy
from rig.record.audit import DRIFT, NO_DRIFT, AuditState, Candidate, Difference, Mirrored, Sighting, Truth, Value
from rig.runs.audit.looks import differences_of, look_again
from rig.runs.audit.options import AuditOptions, urls_of, with_password
from rig.runs.audit.price import Price, refuse_expensive
from rig.runs.audit.state import only_audit, read_differences, read_state, write_state
from rig.runs.audit.stores import CannotTell

PG, VK = "postgresql://rig@h/d", "redis://rig@h:6379/2"


class Clock:
    """A store whose requests take as long as they are told to, in seconds; waits are noted."""

    def __init__(self) -> None:
        self.now, self.waits = 0.0, list[float]()

    def pace(self, **more: Any) -> Pace:
        return Pace("Valkey", 0.005, 0.02, clock=lambda: self.now, sleep=self.waits.append, **more)

    def request(self, pace: Pace, took_s: float) -> None:
        with pace.request():
            self.now += took_s


def test_requests_take_the_given_share_of_the_time() -> None:
    clock = Clock()
    pace = clock.pace(floor_s=0.001)
    clock.request(pace, 0.003)
    assert clock.waits == [pytest.approx(0.002 * 49)]
    assert (pace.requests, pace.total_s, pace.slowest_s) == (1, 0.003, 0.003)


def test_the_size_of_a_request_adapts_to_the_target() -> None:
    clock = Clock()
    pace = clock.pace(size=100)
    for took_s, size in ((0.001, 200), (0.004, 200), (0.006, 100), (0.02, 50), (0.02, 25), (0.02, 20), (0.02, 20)):
        clock.request(pace, took_s)
        assert pace.size == size
    for _ in range(9):
        clock.request(pace, 0.0)
    assert pace.size == pace.most


def test_a_slow_network_does_not_look_like_work_of_the_store() -> None:
    clock = Clock()
    pace = clock.pace(item_s=0.00001)
    with pace.request(100):
        clock.now += 0.04
    assert clock.waits == [pytest.approx(0.001 * 49)]
    assert pace.size == 100


def test_a_slow_store_is_left_alone_and_at_last_given_up() -> None:
    clock = Clock()
    pace = clock.pace()
    clock.request(pace, 0.051)
    assert (clock.waits, pace.pauses) == ([1.0], 1)
    clock.request(pace, 0.001)
    for _ in range(PAUSES_MAX):
        clock.request(pace, 0.2)
    with pytest.raises(TooBusy, match="Valkey took 200 ms"):
        clock.request(pace, 0.2)


def test_known_ids_are_found_and_others_are_not() -> None:
    known = KnownIds()
    known.add(f"m{number}" for number in range(1000))
    assert all(f"m{number}" in known for number in range(1000))
    assert not any(f"m{number}" in known for number in range(1000, 3000))
    known.add(["late"])
    assert "late" in known
    assert len(known) == 1001


UUID_TEXT = "6f9619ff-8b86-4011-b42d-00c04fc964ff"


@pytest.mark.parametrize(
    ("example", "text", "native"),
    [
        (UUID(UUID_TEXT), UUID_TEXT, UUID(UUID_TEXT)),
        (UUID(UUID_TEXT), UUID_TEXT.upper(), None),
        (UUID(UUID_TEXT), "m1", None),
        (7, "12", 12),
        (7, "012", None),
        (7, "9" * 30, None),
        ("a", "m1", "m1"),
        ("a", "m\udc80", None),
    ],
)
def test_an_id_of_valkey_is_looked_up_only_if_postgres_can_hold_it(example: object, text: str, native: object) -> None:
    assert native_id(example)(text) == native


def test_a_store_that_lost_its_keys_is_no_store_to_judge() -> None:
    reader = MirrorReader(SimpleNamespace(), Clock().pace())  # type: ignore[arg-type]
    for keys in (100, 120, 61):
        reader._refuse_emptied(keys)
    with pytest.raises(Emptied, match="it had 120 keys, now 59"):
        reader._refuse_emptied(59)


def price(**more: Any) -> Price:
    usual = {
        "mitras": 1,
        "keys": 1,
        "foreign": 0,
        "page_cost": 1.0,
        "commands": 1,
        "rows": 1,
        "valkey_s": 0.0,
        "postgres_s": 0.0,
    }
    return Price(**{**usual, "took_s": 900.0, **more})


def test_an_expensive_audit_is_refused_with_what_to_change() -> None:
    options = AuditOptions(PG, VK)
    refuse_expensive(price(foreign=1_000_000), options)
    with pytest.raises(CannotTell, match=r"10000000 keys that are not the mirror's.*--keys-max"):
        refuse_expensive(price(foreign=10_000_000), options)
    with pytest.raises(CannotTell, match="no index"):
        refuse_expensive(price(page_cost=300_000.0), options)


def test_passwords_come_from_files_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s:e/c@t\n")
    postgres, valkey = urls_of(PG, VK, ["postgres", "valkey"], (file, file))
    assert "password='s:e/c@t'" in postgres or "password=s:e/c@t" in postgres
    assert valkey == with_password(VK, "s:e/c@t") == "redis://rig:s%3Ae%2Fc%40t@h:6379/2"
    assert urls_of("postgresql://u:p@h/d", "redis://:p@h", [], (None, None)) == ("postgresql://u:p@h/d", "redis://:p@h")


@pytest.mark.parametrize(
    ("postgres", "valkey", "typed", "told"),
    [
        (None, VK, [], "add --postgres URL (or RIG_POSTGRES)"),
        (PG, None, [], "add --valkey URL (or RIG_VALKEY)"),
        (PG, "redis://h/abc", [], "--valkey names the database 'abc'"),
        ("mysql://h", VK, [], "--postgres must be a URL"),
        ("postgresql://u:p@h/d", VK, ["postgres"], "--postgres-password-file"),
        (PG, "redis://:p@h", ["valkey"], "--valkey-password-file"),
    ],
)
def test_urls_that_cannot_be_used_are_told_in_one_line(
    postgres: str | None, valkey: str | None, typed: list[str], told: str
) -> None:
    with pytest.raises(UsageError) as refused:
        urls_of(postgres, valkey, typed, (None, None))
    assert told in str(refused.value)
    assert ":p@" not in str(refused.value)


def test_a_password_file_beside_a_password_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    with pytest.raises(UsageError, match="cannot be read"):
        urls_of(PG, VK, [], (file, None))
    file.write_text("\n")
    with pytest.raises(UsageError, match="is empty"):
        urls_of(PG, VK, [], (file, None))
    with pytest.raises(UsageError, match="no effect"):
        urls_of(PG, "redis://:p@h", [], (None, file))


IN_ORDER = Mirrored(True, False, Value("string", "0"), Value("string", "2026-05-25T18:07:55.123Z"))
A_MEMBER = Mirrored(True, False)


class Rows:
    """A Postgres that answers in turn."""

    def __init__(self, *answers: dict[str, Truth]) -> None:
        self.answers = list(answers)

    def some(self, queries: object, ids: list[str], native: Callable[[str], object]) -> dict[str, Truth]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def stores(rows: Rows, mirrored: Mirrored) -> Any:
    reader = SimpleNamespace(
        pace=SimpleNamespace(size=10), mitras_closely=lambda ids: dict.fromkeys(ids, mirrored), shared=dict, others=dict
    )
    return SimpleNamespace(
        rows=rows, reader=reader, queries=None, native=str, stale_s=90, chats_max=3, time=lambda: 0.0
    )


def looked(rows: Rows, mirrored: Mirrored) -> list[tuple[Candidate, Sighting]]:
    return look_again(stores(rows, mirrored), ["m1"], [], sleep=lambda _: None)


def test_a_lasting_difference_counts() -> None:
    ((one, _),) = looked(Rows({"m1": Truth(online=False, version="7")}), A_MEMBER)
    assert (one.kind, one.mitra) == ("ghost", "m1")


def test_a_mitra_who_changes_while_valkey_is_asked_is_not_judged() -> None:
    away, back = {"m1": Truth(online=False, version="7")}, {"m1": Truth(online=True, version="8")}
    assert looked(Rows(away, back), A_MEMBER) == []


def test_a_mitra_who_changes_between_looks_is_not_judged() -> None:
    first, later = {"m1": Truth(version="7")}, {"m1": Truth(version="9")}
    assert looked(Rows(first, first, later), A_MEMBER) == []


def test_waits_between_looks_are_counted_from_the_first() -> None:
    waits: list[float] = []
    look_again(
        stores(Rows({"m1": Truth()}), IN_ORDER), ["m1"], [], sleep=waits.append, clock=iter([0.0, 0.2, 1.5]).__next__
    )
    assert waits == [pytest.approx(0.8), pytest.approx(8.5)]


GHOST = Candidate("ghost", "mitras:online", "m1", "not online", "a member")


def test_a_difference_is_as_old_as_it_can_be() -> None:
    """It began after the last toggle, and after the last complete audit that did not see it."""
    old = Difference(kind="ghost", key="mitras:online", mitra="m1", since=5.0, first_seen=50.0, cause="a.log:1")
    counted = [(GHOST, Sighting("7", 80.0))]
    for earlier, since, first_seen in (
        (AuditState(), 80.0, 200.0),
        (AuditState(outcome=NO_DRIFT, ended=100.0), 100.0, 200.0),
        (AuditState(outcome=NO_DRIFT, ended=70.0), 80.0, 200.0),
        (AuditState(outcome=DRIFT, ended=100.0, differences=[old]), 5.0, 50.0),
    ):
        (found,) = differences_of(counted, earlier, 200.0)
        assert (found.since, found.first_seen) == (since, first_seen)
    (hand,) = differences_of([(GHOST._replace(kind="capacity"), Sighting("7", 80.0))], AuditState(), 200.0)
    assert hand.since is None


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state = AuditState(outcome=DRIFT, ended=3.0, differences=[Difference(kind="ghost", key="mitras:online")])
    write_state(path, state)
    assert read_state(path) == read_differences(path) == state
    assert read_state(tmp_path / "none.json") == AuditState()
    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("text", ["{", "[]", '{"audit_version": 9}', '{"differences": 3}', "\udcff"])
def test_a_file_that_is_no_state_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match=r"state\.json"):
        read_state(path)


def test_two_audits_do_not_share_a_state(tmp_path: Path) -> None:
    with only_audit(tmp_path / "state.json"):
        with pytest.raises(UsageError, match="another audit runs"), only_audit(tmp_path / "state.json"):
            pass
    with only_audit(tmp_path / "state.json"):
        pass
