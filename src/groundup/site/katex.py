"""Formulas rendered when the site is built: KaTeX in QuickJS, so that readers need no JavaScript."""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Callable
from pathlib import Path

VENDOR = Path(__file__).parent / "vendor"
MACROS = r'{"\\R": "\\mathbb{R}"}'
ARITHMATEX = re.compile(r'<(span|div) class="arithmatex">(.*?)</\1>', re.DOTALL)
ANNOTATION = re.compile(r"</?semantics>|<annotation .*?</annotation>", re.DOTALL)
# A single letter or number is read well as it is, and needs no second version for screen readers.
LETTER = re.compile(
    r'<span class="katex"><span class="katex-mathml">(?:(?!<annotation).)*?'
    r"<mrow><m[in][^>]*>[^<]*</m[in]></mrow>.*?</math></span>"
    r'<span class="katex-html" aria-hidden="true"><span class="katex-base"><span class="katex-strut"[^>]*></span>'
    r"(<span class=\"mord[^>]*>[^<]*</span>)</span></span></span>",
    re.DOTALL,
)


class FormulaError(Exception):
    """TeX that KaTeX cannot read."""


@functools.cache
def render(tex: str, display: bool) -> str:
    """One formula as HTML with MathML beside it for screen readers.

    Raises: FormulaError.
    """
    import quickjs

    try:
        rendered = _engine()(tex, display)
    except quickjs.JSException as error:
        reason = str(error).splitlines()[0].removeprefix("ParseError: ")
        raise FormulaError(f"{reason} in the formula {tex}") from None
    if not display and (letter := LETTER.fullmatch(rendered)):
        return f'<span class="katex">{letter[1]}</span>'
    rendered = ANNOTATION.sub("", rendered)  # its TeX, which a screen reader does not read
    return rendered.replace("<math ", "<math data-search-exclude ", 1)  # the search needs no second copy


def render_all(page: str, report: Callable[[str], None]) -> str:
    """Every formula that arithmatex marked in `page`; those that cannot be read go to `report`."""

    def one(match: re.Match[str]) -> str:
        tex = html.unescape(match[2]).strip()
        display = tex.startswith(r"\[")
        try:
            rendered = render(tex[2:-2].strip(), display)
        except FormulaError as error:
            report(str(error))
            return match[0]
        return f'<div class="math" tabindex="0" data-search-exclude>{rendered}</div>' if display else rendered

    return ARITHMATEX.sub(one, page)


@functools.cache
def _engine() -> Callable[[str, bool], str]:
    import quickjs

    context = quickjs.Context()
    context.eval((VENDOR / "katex.min.js").read_text(encoding="utf-8"))
    return context.eval(
        "(tex, display) => katex.renderToString(tex, "
        f'{{displayMode: display, strict: "error", trust: false, macros: {MACROS}}})'
    )
