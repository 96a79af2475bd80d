"""Servers that keep the contract and share nothing with ours: what the rig says of them, it would say of anybody's."""
