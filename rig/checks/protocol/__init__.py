"""Judges a campaign by the protocol of the mirror: each event must be a step that docs/protocol.md allows."""
