"""Traffic beside what a scenario or a campaign observes."""
