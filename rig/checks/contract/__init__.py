"""Judges runs of the contract: each answer, row and key against the model of the service, each probe by its own check."""
