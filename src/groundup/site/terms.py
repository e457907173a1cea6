"""The glossary: one file, docs/glossary.md, read for the tooltips of the chapters and shown as a page."""

from __future__ import annotations

import re

# One definition may stand below several terms that mean the same.
ENTRY = re.compile(r"^(?P<terms>(?:[^\s:#].*\n)*[^\s:#].*)\n:[ ]+(?P<definition>.+(?:\n[ ]{4}.+)*)", re.MULTILINE)
SENTENCE = re.compile(r".*?[.!?](?=\s|$)", re.DOTALL)
EVERYDAY = " { .everyday }"  # behind a term that chapters also use as everybody does: no tooltip says what is meant
MARKUP = re.compile(r"\[([^\]]+)\]\([^)]*\)|[`*_$]")


def abbreviations(glossary: str) -> dict[str, str]:
    """Each spelling of each term with the first sentence of its definition, but for everyday words."""
    found: dict[str, str] = {}
    for entry in ENTRY.finditer(glossary):
        if entry["terms"].endswith(EVERYDAY):
            continue
        text = " ".join(entry["definition"].split())
        sentence = SENTENCE.match(text)
        short = MARKUP.sub(r"\1", sentence[0] if sentence else text)
        for term in terms_of(entry):
            found |= dict.fromkeys(_spellings(term), short)
    return found


def anchors(glossary: str) -> dict[str, str]:
    """Each spelling of each term with its anchor on the page: `learning rate` is at #learning-rate."""
    return {
        spelling: _slug(terms_of(entry)[0])
        for entry in ENTRY.finditer(glossary)
        for term in terms_of(entry)
        for spelling in _spellings(term)
    }


def with_anchors(glossary: str) -> str:
    """The page with an anchor on each entry, by its first term."""

    def one(entry: re.Match[str]) -> str:
        first, *others = terms_of(entry)
        return "\n".join([f"{first} {{ #{_slug(first)} }}", *others, entry[0].removeprefix(entry["terms"] + "\n")])

    return ENTRY.sub(one, glossary)


def terms_of(entry: re.Match[str]) -> list[str]:
    """The terms above a definition, as they are written."""
    return [line.removesuffix(EVERYDAY) for line in entry["terms"].splitlines()]


def _slug(term: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")


def _spellings(term: str) -> list[str]:
    first = re.split(r"[\s-]", term)[0]
    lower = term if first[1:] != first[1:].lower() else term[0].lower() + term[1:]  # ReLU and MNIST stay as they are
    both = [lower, _plural(lower)]
    return [*both, *(word[0].upper() + word[1:] for word in both)]


def _plural(word: str) -> str:
    for end, plural in (("ix", "ices"), ("s", "ses"), ("y", "ies")):
        if word.endswith(end) and not word.endswith(("ay", "ey", "oy")):
            return word.removesuffix(end) + plural
    return f"{word}s"
