"""Services that somebody else runs."""
