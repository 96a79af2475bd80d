"""The services as processes of ours, from wheels."""
