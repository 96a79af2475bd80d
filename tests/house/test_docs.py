"""The documents stay true: every setting is in them, and what they tell to run exists."""

import re
from pathlib import Path

import pytest

from rig.config import PREFIX
from rig.paths import CHECKOUT
from rig.setting_fields import FIELDS

DOCS = CHECKOUT / "docs"


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_every_rig_setting_is_documented(name: str) -> None:
    text = (DOCS / "settings.md").read_text()
    assert f"`{PREFIX}{name.upper()}`" in text, f"docs/settings.md lacks {PREFIX}{name.upper()}"
    assert FIELDS[name].help.text in text, f"docs/settings.md describes {name} in other words: renew it"


def test_every_server_setting_is_documented() -> None:
    read = set(re.findall(r'"([A-Z][A-Z_]{3,})"', (CHECKOUT / "server" / "config.py").read_text()))
    text = (DOCS / "contract.md").read_text()
    missing = {name for name in read if f"`{name}`" not in text}
    assert not missing, f"docs/contract.md lacks {missing}"


@pytest.mark.parametrize("path", ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"])
def test_named_files_exist(path: str) -> None:
    """Whatever stands in backquotes and looks like a path of this repository is there."""
    text = (CHECKOUT / path).read_text()
    named = re.findall(r"`((?:rig|server|features|chaos|loadtest|tests|docs|reports/samples)/[\w./-]*\w)`", text)
    linked = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    missing = [name for name in {*named, *linked} if not (CHECKOUT / name).exists()]
    assert named, f"{path} names no file at all"
    assert not missing, f"{path} names what is not there: {missing}"


def test_no_setting_is_documented_that_is_gone() -> None:
    known = {PREFIX + name.upper() for name in FIELDS}
    text = Path(DOCS / "settings.md").read_text()
    assert set(re.findall(r"`(RIG_[A-Z_]+)`", text)) <= known
