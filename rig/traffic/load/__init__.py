"""Traffic of loads: planned moments, and an account of every request."""
