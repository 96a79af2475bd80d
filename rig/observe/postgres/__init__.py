"""Statements, rows and counters of Postgres."""
