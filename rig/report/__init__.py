"""The reports of a run, made from its results alone, so that they can be made again later."""

from rig.report.formats.terminal import print_summary
from rig.report.render import render

__all__ = ["print_summary", "render"]
