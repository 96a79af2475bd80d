"""The names of the images that --mode docker and compose.yaml use: official ones, unless the environment says else."""

import os

# Kind → the variable that overrides it (compose.yaml reads the same ones) and the official image.
IMAGES = {
    "postgres": ("POSTGRES_IMAGE", "postgres:18"),
    "valkey": ("VALKEY_IMAGE", "valkey/valkey:8.1"),
    "toxiproxy": ("TOXIPROXY_IMAGE", "ghcr.io/shopify/toxiproxy:2.12.0"),
    "python": ("PYTHON_IMAGE", "python:3.11-slim"),
}


def image(kind: str) -> str:
    """The image of one of `IMAGES`."""
    variable, official = IMAGES[kind]
    return os.environ.get(variable) or official
