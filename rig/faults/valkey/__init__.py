"""Faults of Valkey."""
