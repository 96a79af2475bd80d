"""The page about the protocol tells the bounds that are explored."""

from rig.model.catalogue import specifications
from rig.paths import CHECKOUT
from rig.runs.model.summary import told_bounds

PAGE = (CHECKOUT / "docs" / "protocol.md").read_text()


def test_the_page_lists_the_bounds_of_every_specification() -> None:
    rows = [line.split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
    told = {(row[0].strip("| `"), row[1]) for row in rows}
    assert told == {(name, told_bounds(one)) for name, spec in specifications().items() for one in spec.bounds}


def test_the_page_names_the_specification_of_each_section() -> None:
    for name, spec in specifications().items():
        place = f"{spec.file}/" if len(spec.files) > 1 else spec.file
        assert f"`{place}`" in PAGE, f"no section of docs/protocol.md names {name}"
