"""Chapters as cells: the vocabulary, the parser and the lint."""

from groundup.chapter.cells import Cell, Chapter, ChapterError, Exercise, Problems
from groundup.chapter.needs import needed
from groundup.chapter.parse import parse, parse_book, parse_mistakes

__all__ = ["Cell", "Chapter", "ChapterError", "Exercise", "Problems", "needed", "parse", "parse_book", "parse_mistakes"]
