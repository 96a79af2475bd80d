"""The whole verdict on a server in one run: `rig verify`."""
