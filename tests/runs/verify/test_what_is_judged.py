"""What `rig verify` judges, as README tells it."""

from rig.checks.framework import HARDENED
from rig.paths import CHECKOUT
from rig.runs.verify.choice import choose


def test_the_readme_tells_how_many_items_and_sentences_are_judged() -> None:
    chosen = choose([], HARDENED, full=False)
    assert chosen.contract is not None
    told = f"the {len(chosen.items)} items of the checklist and {len(chosen.contract.judged)} sentences of the contract"
    assert told in (CHECKOUT / "README.md").read_text(encoding="utf-8")


def test_full_judges_more() -> None:
    quick, full = (choose([], HARDENED, full=one) for one in (False, True))
    assert set(quick.ids) < set(full.ids)
