"""Chapters executed: notebooks with their outputs, recorded numbers, certificates."""

from groundup.run.results import load_results, unheld
from groundup.run.runner import run

__all__ = ["load_results", "run", "unheld"]
