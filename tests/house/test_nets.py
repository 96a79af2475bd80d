"""What keeps the code as it is: style, types, spelling, and the wording of commits. Layers stand in test_layout."""

import subprocess
import sys
from pathlib import Path

import pytest

from rig.paths import CHECKOUT

HERE = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check", "--no-cache"),
        ("ruff", "format", "--check", "--no-cache"),
        ("typos", "--format", "brief"),
        ("mypy",),
        ("gitlint", "--commit", "HEAD"),
    ],
    ids=" ".join,
)
def test_it_has_nothing_to_say(command: tuple[str, ...]) -> None:
    if command[0] == "gitlint" and not (CHECKOUT / ".git").exists():
        pytest.skip("no repository: an archive has no commits")
    done = subprocess.run([str(HERE / command[0]), *command[1:]], cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("subject", "fine"),
    [
        ("record: refuse a line that is none", True),
        ("record: " + "x" * 70, False),
        ("Fix things", False),
    ],
)
def test_a_commit_s_subject_has_a_scope_and_72_characters(subject: str, fine: bool, tmp_path: Path) -> None:
    message = tmp_path / "message"
    message.write_text(subject + "\n")
    command = [str(HERE / "gitlint"), "--staged", "--msg-filename", str(message)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    assert (done.returncode == 0) is fine, done.stdout + done.stderr
