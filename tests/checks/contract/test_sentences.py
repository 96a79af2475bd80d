"""The sentences of docs/contract.md, and what speaks of them."""

import inspect

import pytest

from rig.checks.contract.probes import load_probe_checks
from rig.errors import UsageError
from rig.report.explain.contract import REFERENCES
from rig.runs.contract.plan import chosen
from rig.runs.contract.probing import probes
from rig.runs.contract.told import judges_of_sentences
from rig.service.proven import caught_by, seen_to_fail
from rig.service.sentences import sentences
from tests.sabotage.catalogue import CATALOGUE


def test_each_sentence_has_an_id_a_section_and_one_promise() -> None:
    found = sentences()
    assert len(found) >= 239
    assert all(one.section and one.text for one in found.values())
    assert {one.id for one in found.values() if one.hardened} >= {"BATCH-05"}


def test_an_id_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="two sentences PING-01"):
        sentences("- **PING-01** A ping is answered.\n- **PING-01** A ping is not answered.\n")


def test_each_probe_has_a_check_of_sentences_that_exist() -> None:
    known, checks = sentences(), load_probe_checks()
    assert set(checks) == set(probes())
    assert {id for one in checks.values() for id in one.sentences} <= set(known)


@pytest.mark.parametrize("name", sorted(probes()))
def test_a_check_reads_the_class_that_its_probe_returns(name: str) -> None:
    returned = inspect.signature(probes()[name].function).return_annotation
    assert returned is load_probe_checks()[name].reads


def test_words_name_ids_and_sections_with_commas_or_one_by_one() -> None:
    known = sentences()
    found = chosen(["PING-04, deact-07", "ID"], known)
    assert found == {"PING-04", "DEACT-07", *(id for id in known if id.startswith("ID-"))}
    with pytest.raises(UsageError, match="no sentence 'PONG'"):
        chosen(["PING,PONG"], known)


def test_each_sentence_is_judged() -> None:
    """By a step or probe of `rig contract`, or by items of other runs."""
    by_items = {id for ids in REFERENCES.values() for id in ids}
    assert set(judges_of_sentences()) | by_items == set(sentences()), (
        "a sentence without a judge, or a judge of no sentence"
    )


def test_what_was_seen_to_fail_is_what_the_catalogue_names() -> None:
    """Another test keeps the rows of the page equal to the catalogue."""
    for id, servers in seen_to_fail().items():
        assert all(id in CATALOGUE[name].fails for name in servers), id
    assert "anybody-reads" in seen_to_fail()["CHAT-03"]


def test_only_what_was_caught_counts_as_seen() -> None:
    rows = "| `one` | Told. | PING-01 PING-02 | caught 2026-11-24, 7 s |\n| `two` | Told. | PING-03 | survived 2026-11-24, 7 s |\n"
    assert caught_by(rows) == {"PING-01": ["one"], "PING-02": ["one"]}
