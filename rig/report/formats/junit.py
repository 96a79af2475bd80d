"""JUnit XML, so that any CI shows each item: one testsuite per section, one testcase per item."""

from xml.etree import ElementTree as xml

from rig.record import Verdict
from rig.report import evidence, text, trim
from rig.report.explain import difference
from rig.report.explain.people import named
from rig.report.page import Item, Page, Section, took

# JUnit knows three ways not to pass; inconclusive and broken are both errors, told apart by their type.
ELEMENTS = {
    Verdict.FAILED: "failure",
    Verdict.BROKEN: "error",
    Verdict.INCONCLUSIVE: "error",
    Verdict.SKIPPED: "skipped",
}
PROPERTIES = ("Random seed", "Cadence", "Level", "Server", "Label", "Commit", "Rig", "Stack", "Machine")


def junit(page: Page) -> str:
    """The document as text, with its XML declaration."""
    sections = [*page.sections, *_thresholds(page)]
    totals = _totals([item for section in sections for item in section.items])
    root = xml.Element("testsuites", {"name": f"rig {page.kind}".strip(), **totals})
    facts = dict(page.facts)
    for section in sections:
        suite = _suite(root, section, page)
        properties = xml.SubElement(suite, "properties")
        for name in PROPERTIES:
            if name in facts:
                xml.SubElement(properties, "property", name=name.lower().replace(" ", "_"), value=facts[name])
        if page.command:
            xml.SubElement(properties, "property", name="command", value=page.command)
        for item in section.items:
            _case(suite, item, page, section)
    xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(root, encoding="unicode") + "\n"


def _thresholds(page: Page) -> list[Section]:
    """The thresholds of a load run as a suite of their own, so that CI shows each."""
    items = page.load.thresholds if page.load else ()
    return [Section("thresholds", "thresholds", "Thresholds", items)] if items else []


def _totals(items: list[Item]) -> dict[str, str]:
    elements = [ELEMENTS.get(item.verdict) for item in items]
    return {
        "tests": str(len(items)),
        "failures": str(elements.count("failure")),
        "errors": str(elements.count("error")),
        "skipped": str(elements.count("skipped")),
        "time": f"{took(items):.3f}",
    }


def _suite(root: xml.Element, section: Section, page: Page) -> xml.Element:
    suite = xml.SubElement(root, "testsuite", {"name": section.name, **_totals(list(section.items))})
    if page.started:
        suite.set("timestamp", page.started)
    return suite


def _case(suite: xml.Element, item: Item, page: Page, section: Section) -> None:
    case = xml.SubElement(
        suite,
        "testcase",
        classname=".".join(part for part in (page.kind, section.id) if part),
        name=f"{item.id} {text.flat(item.title)}",
        time=f"{item.seconds or 0:.3f}",
    )
    element = ELEMENTS.get(item.verdict)
    if element is None:
        xml.SubElement(case, "system-out").text = trim.message(item.message)
        return
    outcome = xml.SubElement(
        case, element, message=trim.message(item.message).replace("\n", " "), type=item.verdict.value
    )
    outcome.text = details(item)


def details(item: Item) -> str:
    """Why an item got its verdict, and its evidence, as text; `> ` stands before what the verdict is about."""
    printed = [trim.message(item.message)]
    for answer in item.answers:
        where = " ".join(part for part in (answer.scenario, answer.variant and f"({answer.variant})") if part)
        printed.append(f"\n{answer.verdict}: {where}\n{trim.message(answer.message)}")
        printed += [f"weakened by: {trim.message(reason)}" for reason in answer.weakened]
        for each in answer.differences:
            printed += difference.plain(difference.compared(each, trim.PLAIN))
        shown = evidence.plain(answer.evidence, marked=answer.marks)
        printed.append(named(shown, {person.id: person for person in item.people}))
    if item.replay:
        printed.append(f"\nrun it alone: {item.replay}")
    return "\n".join(part for part in printed if part)
