"""The runbook of a cutover: one HTML file that prints on A4, and the same content as JSON."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rig.record import Verdict
from rig.report import text
from rig.report.charts import svg
from rig.report.formats.html import environment, head, style

Raw = Mapping[str, Any]
SAYS = {Verdict.PASSED: "yes", Verdict.FAILED: "no"}
NO_REHEARSAL = (
    ("The real network: VPC, peering, firewalls, DNS", "From a host of each instance: connect to Y by its name, and time 200 PINGs"),
    ("IAM, the password or token of Y, and how long it lives", "Log in as each instance's identity, and again after the token's life"),
    ("Maintenance windows and updates of Y", "Read the window of the instance; start a manual failover in a quiet hour"),
    ("The certificate of Y and its renewal", "Connect with verification on, by the authority that the instances will use"),
    ("The real number of instances, and who else uses X", "Compare CLIENT LIST of X with the list of instances"),
    ("Backups and restores of Y", "Not needed for the mirror: every instance seeds it from Postgres"),
)  # fmt: skip
WATCH = (
    "rig audit --watch 300 on Y, from the first instance on: exit code 0, no difference",
    "at the first drift: rig audit --again; if it stays, restart one instance, which seeds",
    "roll back if a difference lasts for 10 minutes, a mitra is taken offline wrongly, or requests fail for 2 minutes",
    "the watch is over after 24 h of passing audits in a row and one failover of Y; keep X until then, then delete it",
)  # fmt: skip


def runbook(results: Raw, directory: Path) -> dict[Path, str]:
    """The two files with their content. The same results give the same bytes."""
    content = content_of(results)
    return {
        directory / "runbook.html": html(content, results),
        directory / "runbook.json": json.dumps(content, indent=1, ensure_ascii=False) + "\n",
    }


def content_of(results: Raw) -> dict[str, Any]:
    """Everything that the runbook says, as plain JSON."""
    cutover = results["cutover"]
    rows = [row(item, cutover) for item in results.get("items") or ()]
    go = bool(rows) and all(one["says"] == "yes" for one in rows) and not results.get("interrupted")
    judged = results.get("judged") or {}
    return {
        "decision": "GO" if go else "NO-GO",
        "against": [one for one in rows if one["says"] != "yes"],
        "rows": rows,
        "signature": {
            "rehearsed": moment_of(results.get("started") or 0), "label": judged.get("label"), "commit": judged.get("commit"),
            "rig": judged.get("rig"), "stores": {one["store"]: one["named"] for one in cutover["stores"]},
            "attested": cutover["attested"], "signed_by": "", "signed_at": "",
        },
        "steps": cutover["steps"],
        "planted": cutover["planted"],
        "proofs": cutover["proofs"],
        "measures": results.get("measures") or [],
        "not_rehearsed": [{"what": what, "by_hand": check} for what, check in NO_REHEARSAL],
        "permissions": permissions(cutover["commands"]),
        "watch": list(WATCH),
        "again": results.get("command") or "",
    }  # fmt: skip


def row(item: Raw, cutover: Raw) -> dict[str, Any]:
    """One row of the decision: yes, no or unknown, why, what it does not see, and when it last said no."""
    id = text.clean(item["id"])
    proof = next((one for one in cutover["proofs"] if one["row"] == id), None)
    return {
        "id": id,
        "title": text.clean(item.get("title") or ""),
        "says": SAYS.get(item["verdict"], "unknown"),
        "why": text.clean(item.get("message") or ""),
        "not_seen": cutover["not_seen"].get(id, ""),
        "proven": f"{moment_of(proof['at'])}, by {proof['defect']}" if proof else "never",
    }


def moment_of(epoch: float) -> str:
    """Date and time in UTC, to the minute."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d %H:%M UTC")


def permissions(commands: list[str]) -> dict[str, str]:
    """What the servers need on Y, by the commands that they were seen to use on X."""
    allowed = " ".join(f"+{command}" for command in commands)
    return {
        "acl": f"ACL SETUSER app on >PASSWORD ~* &* -@all {allowed} +auth +hello +info +ping +select +client|setname +client|setinfo",
        "audit": "rig audit --grants prints what the audit needs",
    }


def html(content: Raw, results: Raw) -> str:
    origin = float(results.get("started") or 0)
    spans = svg.phases(results.get("phases") or (), origin)
    lanes = results.get("lanes") or ()
    icon = head(Verdict.PASSED if content["decision"] == "GO" else Verdict.FAILED)["icon"]
    return environment().get_template("runbook.html.j2").render(
        book=content,
        icon=icon,
        style=style("runbook.css"),
        timeline=svg.timeline(lanes, spans, origin) if spans and lanes else None,
        charts=[
            (f"{one['name']}, {one['unit']}", svg.chart(one, spans, origin)) for one in results.get("series") or ()
        ],
    )  # fmt: skip
