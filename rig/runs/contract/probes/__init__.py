"""The probes, by what they look at: each returns what it saw, and judges nothing."""
