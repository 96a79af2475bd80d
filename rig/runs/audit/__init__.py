"""`rig audit`: compares the mirror of a running installation with its Postgres, and changes nothing."""
