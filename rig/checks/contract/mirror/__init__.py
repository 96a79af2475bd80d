"""Checks of the probes of the mirror."""
