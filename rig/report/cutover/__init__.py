"""The runbook of a cutover."""
