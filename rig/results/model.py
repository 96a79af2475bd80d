"""What a report shows of explorations beside the verdicts: bounds and figures, controls, violations."""

from rig.record import Run


def model_figures(run: Run) -> dict[str, object]:
    """`model`: every exploration, every mutant and dropped rule, every violation with its path."""
    explored = sorted(run.of("explored"), key=lambda line: line["number"])
    counts: dict[str, int] = {}
    violations = []
    for line in explored:
        if line["violation"]:
            counts[line["spec"]] = counts.get(line["spec"], 0) + 1
            file = f"violation-{line['spec']}-{counts[line['spec']]}.json"
            violations.append({**line["violation"], "within": line["within"], "file": file})
    mutants = [line["mutant"] for line in explored if line["mutant"]]
    return {
        "model": {
            "mutant": mutants[0] if mutants else "",
            "explored": [
                {**{key: value for key, value in line.items() if key not in ("taken", "violation", "t", "kind")},
                 "broken": line["violation"]["invariant"]["number"] if line["violation"] else "",
                 "steps": len(line["violation"]["steps"]) if line["violation"] else 0}
                for line in explored
            ],
            "control": [
                {key: value for key, value in line.items() if key not in ("t", "kind")} for line in run.of("control")
            ],
            "violations": violations,
        }
    }  # fmt: skip
