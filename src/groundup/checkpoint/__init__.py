"""Checkpoints: the packages src/chNN, each the one before plus the exported cells of its chapter."""

from groundup.checkpoint.diff import Change, changes, unified, unified_mine
from groundup.checkpoint.export import checkpoints, stale, write

__all__ = ["Change", "changes", "checkpoints", "stale", "unified", "unified_mine", "write"]
