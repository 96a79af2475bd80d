"""Defects of connections: heads that are too long."""

from tests.sabotage.entry import sabotage

EDGES = ("--stage", "edges")


@sabotage("heads-of-a-mebibyte", "Heads of up to 1 MiB are served.", "HTTP-15", by=EDGES)
def heads_of_a_mebibyte() -> None:
    from server import connections

    connections.HEAD_BYTES_MAX = 1024 * 1024
