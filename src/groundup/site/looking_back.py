"""The page at the end of the book: what was built, what it unlocked, and what can be read now."""

from __future__ import annotations

import ast
import html
from collections.abc import Iterator

from groundup.book import Book
from groundup.book.plan import PARTS, PLAN
from groundup.checkpoint import Change, changes
from groundup.site import ends, ledger
from groundup.site.navigation import ROMAN

READ = "To read on"  # how a chapter's recap labels its literature
TITLES = {plan.number: plan.title for plan in PLAN}


def lines_written(book: Book) -> str:
    """By part: how many lines were written, and how many of them stand in the last checkpoint."""
    added = dict.fromkeys(TITLES, 0)
    for number, found in _steps(book):
        added[number] = sum(change.added for change in found)
    left = [origin for origins in _origins(book).values() for origin in origins]
    rows = ["| part | lines written | still there at the end |", "|:--|--:|--:|"]
    for part, title in enumerate(PARTS, 1):
        numbers = [plan.number for plan in PLAN if plan.part == part]
        stand = sum(left.count(number) for number in numbers)
        rows.append(f"| {ROMAN[part - 1]} · {title} | {sum(added[n] for n in numbers):,} | {stand:,} |")
    return "\n".join([*rows, f"| **together** | **{sum(added.values()):,}** | **{len(left):,}** |"])


def package_map(book: Book) -> str:
    """The modules of the last checkpoint in rows, each of which imports only from rows above."""
    origins, last = _origins(book), max(book.chapters(), default=0)
    sources = {name: (book.checkpoint(last) / name).read_text(encoding="utf-8") for name in origins}
    trees = {name: ast.parse(source) for name, source in sources.items()}
    uses = {name: sorted(_imported(tree) & origins.keys()) for name, tree in trees.items()}
    rows: list[list[str]] = []
    placed: set[str] = set()
    while len(placed) < len(origins):  # imports run in no circle: export makes sure of that
        rows.append([name for name in sorted(origins) if name not in placed and placed.issuperset(uses[name])])
        placed.update(rows[-1])
    body = "".join(
        "<ol>" + "".join(_module(name, trees[name], origins[name], uses[name]) for name in row) + "</ol>"
        for row in rows
    )
    return f'<div class="package">{body}</div>'


def unlocked_names(book: Book) -> str:
    """The names that each chapter unlocked."""
    names: dict[int, list[str]] = {}
    for number, certificate in ledger.certificates(book):
        names.setdefault(number, []).append(certificate["name"])
    rows = [f"| {{chapter {number}}} | {', '.join(map(_certificate, found))} |" for number, found in names.items()]
    return "\n".join(["| chapter | unlocked |", "|:--|:--|", *rows])


def to_read(book: Book) -> str:
    """What each chapter names to read on."""
    import nbformat

    entries = []
    for number in book.chapters():
        cells = nbformat.reads(book.executed(number).read_text(encoding="utf-8"), as_version=4).cells
        words = " ".join(ends.foot(cells)[0].facts.get(READ, "").split())
        if words:
            entries.append(f"{{Chapter {number}}}: {TITLES[number]}\n:   {words}\n")
    return "\n".join(entries)


def _certificate(name: str) -> str:
    return f"[`{name.rpartition('.')[2]}`](ledger.md#{name})"


def _steps(book: Book) -> Iterator[tuple[int, list[Change]]]:
    """Each chapter with what it changed."""
    for number in book.chapters():
        yield number, changes(book, number - 1, number)


def _origins(book: Book) -> dict[str, list[int]]:
    """Of each line of the last checkpoint, by module: the chapter that brought it."""
    found: dict[str, list[int]] = {}
    for number, step in _steps(book):
        for change in step:
            before = found.pop(change.name, [])
            if change.after:
                found[change.name] = [
                    origin
                    for what, i1, i2, j1, j2 in change.matcher.get_opcodes()
                    for origin in (before[i1:i2] if what == "equal" else [number] * (j2 - j1))
                ]
    return found


def _imported(tree: ast.Module) -> set[str]:
    """The modules of the same package that a module imports from."""
    froms = (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom))
    return {f"{node.module}.py" for node in froms if node.level}


def _module(name: str, tree: ast.Module, origins: list[int], uses: list[str]) -> str:
    chapters = sorted(set(origins))
    words = "chapter" if len(chapters) == 1 else "chapters"
    used = f"<p>uses {', '.join(f'<code>{other}</code>' for other in uses)}</p>" if uses else ""
    return (
        f'<li><a href="../diffs/{chapters[-1]:02d}/#{name}"><code>{name}</code></a>'
        f"<p>{html.escape(ast.get_docstring(tree) or '')}</p>{used}"
        f"<p>{len(origins):,} lines, {words} {', '.join(map(str, chapters))}</p></li>"
    )
