"""A chapter's page: its head, its parts in order, its foot. The markup is in templates/parts."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markdown.extensions.toc import slugify
from markupsafe import Markup

from groundup.book.plan import PARTS, PLAN
from groundup.site import cells, ends, layout
from groundup.site.cells import ChapterPage
from groundup.site.navigation import ROMAN

PARTS_OF_PAGES = Path(__file__).parent / "templates" / "parts"
EXERCISE = re.compile(
    r'\A\s*<h(?P<level>[1-6]) id="(?P<id>[^"]*)">'
    r"(?P<kicker>Exercise [\d.]+): *(?P<term>(?:<abbr[^>]*>)?)(?P<first>.)(?P<title>.*?)</h(?P=level)>",
    re.DOTALL,
)
BETWEEN_TERMS = re.compile(r"([,;]\s+|\s+and\s+|\s*[()]\s*|\.$)")
LONGEST_NAME = 40


@dataclass(frozen=True)
class Heading:
    """An exercise's heading: its HTML, the exercise's number in words, and what stands below it."""

    html: Markup
    name: str
    below: Markup


@dataclass(frozen=True)
class Next:
    """Where a reader goes from the end of a chapter: `link` is relative to the chapter's page."""

    kicker: str
    title: str
    promise: str
    link: str


def chapter(page: ChapterPage, notebook: Any, next_page: Next, glossary: dict[str, str]) -> str:
    """The body of a chapter's page."""
    head, rest = ends.head(notebook.cells)
    foot, rest = ends.foot(rest)
    plan = next((plan for plan in PLAN if plan.number == page.number), None)
    part = f"Part {ROMAN[plan.part - 1]} · {PARTS[plan.part - 1]}" if plan else ""
    top, body = _template("ends"), _template("blocks")
    return "".join(
        (
            top.head(page, head, part, len(PLAN)),
            body.show(page, layout.blocks(rest)),
            top.foot(page, foot, next_page, glossary),
        )
    )


def exercise(page: ChapterPage, found: layout.Exercise) -> str:
    """One exercise, as it stands on its chapter's page."""
    return _template("blocks").exercise(page, found)


def following(number: int, stems: dict[int, str]) -> Next:
    """The chapter after chapter `number`, by the plan; after the last one, the page that looks back."""
    plan = next((plan for plan in PLAN if plan.number == number + 1), None)
    if plan is None or plan.number not in stems:
        return Next("The end", "Looking back", "what you built, and what you can read now", "../../looking-back/")
    return Next(f"Next: chapter {plan.number}", plan.title, plan.promise, f"../{stems[plan.number]}/")


def _heading(page: ChapterPage, found: layout.Exercise) -> Heading:
    """The kicker and the title of an exercise, from `### Exercise 1.2: title`."""
    rendered = page.text(found.prompt[0])
    heading = EXERCISE.match(rendered)
    if heading is None:
        page.at(found.prompt[0])("an exercise begins with its heading: ### Exercise 1.2: what it is about")
        return Heading(Markup(""), "", rendered)
    level, kicker = heading["level"], heading["kicker"]
    title = heading["term"] + heading["first"].upper() + heading["title"]
    html = (
        f'<h{level} id="{heading["id"]}"><span class="kicker">{kicker}<span class="unseen">: </span></span>'
        f"{title}</h{level}>"
    )
    return Heading(Markup(html), kicker, Markup(rendered[heading.end() :]))


def _guess(page: ChapterPage, found: layout.Predict) -> str:
    """A name for the guess that stays when other cells move: from the question's words."""
    words = re.sub(r"[^a-z0-9]+", "-", found.question[-1].source.lower()).strip("-")
    return f"guess.{page.number}.{words[-LONGEST_NAME:].strip('-')}"


def _saved_to(page: ChapterPage, solution: tuple[layout.Cell, ...]) -> Markup:
    code = Markup("<code>{}/{}</code>")
    return Markup(", ").join(code.format(page.package, name) for name in cells.modules(solution))


def _terms(page: ChapterPage, text: str, glossary: dict[str, str]) -> Markup:
    """The words of a list, each linked to its entry in the glossary if it has one."""
    linked = Markup("")
    for index, word in enumerate(BETWEEN_TERMS.split(text.strip())):
        if index % 2 or not word:
            linked += word
            continue
        slug, phrase = glossary.get(re.sub(r"[*_`]", "", word)), page.phrase(word)
        linked += Markup('<a href="{}glossary/#{}">{}</a>').format(page.root, slug, phrase) if slug else phrase
    return Markup("<p>{}</p>").format(linked)


@functools.cache
def _environment() -> Environment:
    environment = Environment(loader=FileSystemLoader(PARTS_OF_PAGES), autoescape=True)
    environment.filters |= {
        "kind": lambda block: type(block).__name__,
        "python": cells.python,
        "joined": cells.joined,
        "asserts": cells.asserts,
        "claimed": cells.claimed,
        "fails": cells.fails,
        "slug": lambda title: slugify(title, "-"),
    }
    environment.globals |= {"heading": _heading, "guess": _guess, "saved_to": _saved_to, "terms": _terms}
    return environment


def _template(name: str) -> Any:
    return _environment().get_template(f"{name}.html.j2").module
