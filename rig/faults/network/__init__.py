"""Faults on the way to a store: proxies, packets, sockets, names."""
