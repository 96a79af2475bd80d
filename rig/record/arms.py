"""The two arms of a load, and what they are called."""

NAMES = {"on": "with the mirror", "off": "without it"}
