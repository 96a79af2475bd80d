"""Judges instances on stores that are old, that cannot hold the mirror, or that another server has used."""
