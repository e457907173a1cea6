"""The command `groundup`."""

from groundup.cli.main import main

__all__ = ["main"]
