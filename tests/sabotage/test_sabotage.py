"""The catalogue of broken servers is sound, and a sample of it is caught: what a rig's red is worth.

The whole of it is `rig prove`, which runs at night.
"""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from rig.checks import load_checks
from rig.checks.framework import CATCH_ALL, HARDENED
from rig.runs.chaos.registry import campaigns
from rig.runs.contract.plan import plan_contract
from rig.runs.load.bounds import bounds_of
from rig.runs.load.plan import LoadOptions
from rig.runs.mutation.catalogue import read_catalogue
from rig.runs.mutation.docs import DOCS, proved_rows, row_of
from tests.sabotage.catalogue import CATALOGUE
from tests.sabotage.entry import sabotage

CHECKOUT = Path(__file__).parents[2]
SAMPLE_S = 420  # on two idle cores it takes a minute and a half


@pytest.mark.timeout(SAMPLE_S + 30)
def test_a_sample_of_one_a_section_is_caught(tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(1, 1_000_000)
    command = [sys.executable, "-m", "rig", "prove", "--sample", "--random-seed", str(seed)]
    run = subprocess.run(
        [*command, "--reports", str(tmp_path)], cwd=CHECKOUT, capture_output=True, text=True, timeout=SAMPLE_S
    )
    assert run.returncode == 0, f"again: rig prove --sample --random-seed {seed}\n{run.stdout[-5000:]}{run.stderr}"


PATCH_EACH = """
import importlib, os, pkgutil, server
for module in pkgutil.walk_packages(server.__path__, "server."):
    importlib.import_module(module.name)  # once, not once in each child
from tests.sabotage.catalogue import CATALOGUE
for entry in CATALOGUE.values():
    if entry.breaks != "server":
        continue
    child = os.fork()
    if child == 0:
        try:
            entry.patch()
            os._exit(0)
        except BaseException as error:
            os.write(1, f"{entry.name}: {error!r}\\n".encode())
            os._exit(1)
    os.waitpid(child, 0)
"""


def test_each_defect_still_finds_the_passage_that_it_breaks() -> None:
    run = subprocess.run([sys.executable, "-c", PATCH_EACH], cwd=CHECKOUT, capture_output=True, text=True, timeout=110)
    assert (run.returncode, run.stdout) == (0, ""), f"renew these broken servers:\n{run.stdout}{run.stderr}"


def test_each_section_has_two() -> None:
    boxes = [check for check in load_checks().values() if not check.whole_run]
    sections = {check.section for check in boxes if check.kind in ("promise", "action", "precondition")}
    counts = {section: sum(section in entry.sections for entry in CATALOGUE.values()) for section in sections}
    assert all(count >= 2 for count in counts.values()), counts


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_what_an_entry_names_is_judged_in_its_run(name: str) -> None:
    entry = CATALOGUE[name]
    judged = {
        "checklist": {id for id, check in load_checks().items() if not check.whole_run} | {CATCH_ALL},
        "chaos": {item for campaign in campaigns().values() for item in campaign.judged},
        "load": set(bounds_of(LoadOptions())),
        "contract": {one.id for one in plan_contract([], [], 20, level=HARDENED).judged},
    }
    assert entry.fails <= judged[entry.command], f"rig {entry.command} judges nothing of this name"
    assert entry.sentence.endswith("."), "a defect is told in a sentence"


@pytest.mark.parametrize("fails", [(), ("C-02", "INV-01"), ("INV-01", "CLAIM-01"), ("C-02", "PING-03")])
def test_a_defect_that_no_single_run_can_prove_is_refused(fails: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="proven-by-nothing"):
        sabotage("proven-by-nothing", "Nothing.", *fails)(lambda: None)
    assert "proven-by-nothing" not in CATALOGUE


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(ValueError, match="declared twice"):
        sabotage(next(iter(CATALOGUE)), "Nothing.", "C-02")(lambda: None)


def test_the_list_is_the_catalogue() -> None:
    listed = {entry.name: entry for entry in read_catalogue()}
    assert set(listed) == set(CATALOGUE)
    for name, entry in listed.items():
        file, _, line = entry.where.partition(":")
        assert f'"{name}"' in "".join((CHECKOUT / file).read_text().splitlines()[int(line) - 1 :][:2])
        assert set(entry.fails) == CATALOGUE[name].fails


def test_the_page_holds_the_catalogue_all_caught() -> None:
    """`rig prove NAME --write-docs` renews a row."""
    text = DOCS.read_text()
    proved = proved_rows(text)
    entries = {entry.name: entry for entry in read_catalogue()}
    assert set(proved) == set(entries), "docs/sabotage.md has other entries: rig prove NAME... --write-docs"
    stale = [name for name, entry in entries.items() if row_of(entry, proved[name]) not in text]
    assert not stale, f"docs/sabotage.md tells these otherwise: rig prove {' '.join(stale)} --write-docs"
    loose = [name for name, told in proved.items() if not told.startswith("caught ")]
    assert not loose, f"docs/sabotage.md does not tell these as caught: rig prove {' '.join(loose)} --write-docs"


def test_an_unknown_name_is_a_usage_error() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "tests.sabotage", "no-such"], cwd=CHECKOUT, capture_output=True, text=True, timeout=20
    )
    assert run.returncode == 4
    assert "no-such" in run.stderr
    assert "newest-session-only" in run.stderr
