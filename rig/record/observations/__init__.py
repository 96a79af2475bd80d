"""What the scenarios of the checklist and the probes of the contract observed: one class per kind of observation.

A section of the checklist has a module of its own; the probes have `races`, `edges`,
`environment`, `numbers`, `losses` and the folder `contract`. The field names of the JSON are
those of the saved records. A field that was added later has a default, so that older records stay readable; fields that
no check reads any more are ignored.
"""
