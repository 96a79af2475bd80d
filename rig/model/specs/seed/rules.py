"""A rule that more than one place names, and the server's modules that take the steps."""

SEEDER, WRITES = "server/mirror/seed.py:Seeder.", "server/mirror/writes.py:Writes."
ALONE = "one seed at a time in the cluster"
