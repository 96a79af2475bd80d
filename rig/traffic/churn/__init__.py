"""Traffic without an end: people come, act and go; who leaves for good is replaced."""
