"""The services as containers."""
