"""The glossary: one file, docs/glossary.md, read for the tooltips of the chapters and shown as a page."""

from __future__ import annotations

import re

ENTRY = re.compile(r"^(?P<term>\S.*)\n:[ ]+(?P<definition>.+(?:\n[ ]{4}.+)*)", re.MULTILINE)
SENTENCE = re.compile(r".*?[.!?](?=\s|$)", re.DOTALL)
MARKUP = re.compile(r"\[([^\]]+)\]\([^)]*\)|[`*_$]")


def abbreviations(glossary: str) -> dict[str, str]:
    """Each spelling of each term with the first sentence of its definition."""
    found: dict[str, str] = {}
    for entry in ENTRY.finditer(glossary):
        text = " ".join(entry["definition"].split())
        sentence = SENTENCE.match(text)
        short = MARKUP.sub(r"\1", sentence[0] if sentence else text)
        for spelling in _spellings(entry["term"]):
            found[spelling] = short
    return found


def with_anchors(glossary: str) -> str:
    """The page with an anchor on each term: `learning rate` is at #learning-rate."""

    def one(entry: re.Match[str]) -> str:
        slug = re.sub(r"[^a-z0-9]+", "-", entry["term"].lower()).strip("-")
        return f"{entry['term']} {{ #{slug} }}\n{entry[0].partition(chr(10))[2]}"

    return ENTRY.sub(one, glossary)


def _spellings(term: str) -> list[str]:
    lower = term if term[1:] != term[1:].lower() else term[0].lower() + term[1:]  # ReLU and MNIST stay as they are
    both = [lower, _plural(lower)]
    return [*both, *(word[0].upper() + word[1:] for word in both)]


def _plural(word: str) -> str:
    for end, plural in (("ix", "ices"), ("s", "ses"), ("y", "ies")):
        if word.endswith(end) and not word.endswith(("ay", "ey", "oy")):
            return word.removesuffix(end) + plural
    return f"{word}s"
