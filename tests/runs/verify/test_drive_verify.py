"""`rig verify` on real servers: checklist and contract in one run, with one verdict and one report."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rig.paths import CHECKOUT
from tests.support.stack_support import rig

# A mitra who goes online again gets another audit row, which breaks TABLE-03 but no item of section K.
AUDITED_TWICE = """
import sys
from server import mitras
whole = mitras.set_online

async def audited(mirror, db, mitra_id):
    answer = await whole(mirror, db, mitra_id)
    await db.execute("INSERT INTO mitra_online_logs (mitra_id, status) VALUES ($1, 'online')", mitra_id)
    return answer

mitras.set_online = audited
from server.__main__ import main
sys.exit(main())
"""


def results_of(reports: Path) -> dict[str, Any]:
    return json.loads((reports / "latest" / "results.json").read_text())


@pytest.mark.timeout(300)
def test_items_and_sentences_are_judged_in_one_run(tmp_path: Path) -> None:
    run = rig("verify", "--only", "K-05,OFFER-05", "--reports", str(tmp_path), timeout_s=280)
    assert run.returncode == 0, run.stdout + run.stderr
    results = results_of(tmp_path)
    assert {item["id"]: item["verdict"] for item in results["items"]} == {"K-05": "passed", "OFFER-05": "passed"}
    promised = "what was promised in 1 item of the checklist and 1 sentence of the contract at level hardened."
    assert promised in run.stdout
    assert f"rig verify --only OFFER-05 --random-seed {results['random_seed']}" in results["items"][1]["replay"]
    assert "sentences are judged only as far as the items" not in run.stdout  # that is for whole sections
    again = rig("recheck", str(tmp_path / "latest"))
    assert again.returncode == 0, again.stdout + again.stderr
    assert promised in (tmp_path / "latest" / "summary.md").read_text()


@pytest.mark.timeout(300)
def test_one_broken_sentence_fails_the_whole(tmp_path: Path) -> None:
    server = tmp_path / "audited_twice.py"
    server.write_text(AUDITED_TWICE)
    sut = f"{sys.executable} {server}"
    words = ("--sut", sut, "--sut-cwd", str(Path.cwd()), "--level", "hardened")
    run = rig("verify", "--only", "K-05", "--only", "TABLE-03", *words, "--reports", str(tmp_path), timeout_s=280)
    assert run.returncode == 1, run.stdout + run.stderr
    found = {item["id"]: item["verdict"] for item in results_of(tmp_path)["items"]}
    assert found == {"K-05": "passed", "TABLE-03": "failed"}
    accepted = tmp_path / "accepted.toml"
    accepted.write_text('[[accept]]\nid = "TABLE-03"\nreason = "ticket 17"\nuntil = 9999-12-31\n')
    words = (*words, "--accept", str(accepted), "--reports", str(tmp_path / "accepted"))
    run = rig("verify", "--only", "TABLE-03", *words, timeout_s=280)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "TABLE-03 failed, which is accepted until 9999-12-31: ticket 17" in run.stdout


@pytest.mark.parametrize(
    ("word", "told"), [("C-99", "did you mean"), ("PNIG", "did you mean 'PING'"), ("LOG-01", "rig contract --list")]
)
def test_a_word_that_names_nothing_is_one_clear_error(word: str, told: str, tmp_path: Path) -> None:
    run = rig("verify", "--only", word, "--reports", str(tmp_path))
    assert run.returncode == 4, run.stdout + run.stderr
    assert told in run.stderr
    assert len(run.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.timeout(300)
def test_ctrl_c_in_a_campaign_ends_it_and_tells_what_was_judged_before(tmp_path: Path) -> None:
    """The item of the checklist keeps its verdict; the campaign can't pass."""
    words = ["verify", "--only", "K-05,hang/INV-18,hang/INV-24", "--reports", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "rig", *words], cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    record = tmp_path / "latest" / "parts" / "hang" / "record-main.jsonl"
    deadline = time.monotonic() + 200
    while not (record.exists() and '"event": "confirmed"' in record.read_text()):
        assert process.poll() is None, "the run ended before the fault of the campaign was confirmed"
        assert time.monotonic() < deadline, "the campaign did not begin"
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    found = {item["id"]: item["verdict"] for item in results_of(tmp_path)["items"]}
    assert found == {"K-05": "passed", "hang/INV-18": "inconclusive", "hang/INV-24": "inconclusive"}
    assert "Interrupted: 2 of 3 items, sentences, invariants and claims could not be judged" in output
    assert "Judged so far: 1 passed." in output
    assert (tmp_path / "latest" / "parts" / "hang" / "report.html").is_file()
