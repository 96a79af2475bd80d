"""The checks of the checklist, one module per section."""
