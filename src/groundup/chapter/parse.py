"""Chapters as cells: the percent format read strictly, every mistake named with its line and its remedy."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path

from groundup.book import CHAPTER_FILE, Book, BookError, read_text
from groundup.chapter.cells import KEYS, Cell, Chapter, ChapterError, Problems
from groundup.chapter.lint import check_cell, check_compiles
from groundup.chapter.sequence import check_exercise, check_order

HEADER = re.compile(r"# %%(?P<markdown> \[markdown\])?(?P<options>( .*)?)")
OPTION = re.compile(r'\s+([A-Za-z_]\w*)=("(?:[^"\\]|\\.)*"|\d+|\[[^\]]*\])(?=\s|$)')
BARE = re.compile(r"\s+([A-Za-z_]\w*)=('[^']*'|\S*)")


def parse_book(book: Book) -> dict[int, Chapter]:
    """Every chapter of the book by number: parsed here once, and handed on.

    Raises: ChapterError with the mistakes of all chapters.
    """
    chapters, mistakes = {}, []
    for number, path in book.chapters().items():
        try:
            chapters[number] = parse(path)
        except ChapterError as error:
            mistakes.append(str(error))
    if mistakes:
        raise ChapterError("\n".join(mistakes))
    return chapters


def parse(path: Path) -> Chapter:
    """Read and check one chapter.

    Raises: ChapterError with every mistake as `file:line: what is wrong: what to do`.
    """
    name = CHAPTER_FILE.fullmatch(path.name)
    if name is None:
        raise ChapterError(f"chapters/{path.name}: a chapter is named like 05_backward_pass.py")
    number = int(name[1])
    file = f"chapters/{path.name}"
    problems = Problems(file)
    text = _read(path, file)
    cells = _with_exercises(_cells(text, problems, KEYS, f"ch{number:02d}"), problems)
    title = _title(cells, number, problems)
    chapter = Chapter(number, path.stem, title, tuple(cells), text)
    for exercise in chapter.exercises.values():
        check_exercise(exercise, problems)
    check_order(chapter, problems)
    if not problems.lines:
        check_compiles(text, 0, problems)  # the whole script, after its cells: an import from __future__ comes first
    problems.raise_if_any()
    return chapter


def _with_exercises(cells: list[Cell], problems: Problems) -> list[Cell]:
    """The cells, each part of an exercise with the name that its prompt gives."""
    named, exercise = [], None
    for cell in cells:
        if cell.role == "prompt":
            exercise = cell.exercise
        elif cell.role is None:
            exercise = None
        elif cell.exercise is None and exercise is not None:
            cell = replace(cell, keys={**cell.keys, "exercise": exercise})
        elif cell.exercise is None:
            problems.add(cell.line, f'a {cell.role} without its prompt: put it below a cell with tags=["prompt"]')
        else:
            problems.add(cell.line, "the name of an exercise stands on its prompt and is carried: remove it here")
        named.append(cell)
    return named


def parse_mistakes(path: Path) -> list[Cell]:
    """Read a file of classic wrong answers: code cells with the keys `exercise` and `message`.

    Raises: ChapterError as `parse` does.
    """
    file = f"mistakes/{path.name}"
    problems = Problems(file)
    cells = [c for c in _cells(_read(path, file), problems, ("exercise", "message"), "mistake") if c.is_code]
    for cell in cells:
        for key in ("exercise", "message"):
            if key not in cell.keys:
                problems.add(cell.line, f'a wrong answer without its {key}: add {key}="…" to the cell')
    problems.raise_if_any()
    return cells


def _read(path: Path, file: str) -> str:
    try:
        return read_text(path, file)
    except BookError as error:
        raise ChapterError(str(error)) from None


def _cells(text: str, problems: Problems, known: tuple[str, ...], prefix: str) -> list[Cell]:
    lines = text.split("\n")  # not splitlines(), which also splits strings at form feeds and the like
    starts = [number for number, line in enumerate(lines) if line.startswith("# %%")]
    before = next((n for n, line in enumerate(lines[: starts[0] if starts else None]) if line.strip()), None)
    if before is not None:
        problems.add(before + 1, "text before the first cell: begin the file with '# %% [markdown]' (no YAML header)")
    elif not starts:
        problems.add(1, "the file is empty: begin it with '# %% [markdown]' and the chapter's title")
    if not starts:
        return []
    for number, line in enumerate(lines, 1):
        if re.match(r"#\s*%%", line) and not line.startswith("# %%"):
            problems.add(number, f"not a cell header: {line!r}: write '# %%' with one space")
    cells = []
    for position, (start, end) in enumerate(zip(starts, [*starts[1:], len(lines)], strict=True)):
        header = HEADER.fullmatch(lines[start])
        if header is None:
            problems.add(
                start + 1, f"not a cell header: {lines[start]!r}: write '# %%' or '# %% [markdown]', then keys"
            )
            continue
        kind = "markdown" if header["markdown"] else "code"
        keys = _options(header["options"], start + 1, problems, known)
        tags = keys.pop("tags", [])
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            problems.add(start + 1, f'tags={tags!r}: write a list of words, tags=["figure"]')
            tags = []
        body = lines[start + 1 : end]
        source = _markdown(body, start + 2, problems) if kind == "markdown" else "\n".join(body).rstrip()
        cell = Cell(kind, source, start + 1, f"{prefix}-{position:03d}", tuple(tags), keys)
        check_cell(cell, problems, known)
        cells.append(cell)
    return cells


def _markdown(body: list[str], first: int, problems: Problems) -> str:
    for offset, line in enumerate(body):
        if line.strip() and line != "#" and not line.startswith("# "):
            problems.add(
                first + offset, "a markdown cell's lines begin with '# ': add it, or start a code cell with '# %%'"
            )
    return "\n".join(line[2:] if line.startswith("# ") else "" for line in body).strip()


def _options(text: str, line: int, problems: Problems, known: tuple[str, ...]) -> dict:
    options: dict = {}
    while text.strip():
        found = OPTION.match(text)
        if found is None:
            bare = BARE.match(text)
            if bare is None:
                problems.add(line, f'cannot read {text.strip()!r}: write keys as key="value"')
            else:
                key, value = bare.groups()
                value = value.strip("\"'") or "…"
                if key not in known:
                    problems.unknown(line, "key", key, known)
                elif key == "minutes":
                    problems.add(line, f"minutes={value}: write a whole number of minutes, minutes=10")
                elif key == "tags":
                    problems.add(line, f'tags={value}: write a list of words, tags=["figure"]')
                else:
                    problems.add(line, f'the value of {key} is not quoted: write {key}="{value}"')
            break
        key, value = found.groups()
        text = text[found.end() :]
        if re.fullmatch(r"0\d+", value):
            problems.add(line, f"{key}={value}: write the number without its zeros, {key}={value.lstrip('0')}")
            continue
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            problems.add(line, f'cannot read {key}={value}: write a list as ["one", "two"]')
            continue
        if key in options:
            problems.add(line, f"{key} is given twice: keep one")
        elif key in known:
            options[key] = value
        else:
            problems.unknown(line, "key", key, known)
    return options


def _title(cells: list[Cell], number: int, problems: Problems) -> str:
    first = cells[0].source.splitlines()[0] if cells and cells[0].source else ""
    found = re.fullmatch(rf"# {number}\. (.+)", first)
    if found is None or cells[0].is_code:
        problems.add(cells[0].line if cells else 1, f"the first cell begins with the title: '# # {number}. …'")
        return ""
    return found[1]
