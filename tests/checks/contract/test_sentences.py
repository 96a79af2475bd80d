"""The sentences of docs/contract.md, and what speaks of them."""

import inspect

import pytest

from rig.checks.contract.probes import load_probe_checks
from rig.runs.contract.probing import probes
from rig.service.sentences import sentences


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
