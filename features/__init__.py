"""The checklist as Gherkin: one file per section, judged by pure checks in `rig/checks/checklist`."""
