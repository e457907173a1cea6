"""The errors that the tool reports: a message that names the culprit and the remedy, never a traceback."""

from __future__ import annotations


class BookError(Exception):
    """A mistake in the book or its surroundings: the message names the culprit and the remedy."""

    exit_code = 1


class UsageError(BookError):
    """A command was asked for something that does not exist."""

    exit_code = 2
