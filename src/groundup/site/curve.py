"""The error curve of the home page, drawn from what the chapters recorded."""

from __future__ import annotations

import math
from collections.abc import Iterator

from groundup.book import Book
from groundup.book.plan import PLAN
from groundup.run import load_results

RECORD = "error_rate"
BASELINE = "error rate, pixel similarity"  # of comparing with the average image of each digit: nothing is learnt
SHAPES = {"wide": (720, 300, 14), "narrow": (360, 290, 12)}  # width, height, font size
SCHEMES = {
    "light": {
        "ink": "#2b2f38",
        "quiet": "#6a7180",
        "rule": "#e3e6ec",
        "paper": "#ffffff",
        "curve": "#3151c9",
    },
    "dark": {
        "ink": "#dfe3ec",
        "quiet": "#99a1b3",
        "rule": "#333947",
        "paper": "#171a22",
        "curve": "#9db3ff",
    },
}
LEFT, RIGHT, TOP, BOTTOM = 46, 20, 26, 52


def error_rates(book: Book) -> dict[int, float]:
    """The validation error of each chapter that recorded one, between 0 and 1."""
    rates = {}
    for number in book.chapters():
        records = load_results(book, number)["records"]
        if RECORD in records:
            rates[number] = records[RECORD]
    return rates


def baseline(book: Book) -> float | None:
    """The error of the simplest thing that could work, if a chapter has recorded it."""
    for number in book.chapters():
        records = load_results(book, number)["records"]
        if BASELINE in records:
            return records[BASELINE]
    return None


def percent(rate: float) -> str:
    return f"{rate * 100:.1f} %"


def drawings(book: Book) -> dict[str, str]:
    """The curve as SVG files, by name: each shape in each scheme."""
    rates, start = error_rates(book), baseline(book)
    return {
        f"error-curve-{shape}-{scheme}.svg": "".join(_svg(rates, start, *size, colours))
        for shape, size in SHAPES.items()
        for scheme, colours in SCHEMES.items()
    }


def _svg(
    rates: dict[int, float], start: float | None, width: int, height: int, size: int, colours: dict[str, str]
) -> Iterator[str]:
    top = ceiling(max([*rates.values(), start or 0.0, 0.001]))
    points = ({0: start} if start else {}) | rates

    def x(number: float) -> float:
        return LEFT + (number + 0.3) * (width - LEFT - RIGHT) / (len(PLAN) + 0.8)

    def y(rate: float) -> float:
        return TOP + (1 - rate / top) * (height - TOP - BOTTOM)

    def text(x: float, y: float, words: str, colour: str = "quiet", anchor: str = "middle", extra: str = "") -> str:
        halo = f' stroke="{colours["paper"]}" stroke-width="4" paint-order="stroke" stroke-linejoin="round"'
        return (
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colours[colour]}"{halo}{extra}>{words}</text>'
        )

    yield f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    yield f' font-family="Inter,system-ui,sans-serif" font-size="{size}">'
    for step in range(5):
        rate = top * step / 4
        yield f'<path d="M{LEFT} {y(rate):.1f}H{width - RIGHT}" stroke="{colours["rule"]}"/>'
        yield text(LEFT - 8, y(rate) + size / 3, f"{rate * 100:g}%", anchor="end")
    for plan in PLAN:
        there = plan.number in rates
        yield text(x(plan.number), height - BOTTOM + size + 8, str(plan.number), "ink" if there else "quiet")
    yield text((LEFT + width - RIGHT) / 2, height - 8, "chapter")
    if start:
        line = f"M{x(0):.1f} {y(start):.1f}H{width - RIGHT}"
        yield f'<path d="{line}" stroke="{colours["quiet"]}" stroke-dasharray="2 4"/>'
        words = f"pixel similarity, nothing learnt: {start * 100:.1f}"
        yield text(width - RIGHT, y(start) - 7, words, anchor="end")
    line = " ".join(f"{x(n):.1f},{y(r):.1f}" for n, r in points.items())
    yield f'<polyline points="{line}" fill="none" stroke="{colours["curve"]}" stroke-width="2.5"/>'
    labels: list[tuple[float, float]] = []
    for number, rate in points.items():
        a, b, learnt = x(number), y(rate), number > 0
        fill = colours["curve"] if learnt else colours["paper"]
        yield f'<circle cx="{a:.1f}" cy="{b:.1f}" r="{5 if learnt else 4}" fill="{fill}" stroke="{colours["curve"]}"/>'
        if learnt:
            labels.append(free(labels, a + 4, b - 10, size))
            yield text(*labels[-1], f"{rate * 100:.1f}", "ink", "start", ' font-weight="600"')
    yield "</svg>\n"


def free(taken: list[tuple[float, float]], x: float, y: float, size: int) -> tuple[float, float]:
    """The lowest place from (x, y) upwards where a label of four characters covers none of `taken`."""
    while any(abs(x - a) < 2.4 * size and abs(y - b) < size for a, b in taken):
        y -= 1
    return x, y


def ceiling(rate: float) -> float:
    """The smallest round number above `rate` that four grid lines divide well."""
    unit = 10.0 ** math.floor(math.log10(rate))
    return next(unit * factor for factor in (1.2, 1.6, 2, 2.4, 3.2, 4, 8, 10, 12) if unit * factor >= rate * 1.05)
