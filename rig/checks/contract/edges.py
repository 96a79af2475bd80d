"""Checks of probes."""
