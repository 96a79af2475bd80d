"""Faults of Postgres."""
