"""Faults of the server under test and of its clients."""
