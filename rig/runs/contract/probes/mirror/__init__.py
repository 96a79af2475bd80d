"""Probes of the mirror: outages, hangs, seeds, held sweeps, pings of many at once, a restored Postgres."""
