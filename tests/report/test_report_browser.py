"""Reports in a real browser: accessible in light and dark, and filter, search and links as the address says."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.support.browser import dump
from tests.support.report_pages import SAMPLES, page

AXE = "axe-core@4.14.1"
NPM_S = 120
SERIOUS = ("serious", "critical")
OPEN_AND_RUN = """
const boring = Array.from(document.querySelectorAll('.item[data-verdict="passed"]')).slice(8);
boring.forEach((one) => one.remove());
document.querySelectorAll("details").forEach((one) => { one.open = true; });
axe.run(document, { resultTypes: ["violations"] }).then((found) => {
  const told = found.violations.map((one) => ({
    rule: one.id, impact: one.impact, nodes: one.nodes.slice(0, 3).map((node) => node.html.slice(0, 200) + node.failureSummary),
  }));
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.body.innerHTML = `<pre id="found">${encodeURIComponent(JSON.stringify({ dark, told }))}</pre>`;
});
"""


@pytest.fixture(scope="session")
def axe(request: pytest.FixtureRequest) -> str:
    """The source of axe-core, fetched once from npm."""
    assert request.config.cache is not None
    kept = request.config.cache.mkdir("axe-core") / f"{AXE}.js"
    if not kept.is_file():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not installed, so axe-core cannot be fetched")
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(kept.parent), AXE]
        done = subprocess.run(command, capture_output=True, text=True, timeout=NPM_S)
        if done.returncode:
            pytest.skip(f"npm could not fetch {AXE}: {done.stderr.strip()[-200:]}")
        shutil.copy(kept.parent / "node_modules" / "axe-core" / "axe.min.js", kept)
    return kept.read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("kind", ["checklist", "matrix", *SAMPLES])
def test_nothing_serious_bars_a_reader(kind: str, scheme: str, axe: str, tmp_path: Path):
    source = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page(kind))
    path = tmp_path / "report.html"
    path.write_text(source.replace("</body>", f"<script>{axe}</script><script>{OPEN_AND_RUN}</script></body>"))
    shown = dump(path, tmp_path / "profile", dark=scheme == "dark")
    found = re.search(r'<pre id="found">([^<]*)</pre>', shown)
    assert found, shown[-500:]
    report = json.loads(unquote(found[1]))
    assert report["dark"] == (scheme == "dark")
    assert [one for one in report["told"] if one["impact"] in SERIOUS] == []


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page("checklist"), encoding="utf-8")
    return path


def items(shown: str) -> dict[str, str]:
    """The attributes of each item, by its id."""
    return {found[1]: found[0] for found in re.findall(r'<details class="item"([^>]*?id="([^"]+)"[^>]*)>', shown)}


@pytest.mark.parametrize(
    ("fragment", "visible", "opened"),
    [
        ("", 110, set()),
        ("#show=failed", 2, set()),
        ("#search=reroute", 0, set()),
        ("#show=failed&search=deactivation", 1, set()),
        ("#C-07", 110, {"C-07"}),
        ("#C-07&show=failed", 2, {"C-07"}),
        ("#C-07-mark", 110, {"C-07"}),
        ("#A-01&show=failed", 110, {"A-01"}),  # a link shows what it leads to, whatever the filter
        ("#show=nonsense&search=%", 110, set()),
    ],
)
def test_the_address_holds_filter_search_and_target(
    fragment: str, visible: int, opened: set[str], report: Path, tmp_path: Path
):
    found = items(dump(report, tmp_path / "profile", fragment=fragment))
    assert len(found) == 110
    assert sum("hidden" not in attributes for attributes in found.values()) == visible
    assert {name for name, attributes in found.items() if re.search(r"\bopen\b", attributes)} == opened
