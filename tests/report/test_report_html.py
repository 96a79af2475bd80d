"""The HTML report: every item is there, nothing comes from outside, and no data becomes markup."""

import copy
import re
from html.parser import HTMLParser

import pytest

from rig.record import evidence
from rig.report.build import build
from rig.report.formats.html import BYTES_MAX, html
from rig.report.place import Place
from tests.support.report_sample import HOSTILE, chaos, checklist

VOID = {"meta", "link", "input", "br", "hr", "img"}


class Document(HTMLParser):
    """Collects tags and visible text, and fails on a tag that is closed out of order."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def having(self, name: str) -> list[str]:
        return [attributes[name] or "" for _, attributes in self.tags if name in attributes]


def rendered(results: dict) -> str:
    return html(build(results), results, Place("checklist-20261123T221714Z-20261123"))


@pytest.fixture(scope="module")
def source() -> str:
    return rendered(checklist())


@pytest.fixture(scope="module")
def document(source: str) -> Document:
    return Document(source)


def test_every_box_is_a_row_with_its_verdict_in_words(document: Document, source: str):
    rows = re.findall(r'<details class="item" id="([^"]+)" data-verdict="([^"]+)">(.*?)</summary>', source, re.S)
    assert [(name, verdict) for name, verdict, _ in rows] == [
        (item["id"], item["verdict"]) for item in checklist()["items"]
    ]
    assert all(re.search(rf"</svg>{verdict}</span>", summary) for _, verdict, summary in rows)


def test_ids_are_unique_and_every_inner_link_has_its_target(document: Document):
    ids = document.having("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in document.having("href") if link.startswith("#")} <= set(ids)


def test_nothing_is_loaded_from_outside(document: Document, source: str):
    for address in document.having("src") + document.having("href"):
        assert address.startswith(("#", "data:")), address
    style = source[source.index("<style>") : source.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_data_never_becomes_markup(document: Document, source: str):
    assert len([tag for tag, _ in document.tags if tag == "script"]) == 1
    assert "<script>alert" not in source
    assert document.text.count("<script>alert('x')</script> & \"quotes\"") >= 3
    assert not re.search("[\x00-\x08\x0b-\x1f]", source)


def test_the_first_screen_says_verdict_counts_reasons_and_replay(source: str):
    shown = Document(source[source.index("<main>") : source.index('<nav class="map"')] + "</div></div></main>").text
    for words in (
        "Failed",
        "The server broke a promise in 2 of 110 items.",
        "104",
        "72 of 77 promises passed",
        "the rig itself lagged by 231 ms",
        "The heartbeat was answered 200 instead of 403 ACCOUNT_INACTIVE",
    ):
        assert words in shown
    assert shown.index("C-07") < shown.index("D-11") < shown.index("F-12") < shown.index("G-06")


def test_each_kind_of_evidence_is_shown(document: Document):
    for words in (
        "curl -sS -X POST http://127.0.0.1:13000/api/mitra/status/heartbeat",
        "no answer, outcome unknown",
        "ReadTimeout after 8.0 s",
        "no such key",
        "1.82 s of 1 s allowed, over the bound",
        "never came of 25 s allowed",
        "no line holds it",
        "… 138 more lines",
        "… 475 more rows",
        "NULL",
        "8.32 s",
        "ünïcødé 测试 🌙",
        "of a later version",
        "rig checklist --only C-07 --random-seed 20261123",
    ):
        assert words in document.text, words


def test_the_text_looked_for_is_marked(source: str):
    assert "<mark>[valkey-mirror] seed:</mark> 3 online" in source
    assert re.search(r"<mark>\[valkey-mirror\] setDeactivated [0-9a-f-]{36} failed:</mark> Timeout", source)


def test_details_open_without_javascript(source: str):
    assert source.count("<details") == source.count("</details>") == 110 + 3
    assert "hidden>" not in source.replace("aria-hidden", "")


def test_the_policy_allows_only_our_script(source: str):
    assert "default-src 'none'" in source
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]{44}'", source)


def test_evidence_is_cut_until_the_file_is_small_enough():
    results = checklist()
    long = [f"{n} " + "x" * 1900 for n in range(60)]
    for item in results["items"]:
        item["answers"][0]["evidence"] += [evidence.log("server", long), evidence.log("server", long)]
    source = rendered(results)
    assert len(source.encode()) < BYTES_MAX
    assert source.count('<details class="item"') == 110


def test_a_campaign_shows_measures_phases_and_charts():
    document = Document(rendered(chaos()))
    for words in (
        "312 ms",
        "≤ 1",
        "48\N{THIN SPACE}213",
        "fault: Valkey hangs",
        "40 s – 75 s",
        "p99 of a ping, ms",
        "Nothing was measured.",
    ):
        assert words in document.text, words
    charts = [attributes for tag, attributes in document.tags if tag == "svg" and attributes.get("class") == "chart"]
    assert len(charts) == 2
    lines = [attributes for tag, attributes in document.tags if tag == "polyline"]
    assert len(lines) == 3  # the second series has a gap


def test_a_run_that_ended_before_any_box_says_why():
    results = checklist() | {"verdict": "broken", "items": [], "scenarios": [], "counts": {}, "message": "No initdb."}
    document = Document(rendered(results))
    assert "Broken" in document.text
    assert "No initdb." in document.text


def test_an_unknown_verdict_is_an_error():
    results = copy.deepcopy(checklist())
    results["items"][0]["verdict"] = "maybe"
    with pytest.raises(ValueError, match="unknown verdict 'maybe'; it is one of passed"):
        rendered(results)


def test_hostile_ids_stay_links():
    results = checklist()
    results["items"][0]["id"] = 'X "><b>'
    source = rendered(results)
    assert 'id="X----b-"' in source
    assert HOSTILE not in source
