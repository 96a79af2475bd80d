"""The report of an audit as text for people and as metrics for Prometheus."""
