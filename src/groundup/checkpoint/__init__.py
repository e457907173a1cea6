"""Checkpoints: the packages src/chNN, each the one before plus the exported cells of its chapter."""

from groundup.checkpoint.diff import Change, changes, unified
from groundup.checkpoint.export import checkpoints, stale, write
from groundup.checkpoint.exported import dropped, exported
from groundup.checkpoint.history import history
from groundup.checkpoint.imports import imported
from groundup.checkpoint.mine import beside_mine
from groundup.checkpoint.parts import part, stat
from groundup.checkpoint.render import GENERATED

__all__ = [
    "GENERATED",
    "Change",
    "beside_mine",
    "changes",
    "checkpoints",
    "dropped",
    "exported",
    "history",
    "imported",
    "part",
    "stale",
    "stat",
    "unified",
    "write",
]
