"""What a run of the contract can judge at a running server, by what the user gives of it."""

from pathlib import Path

import pytest

from rig.checks.framework import CONTRACT
from rig.errors import UsageError
from rig.paths import CHECKOUT
from rig.runs.contract.means import ALL, FOLLOWED, NEEDS, WHOLE, WITHOUT_STORES, Mean, Means, means_of
from rig.runs.contract.plan import plan_contract
from rig.runs.contract.probing import probes
from rig.service.sentences import sentences
from rig.stack.sut.attachment import Attachment
from rig.stack.sut.managed import QUIET
from tests.support.stack_support import spec_of

PAGE = CHECKOUT / "docs" / "foreign-servers.md"
STORES = {"postgres": "postgresql://h/d", "valkey": "redis://h", "sut": "python -m server"}
AT_A_RUNNING_SERVER = ALL - {Mean.START}
RENEW = "python -m tests.runs.contract.test_means"
BEGIN, END = "<!-- what a running server is judged by -->", "<!-- end of the list -->"


def attached(**more: object) -> Attachment:
    return Attachment("http://h:1", "http://h:2", **more)  # type: ignore[arg-type]


def judged(means: Means) -> list[str]:
    return [one.id for one in plan_contract([], [], 20, level=CONTRACT, means=means).judged]


def listing() -> str:
    """Which sentences are judged at a running server, as docs/foreign-servers.md has it."""
    outside, whole = judged(frozenset()), judged(AT_A_RUNNING_SERVER)
    started = [one.id for one in plan_contract([], [], 20, level=CONTRACT).judged if one.id not in whole]
    rows = (
        ("without its stores", outside),
        ("with all that can be told of it, also", [id for id in whole if id not in outside]),
        ("only where the rig starts the server", started),
    )
    return "".join(f"- {name}: {', '.join(ids)}\n" for name, ids in rows)


def test_each_probe_with_needs_is_a_probe() -> None:
    assert NEEDS.keys() <= probes().keys()
    assert WHOLE.keys() == WITHOUT_STORES.keys()
    for name, ids in WITHOUT_STORES.items():
        assert ids < set(probes()[name].sentences)
        assert WHOLE[name] > NEEDS[name]


def test_a_server_that_the_rig_starts_has_everything(tmp_path: Path) -> None:
    assert means_of(spec_of(tmp_path)) == ALL


def test_of_a_running_server_counts_what_is_told(tmp_path: Path) -> None:
    code = attached(otp_code="1")
    assert means_of(spec_of(tmp_path, sut="python -m server", attached=code, outside=True)) == {Mean.CODE}
    assert means_of(spec_of(tmp_path, attached=code, **STORES)) == {Mean.CODE, Mean.STORES}
    everything = attached(
        otp_code="1",
        jwt_secret="s",
        internal_token="t",
        log=Path(__file__),
        env=QUIET | {"GOODBYE_WINDOW_SECONDS": "30"},
    )
    told = means_of(spec_of(tmp_path, attached=everything, toxiproxy="http://h:3", **STORES))
    assert told == AT_A_RUNNING_SERVER


def test_what_is_missing_is_the_reason_of_a_skip() -> None:
    plan = plan_contract([], [], 20, level=CONTRACT, means=frozenset({Mean.STORES, Mean.CODE}))
    reasons = {one.id: why for one, why in plan.skipped}
    assert plan.walks == 0
    assert plan.cases == ()
    assert reasons["STOP-01"] == "needs a server that the rig starts (--sut COMMAND)"
    assert "--jwt-secret S" in reasons["PING-05"]
    assert "3600" in reasons["PING-05"]
    assert not reasons.keys() & {one.id for one in plan.judged}
    assert set(plan.ids) == {*reasons, *(one.id for one in plan.judged)}


def test_with_the_stores_and_the_secret_the_model_is_followed() -> None:
    plan = plan_contract([], [], 20, level=CONTRACT, means=FOLLOWED | {Mean.OPERATOR, Mean.CODE})
    assert plan.walks == 20
    assert plan.cases
    assert {case.instance for case in plan.cases} == {"a"}
    assert "OUTAGE-03" in {one.id for one, _ in plan.skipped}


def test_a_sentence_that_cannot_be_judged_there_is_one_clear_error() -> None:
    with pytest.raises(UsageError, match="nothing judges STOP-01 at this server: STOP-01 needs a server that the rig"):
        plan_contract(["STOP-01"], [], 20, level=CONTRACT, means=frozenset({Mean.STORES}))


def test_the_page_lists_by_id_what_a_running_server_is_judged_by() -> None:
    told = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert told.strip() == listing().strip(), f"renew it by `{RENEW}`"
    assert all(id in told for id in plan_contract([], [], 20, level=CONTRACT).ids)
    assert sentences()


if __name__ == "__main__":
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{listing()}\n{END}{after}", encoding="utf-8")
