"""Probes of connections: heads that are too long or never complete, and clients that are silent."""
