"""Checkpoints: the packages src/chNN, each the one before plus the exported cells of its chapter."""

from groundup.checkpoint.diff import Change, changes, unified, unified_mine
from groundup.checkpoint.export import checkpoints, stale, write
from groundup.checkpoint.exported import dropped, exported

__all__ = ["Change", "changes", "checkpoints", "dropped", "exported", "stale", "unified", "unified_mine", "write"]
