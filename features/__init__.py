"""The checklist as Gherkin: one file a section, judged by pure checks in `rig/checks/boxes`."""
