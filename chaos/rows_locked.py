"""Somebody else holds a row locked, in each table that the mirror lives on: for a moment, and for longer than a server waits."""

from rig.runs.chaos.campaign import Campaign, Phases
from rig.runs.chaos.schedule import PlannedFault

ROWS = ("mitra locked", "online status locked", "setting locked", "chat locked")
BRIEF_S, LONG_S = 2.0, 8.0  # below and above what a statement is waited for
APART_S = 4.0

CAMPAIGN = Campaign(
    name="rows_locked",
    shows="A row that somebody else holds delays who needs it and nobody else, and is no reason to forget a change",
    strikes=(
        *(PlannedFault((BRIEF_S + APART_S) * turn, row, BRIEF_S) for turn, row in enumerate(ROWS)),
        *(PlannedFault(30.0 + (LONG_S + APART_S) * turn, row, LONG_S) for turn, row in enumerate(ROWS)),
    ),
    phases=Phases(fault_s=78.0),
)
