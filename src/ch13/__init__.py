# Generated from chapters/ by `make export`: edit the chapter, not this file.
"""The code of the book, as it stands after one of its chapters."""
