"""What runs a kind of run: the only room that knows several others."""
