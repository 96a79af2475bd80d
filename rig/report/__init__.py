"""The reports of a run, made from its results alone, so that they can be made again later."""

from rig.report.render import render
from rig.report.terminal import print_summary

__all__ = ["print_summary", "render"]
