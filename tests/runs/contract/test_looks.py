"""What a look at the mirror's sets tells of the people of a batch, and of those before it."""

from rig.runs.contract.looks import members
from rig.runs.contract.names import Names

HERS, BEFORE, UNKNOWN = (f"0000000{number}-0000-4000-8000-000000000000" for number in (1, 2, 3))


def test_a_late_write_for_a_deleted_mitra_is_left_out_and_any_other_id_is_not() -> None:
    names = Names()
    names.ids["m1"] = HERS
    found = members({HERS, BEFORE, UNKNOWN}, names, earlier={BEFORE})
    assert found == sorted(["m1", names.name_of(UNKNOWN)])


def test_what_went_wrong_is_told_in_place_of_names() -> None:
    assert members(ConnectionError("refused"), Names()) == ["refused"]
