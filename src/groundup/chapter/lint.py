"""What makes a cell wrong by itself, beyond the percent format."""

from __future__ import annotations

import io
import keyword
import re
import tokenize
import warnings
from collections.abc import Callable

from groundup.chapter.cells import DIFFICULTIES, ROLES, TAGS, Cell, Problems

NAME = re.compile(r"[a-z][a-z0-9_-]*")
MEMBER = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)?")
APART = {  # tags of cells that are no lesson of their own
    "claim": "a claim holds the prose to its word, and is neither exported nor part of an exercise",
    "oracle": "an oracle may use what is locked, and is neither exported nor an answer",
}

# A comment that jupytext, opening a chapter as a notebook, would turn into a command.
COMMAND = re.compile(
    r"(?:# |#)+(?:%+[A-Za-z]|\s*[?!]\s*[A-Za-z.~$\\/{}]|\s*[A-Za-z_]\w*\s*=\s*[%!]+[A-Za-z]"
    r"|(?P<shell>cat|cd|cp|mv|rm|rmdir|mkdir|copy|ddir|echo|ls|ldir|ren)(?:$|\s$|\s[^=,]))"
    r"|(?:# )*\S*\?\s*$"
)


def check_cell(cell: Cell, problems: Problems, known: tuple[str, ...]) -> None:
    """Add the mistakes of one cell's tags, keys and Python; `known` are the keys that its file may have."""
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
    for tag in ("claim", "oracle", "timing", "figure"):
        if tag in cell.tags and not cell.is_code:
            add(f'tags=["{tag}"] says something of what a cell runs: put it on a code cell')
    for tag in ("predict", "answer"):
        if tag in cell.tags and cell.is_code:
            add(f'tags=["{tag}"] is prose: put it on a markdown cell')
    if cell.export is not None and not (cell.is_code and _is_module(cell.export)):
        add(f'export="{cell.export}": a code cell names a module such as export="nn.py"')
    if "drop" in cell.keys and not (cell.export and cell.drop and all(map(MEMBER.fullmatch, cell.drop))):
        add(f'drop="{cell.keys["drop"]}": names that leave a module, beside it: export="nn.py" drop="f A.method"')
    for tag, why in APART.items():
        if tag in cell.tags and (cell.export is not None or cell.role):
            add(f"{why}: take away the tag, or the key export, or the part of the exercise")
    _check_figure(cell, add)
    if cell.role == "prompt" and cell.exercise is None:
        add('a prompt names its exercise: exercise="…" tags=["prompt"]')
    if cell.exercise is not None and cell.role is None and "export" in known:
        add(f'an exercise\'s name stands on its prompt: exercise="{cell.exercise}" tags=["prompt"]')
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


def _check_figure(cell: Cell, add: Callable[[str], None]) -> None:
    if ("figure" in cell.tags) != ("alt" in cell.keys):
        add('a figure needs its alt text, and alt text its figure: # %% tags=["figure"] alt="what it shows"')
    if "figure" in cell.tags and not str(cell.keys.get("alt", "x")).strip():
        add("the alt text is empty: say in a sentence what the figure shows")
    for what in ("caption", "beside"):
        if (what in cell.keys or what in cell.tags) and "figure" not in cell.tags:
            add(f'{what} is said of a figure: # %% tags=["figure"] alt="…"')


def _is_module(file: str) -> bool:
    return bool(re.fullmatch(r"[a-z_]\w*\.py", file)) and not keyword.iskeyword(file.removesuffix(".py"))


def _check_python(cell: Cell, problems: Problems) -> None:
    if not check_compiles(cell.source, cell.line, problems):
        return
    if not any(map(COMMAND.match, re.findall(r"^\s*(#.*)", cell.source, re.MULTILINE))):
        return  # not even in a string that looks like a comment
    for token in tokenize.generate_tokens(io.StringIO(cell.source).readline):
        found = COMMAND.match(token.string) if token.line.lstrip().startswith("#") else None
        if found and not (found["shell"] and token.start[1]):  # an indented `copy` is none
            command = token.string.lstrip("# ")
            text = f"in Jupyter this comment would become the command {command!r}: begin it with another word"
            problems.add(cell.line + token.start[0], text)


def check_compiles(source: str, above: int, problems: Problems) -> bool:
    """Whether source compiles without a warning; `above` is the number of lines above it in the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            compile(source, "<chapter>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        message = getattr(error, "msg", None) or str(error) or "nested too deeply"
        problems.add(above + line, f"not plain Python: {message}: mend it (a chapter has no %magics)")
        return False
    return True
