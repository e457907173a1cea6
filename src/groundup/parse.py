"""Chapters as cells: the percent format read strictly, every mistake named with its line and its remedy."""

from __future__ import annotations

import ast
import difflib
import io
import keyword
import re
import tokenize
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from groundup.book import CHAPTER_FILE, BookError

ROLES = ("prompt", "hint", "solution", "check")
TAGS = (*ROLES, "oracle", "timing", "figure", "slide")
KEYS = ("export", "exercise", "difficulty", "minutes", "alt", "tags")
DIFFICULTIES = ("easy", "medium", "hard")
HINTS = 2

HEADER = re.compile(r"# %%(?P<markdown> \[markdown\])?(?P<options>( .*)?)")
OPTION = re.compile(r'\s+([A-Za-z_]\w*)=("(?:[^"\\]|\\.)*"|\d+|\[[^\]]*\])(?=\s|$)')
BARE = re.compile(r"\s+([A-Za-z_]\w*)=('[^']*'|\S*)")
NAME = re.compile(r"[a-z][a-z0-9_-]*")

# A comment that jupytext, opening a chapter as a notebook, would turn into a command.
COMMAND = re.compile(
    r"(?:# |#)+(?:%+[A-Za-z]|\s*[?!]\s*[A-Za-z.~$\\/{}]|\s*[A-Za-z_]\w*\s*=\s*[%!]+[A-Za-z]"
    r"|(?P<shell>cat|cd|cp|mv|rm|rmdir|mkdir|copy|ddir|echo|ls|ldir|ren)(?:$|\s$|\s[^=,]))"
    r"|(?:# )*\S*\?\s*$"
)


class ChapterError(BookError):
    """One or more mistakes in a chapter, a line each."""


@dataclass(frozen=True)
class Cell:
    """One cell of a chapter. `line` is its header's line in the file; its text begins on the next."""

    kind: str
    source: str
    line: int
    id: str = ""
    tags: tuple[str, ...] = ()
    keys: dict[str, str | int] = field(default_factory=dict)

    @property
    def is_code(self) -> bool:
        return self.kind == "code"

    @property
    def export(self) -> str | None:
        """The module of the checkpoint that this cell edits."""
        return self.keys.get("export")  # type: ignore[return-value]

    @property
    def exercise(self) -> str | None:
        return self.keys.get("exercise")  # type: ignore[return-value]

    @property
    def role(self) -> str | None:
        """The part of its exercise that this cell is: prompt, hint, solution or check."""
        return next((tag for tag in self.tags if tag in ROLES), None)


@dataclass(frozen=True)
class Exercise:
    """One exercise of a chapter and the cells that it consists of."""

    name: str
    cells: tuple[Cell, ...]

    def part(self, role: str) -> list[Cell]:
        return [cell for cell in self.cells if cell.role == role]

    @property
    def title(self) -> str:
        return next(line.lstrip("# ") for line in self.part("prompt")[0].source.splitlines() if line.startswith("#"))


@dataclass(frozen=True)
class Chapter:
    """A chapter script, cut into cells."""

    number: int
    stem: str
    title: str
    cells: tuple[Cell, ...]

    @cached_property
    def exercises(self) -> dict[str, Exercise]:
        """The exercises by name, in order."""
        names = dict.fromkeys(cell.exercise for cell in self.cells if cell.exercise)
        return {name: Exercise(name, tuple(c for c in self.cells if c.exercise == name)) for name in names}

    @property
    def package(self) -> str:
        return f"ch{self.number:02d}"

    @property
    def file(self) -> str:
        return f"chapters/{self.stem}.py"


class Problems:
    """Collects mistakes, so that an author sees all of them at once."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.lines: list[tuple[int, str]] = []

    def add(self, line: int, text: str) -> None:
        self.lines.append((line, f"{self.file}:{line}: {text}"))

    def unknown(self, line: int, what: str, word: str, known: Iterable[str]) -> None:
        known = list(known)
        near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
        remedy = f"did you mean {near[0]!r}?" if near else f"the {what}s are {', '.join(known)}"
        self.add(line, f"unknown {what} {word!r}: {remedy}")

    def raise_if_any(self) -> None:
        if self.lines:
            raise ChapterError("\n".join(text for _, text in sorted(self.lines)))


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
    cells = _cells(text, problems, KEYS, f"ch{number:02d}")
    title = _title(cells, number, problems)
    chapter = Chapter(number, path.stem, title, tuple(cells))
    for exercise in chapter.exercises.values():
        _check_exercise(exercise, problems)
    if not problems.lines:
        _compile(text, 0, problems)  # the whole script, after its cells: an import from __future__ comes first
    problems.raise_if_any()
    return chapter


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
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ChapterError(f"{file}: not UTF-8 text (byte {error.start}): save it as UTF-8") from None
    except OSError as error:
        raise ChapterError(f"{file}: cannot be read: {error.strerror}") from None


def _cells(text: str, problems: Problems, known: tuple[str, ...], prefix: str) -> list[Cell]:
    lines = text.split("\n")  # not splitlines(), which also splits strings at form feeds and the like
    starts = [number for number, line in enumerate(lines) if line.startswith("# %%")]
    before = next((n for n, line in enumerate(lines[: starts[0] if starts else None]) if line.strip()), None)
    if before is not None or not starts:
        problems.add(
            (before or 0) + 1, "text before the first cell: begin the file with '# %% [markdown]' (no YAML header)"
        )
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
        _check_cell(cell, problems, known)
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


def _check_cell(cell: Cell, problems: Problems, known: tuple[str, ...]) -> None:
    add = lambda text: problems.add(cell.line, text)  # noqa: E731 (shorter than a def, and used throughout)
    for tag in cell.tags:
        if tag not in TAGS:
            problems.unknown(cell.line, "tag", tag, TAGS)
    for key, value in cell.keys.items():
        if key == "minutes" and not (isinstance(value, int) and value > 0):
            return add(f"minutes={value!r}: write a whole number of minutes, minutes=10")
        if key != "minutes" and not isinstance(value, str):
            return add(f'{key}={value!r}: write {key}="…"')
    if cell.exercise is not None and not NAME.fullmatch(cell.exercise):
        add(f'exercise="{cell.exercise}": name it in lower-case letters and digits, such as exercise="mse"')
    for tag in ("oracle", "timing", "figure"):
        if tag in cell.tags and not cell.is_code:
            add(f'tags=["{tag}"] says something of what a cell runs: put it on a code cell')
    if cell.export is not None and not (cell.is_code and _is_module(cell.export)):
        add(f'export="{cell.export}": a code cell names a module such as export="nn.py"')
    if ("figure" in cell.tags) != ("alt" in cell.keys):
        add('a figure needs its alt text, and alt text its figure: # %% tags=["figure"] alt="what it shows"')
    if "figure" in cell.tags and not str(cell.keys.get("alt", "x")).strip():
        add("the alt text is empty: say in a sentence what the figure shows")
    if "export" in known and bool(cell.exercise) != bool(cell.role):
        add(f'an exercise\'s cell says its name and its part: exercise="…" tags=["{cell.role or "prompt"}"]')
    if cell.role and sum(tag in ROLES for tag in cell.tags) > 1:
        add(f"one cell is one part of an exercise: keep one of {', '.join(t for t in cell.tags if t in ROLES)}")
    if cell.role == "prompt" and "difficulty" in known:
        if cell.keys.get("difficulty") not in DIFFICULTIES:
            words = ", ".join(f'difficulty="{word}"' for word in DIFFICULTIES)
            add(f"a prompt says how hard it is: {words}")
        if "minutes" not in cell.keys:
            add("a prompt says how long it takes: minutes=10")
    elif {"difficulty", "minutes"} & set(cell.keys):
        add('difficulty and minutes belong to an exercise\'s cell with tags=["prompt"]')
    if (cell.role in ("prompt", "hint") and cell.is_code) or (cell.role == "check" and not cell.is_code):
        add(f"a {cell.role} is a {'markdown' if cell.is_code else 'code'} cell")
    if cell.is_code:
        _check_python(cell, problems)


def _is_module(file: str) -> bool:
    return bool(re.fullmatch(r"[a-z_]\w*\.py", file)) and not keyword.iskeyword(file.removesuffix(".py"))


def _check_python(cell: Cell, problems: Problems) -> None:
    if not _compile(cell.source, cell.line, problems):
        return
    for token in tokenize.generate_tokens(io.StringIO(cell.source).readline):
        found = COMMAND.match(token.string) if token.line.lstrip().startswith("#") else None
        if found and not (found["shell"] and token.start[1]):  # an indented `copy` is none
            command = token.string.lstrip("# ")
            text = f"in Jupyter this comment would become the command {command!r}: begin it with another word"
            problems.add(cell.line + token.start[0], text)


def _compile(source: str, above: int, problems: Problems) -> bool:
    """Whether source compiles without a warning; `above` is the number of lines above it in the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compile(source, "<chapter>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        message = getattr(error, "msg", None) or str(error)
        problems.add(above + line, f"not plain Python: {message}: mend it (a chapter has no %magics)")
        return False
    return True


def _check_exercise(exercise: Exercise, problems: Problems) -> None:
    line = exercise.cells[0].line
    roles = [cell.role for cell in exercise.cells]
    for role in ROLES:
        if role not in roles:
            problems.add(
                line,
                f'exercise {exercise.name!r} has no {role}: add a cell with exercise="{exercise.name}" tags=["{role}"]',
            )
    if 0 < roles.count("hint") < HINTS:
        problems.add(
            line, f"exercise {exercise.name!r} has {roles.count('hint')} hint: give {HINTS}, the second one stronger"
        )
    solution = exercise.part("solution")
    if solution and {cell.kind for cell in solution} != {"code", "markdown"}:
        problems.add(line, f"exercise {exercise.name!r}: a solution is code and the prose of what you did")
    order = [ROLES.index(role) for role in roles if role]
    if order != sorted(order):
        problems.add(line, f"exercise {exercise.name!r}: its cells come in the order {', '.join(ROLES)}")
    if "prompt" in roles and not re.search(r"^#+ \S", exercise.part("prompt")[0].source, re.M):
        problems.add(line, f"exercise {exercise.name!r}: begin its prompt with a heading")


def _title(cells: list[Cell], number: int, problems: Problems) -> str:
    first = cells[0].source.splitlines()[0] if cells and cells[0].source else ""
    found = re.fullmatch(rf"# {number}\. (.+)", first)
    if found is None or cells[0].is_code:
        problems.add(cells[0].line if cells else 1, f"the first cell begins with the title: '# # {number}. …'")
        return ""
    return found[1]
