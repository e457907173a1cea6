"""The rule of the course: which names of torch a chapter, or a reader's package, may use."""

from groundup.rules.reading import check_chapters, check_package

__all__ = ["check_chapters", "check_package"]
