"""Each check of the checklist declares the class of its observation, and what does not fit it is broken, by name."""

import inspect
import types
from typing import Any

import msgspec
import pytest

from rig.checks import CHECKS
from rig.record.observations.parts import Seen
from tests.support.seen_variants import DELETE, Path, T, changed, exchange, verdict

CHECKLIST = sorted(id for id, check in CHECKS.items() if check.function.__module__.startswith("rig.checks.checklist"))
PINGED = {"pings": [exchange({"is_online": True}), exchange({"is_online": True}, started=T + 1, ended=T + 1.1)]}
CYCLE = {"cycle_s": 0.2}


def observed_by(id: str) -> list[Any]:
    """The class of the observation that the check reads, or the classes of its union."""
    _, parameter, _ = inspect.signature(CHECKS[id].function).parameters.values()
    union = isinstance(parameter.annotation, types.UnionType)
    return list(parameter.annotation.__args__) if union else [parameter.annotation]


def test_there_are_many() -> None:
    assert len(CHECKLIST) > 100


@pytest.mark.parametrize("id", CHECKLIST)
def test_the_observation_of_each_check_has_a_class(id: str) -> None:
    for observed in observed_by(id):
        assert issubclass(observed, Seen), f"{id} reads a {observed}"
        assert observed.__doc__ != Seen.__doc__, f"{observed.__name__} does not say what it holds"


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        (("pings",), DELETE, "missing required field `pings`"),
        (("pings", 0, "ended"), DELETE, "missing required field `ended` - at `$.pings[0]`"),
        (("pings", 1, "status"), "200", "Expected `int | null`, got `str` - at `$.pings[1].status`"),
    ],
)
def test_what_does_not_fit_is_broken_and_the_field_is_named(path: Path, value: Any, named: str) -> None:
    assert verdict("C-01", PINGED, CYCLE)[0] == "passed"
    found, message = verdict("C-01", changed(PINGED, (path, value)), CYCLE)
    assert found == "broken"
    assert named in message, message
    assert message.startswith("the check cannot read its observation")


@pytest.mark.parametrize("id", CHECKLIST)
def test_a_frozen_observation_is_written_as_it_is_read(id: str) -> None:
    """The names of the saved record are those of the fields, or given by `name=`; Python's keywords are none."""
    for observed in observed_by(id):
        assert observed.__struct_config__.frozen
        for field in msgspec.structs.fields(observed):
            assert field.name == field.encode_name or field.encode_name in RENAMED, f"{id}: {field.encode_name}"


RENAMED = {"from", "to", "setOnline", "setOffline", "online again"}
