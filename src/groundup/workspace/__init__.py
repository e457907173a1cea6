"""The reader's bench: a folder to work a chapter in."""

from groundup.workspace.folder import Workspace

__all__ = ["Workspace"]
