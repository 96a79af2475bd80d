"""The checks of a soak: what must not grow in a long run."""
