"""The boxes of the checklist, one module a section."""
