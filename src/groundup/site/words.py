"""Lines of Python in colour, with the words marked that a change put in or took out."""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

from pygments import lex
from pygments.lexers import PythonLexer
from pygments.token import Token

# What has a colour, and its class; all else is ink, which halves the size of a page's code.
COLOURED = (
    (Token.Comment, "c"),
    (Token.Literal.String.Doc, "sd"),
    (Token.Literal.String.Interpol, ""),
    (Token.Literal.String, "s"),
    (Token.Literal.Number, "m"),
    (Token.Keyword, "k"),
    (Token.Operator.Word, "k"),
    (Token.Name.Builtin, "nb"),
    (Token.Name.Function, "nf"),
    (Token.Name.Class, "nc"),
    (Token.Name.Decorator, "nd"),
    (Token.Name.Exception, "ne"),
)
ALIKE = 0.5  # lines that share less than this are two lines, and not one line changed
MOST = 0.7  # of a line: if more of it changed, a mark says nothing
WORD = re.compile(r"\w+|\s+|.")

Range = tuple[int, int]  # the letters of a line from here to before there
Piece = tuple[str, str]  # a class and a text


def coloured(source: str, marks: dict[int, list[Range]] | None = None) -> list[str]:
    """Each line of Python as HTML, with `marks` by the line's index."""
    if not source:
        return []
    pieces: list[list[Piece]] = [[]]
    for kind, text in lex(source, PythonLexer(stripnl=False)):
        for number, part in enumerate(text.split("\n")):
            if number:
                pieces.append([])
            if part:
                _append(pieces[-1], _class(kind), part)
    lines = source.rstrip("\n").count("\n") + 1
    return ["".join(_line(found, (marks or {}).get(index, []))) for index, found in enumerate(pieces[:lines])]


@cache
def _class(kind: Any) -> str:
    return next((name for ancestor, name in COLOURED if kind in ancestor), "")


def _append(pieces: list[Piece], kind: str, text: str) -> None:
    """One more piece; white space and more of the same colour belong to the piece before."""
    if pieces and (pieces[-1][0] == kind or not text.strip()):
        pieces[-1] = (pieces[-1][0], pieces[-1][1] + text)
    else:
        pieces.append((kind, text))


def changed(before: Sequence[str], after: Sequence[str]) -> tuple[dict[int, list[Range]], dict[int, list[Range]]]:
    """What to mark in the lines of a block and in those that took its place, each by index."""
    old: dict[int, list[Range]] = {}
    new: dict[int, list[Range]] = {}
    start = 0
    for index, line in enumerate(before):
        alike = [(difflib.SequenceMatcher(None, line, other).ratio(), j) for j, other in enumerate(after) if j >= start]
        ratio, best = max(alike, key=lambda found: (found[0], -found[1]), default=(0.0, 0))
        if ratio >= ALIKE and line.strip():
            old[index], new[best] = _ranges(line, after[best])
            start = best + 1
    return old, new


def _ranges(line: str, other: str) -> tuple[list[Range], list[Range]]:
    a, b = WORD.findall(line), WORD.findall(other)
    found: tuple[list[Range], list[Range]] = ([], [])
    for what, i1, i2, j1, j2 in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if what != "equal":
            for ranges, words, start, end in ((found[0], a, i1, i2), (found[1], b, j1, j2)):
                _add(ranges, len("".join(words[:start])), len("".join(words[:end])))
    return _few(found[0], line), _few(found[1], other)


def _add(ranges: list[Range], start: int, end: int) -> None:
    """One more range; one that nearly touches the last is part of it."""
    if start == end:
        return
    if ranges and start - ranges[-1][1] <= 1:
        ranges[-1] = (ranges[-1][0], end)
    else:
        ranges.append((start, end))


def _few(ranges: list[Range], line: str) -> list[Range]:
    return ranges if sum(end - start for start, end in ranges) <= MOST * len(line.strip()) else []


def _line(pieces: list[Piece], ranges: list[Range]) -> Iterator[str]:
    at, inside = 0, False
    edges = {edge for pair in ranges for edge in pair}
    for kind, text in pieces:
        cuts = sorted({at, at + len(text), *(edge for edge in edges if at < edge < at + len(text))})
        for start, end in pairwise(cuts):
            marked = any(low <= start < high for low, high in ranges)
            if marked != inside:
                yield "<mark>" if marked else "</mark>"
                inside = marked
            part = html.escape(text[start - at : end - at], quote=False)
            yield f'<span class="{kind}">{part}</span>' if kind and part.strip() else part
        at += len(text)
    if inside:
        yield "</mark>"
