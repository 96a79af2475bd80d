"""The file of known deviations: what is read, and what is refused in one line."""

from pathlib import Path

import pytest

from rig.errors import UsageError
from rig.record.lines.common import AcceptedDeviation
from rig.runs.verify.accepted import read_accepted

KNOWN = {"CHAT-03", "C-07"}
ENTRY = '[[accept]]\nid = "CHAT-03"\nreason = "ticket 17"\nuntil = 2027-01-31\n'


def test_each_entry_is_read(tmp_path: Path) -> None:
    file = tmp_path / "accepted.toml"
    file.write_text(ENTRY + ENTRY.replace("CHAT-03", "C-07"))
    assert read_accepted(file, KNOWN) == [
        AcceptedDeviation("CHAT-03", "ticket 17", "2027-01-31"),
        AcceptedDeviation("C-07", "ticket 17", "2027-01-31"),
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ENTRY.replace("CHAT-03", "CHAT-30"), "no item or sentence 'CHAT-30' (did you mean 'CHAT-03'?)"),
        (ENTRY * 2, "CHAT-03 stands there twice"),
        (ENTRY.replace('reason = "ticket 17"\n', ""), "accept.0.reason: field required"),
        (ENTRY.replace("ticket 17", ""), "accept.0.reason"),
        (ENTRY.replace("2027-01-31", '"soon"'), "accept.0.until"),
        (ENTRY + "since = 1\n", "accept.0.since"),
        ("accept = 3", "accept: input should be a valid list"),
        ("", "accept: field required"),
        ("[[accept", "is no TOML"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_line(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "accepted.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as refused:
        read_accepted(file, KNOWN)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_accepted(tmp_path / "none.toml", KNOWN)
