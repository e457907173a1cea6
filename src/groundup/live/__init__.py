"""A chapter that has run, compared with its checkpoint. It runs in the chapter's kernel, and needs Python only."""

from groundup.live.report import report

__all__ = ["report"]
