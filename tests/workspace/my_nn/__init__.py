"""A package for chapter 2, as a reader might write it from nothing."""
