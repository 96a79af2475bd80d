"""Traffic beside what is looked at."""
