"""Where things are, what is planned, which errors are reported and how files are written."""

from groundup.book.errors import BookError, UsageError
from groundup.book.files import digest, read_text, replacing, write_if_changed
from groundup.book.places import CHAPTER_FILE, Book

__all__ = ["CHAPTER_FILE", "Book", "BookError", "UsageError", "digest", "read_text", "replacing", "write_if_changed"]
