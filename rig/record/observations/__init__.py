"""What the scenarios of the checklist observed: one class per kind of observation, one module per section.

The field names of the JSON are those of the saved records. A field that was added later has a default, so that older
records stay readable; fields that no check reads any more are ignored.
"""
