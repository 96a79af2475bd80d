"""What the words of `rig verify --only` name: items, sentences, campaigns and claims."""

import pytest

from rig.checks.framework import HARDENED
from rig.errors import UsageError
from rig.results.claims_registry import claims
from rig.runs.chaos.registry import campaigns, of_profile
from rig.runs.verify.choice import Chosen, choose, known_ids


def chosen(*only: str, full: bool = False) -> Chosen:
    return choose(only, HARDENED, full)


def test_full_has_the_campaigns_of_ci_and_all_claims_and_the_quick_run_has_none() -> None:
    full, quick = chosen(full=True), chosen()
    assert [campaign.name for campaign, _ in full.campaigns] == [campaign.name for campaign in of_profile("ci")]
    assert all(items == tuple(campaign.judged) for campaign, items in full.campaigns)
    assert full.claims == tuple(claim.id for claim in claims())
    assert (quick.campaigns, quick.claims) == ((), ())


def test_a_campaign_is_named_whole_or_by_one_of_its_items() -> None:
    found = chosen("storm, hang/inv-07,hang/INV-01")
    assert {campaign.name: items for campaign, items in found.campaigns} == {
        "storm": tuple(campaigns()["storm"].judged), "hang": ("INV-01", "INV-07"),
    }  # fmt: skip
    assert (found.items, found.contract, found.claims) == ([], None, ())


def test_a_claim_is_named_by_its_id_or_its_section() -> None:
    assert chosen("claim-03", "DIFF").claims == ("CLAIM-03", "DIFF-01", "DIFF-02")
    assert chosen("load").claims == tuple(claim.id for claim in claims())


def test_words_of_all_four_kinds_go_together() -> None:
    found = chosen("C-07,OFFER-05,hang,CLAIM-01")
    assert found.items == ["C-07"]
    assert found.contract is not None
    assert ([one.id for one in found.contract.judged], len(found.campaigns)) == (["OFFER-05"], 1)
    assert found.claims == ("CLAIM-01",)


@pytest.mark.parametrize(
    ("word", "told"),
    [("hangs", "did you mean 'hang'"), ("hang/INV-99", "no item"), ("CLAIM-99", "did you mean 'CLAIM'")],
)
def test_a_word_that_names_nothing_is_one_line(word: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        chosen(word)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_two_kinds_share_an_id() -> None:
    """Each word of `--only` and each id of `--accept` means one thing."""
    ids = known_ids()
    sections = {id.rpartition("-")[0] for id in ids if "/" not in id}
    assert not {name.upper() for name in campaigns()} & (ids | sections)
    assert {"C-07", "PING-03", "hang/INV-07", "CLAIM-01"} <= ids
