"""What an exception that ended an attempt says about the answer."""

from __future__ import annotations

from pathlib import Path
from traceback import walk_tb

from groundup.workspace import case
from groundup.workspace.task import Outcome, Task

LONGEST = 2_000  # characters of a message


def failure(error: BaseException, task: Task) -> Outcome:
    """The outcome of an attempt that an exception has ended."""
    frames = list(walk_tb(error.__traceback__))
    checked = bool(frames) and any(
        part.holds(frames[-1][0].f_code.co_filename, frames[-1][1]) for part in (*task.check, *task.book)
    )
    file, line = _place(error, task)
    if isinstance(error, SystemExit):
        return Outcome("ended", "", file, line)
    if isinstance(error, SyntaxError) and error.filename in {part.file for part in task.answer}:
        return Outcome("error", f"{type(error).__name__}: {error.msg}", error.filename or "", error.lineno or 0)
    if isinstance(error, AssertionError) and checked:
        lines = case.asserted(*frames[-1], [*task.check, *task.book])
        return Outcome("failed", said(error) or "the check says no", file, line, tuple(lines))
    text = f"{type(error).__name__}: {said(error)}".rstrip(": ")
    if isinstance(error, NameError) and error.name in task.names:
        return Outcome("error", f"`{error.name}` is gone: keep its name", file, line)
    if isinstance(error, NotImplementedError) and line:
        return Outcome("unfinished", f"{_function(frames, task)} is not written yet", file, line)
    if isinstance(error, EOFError):
        text = "a check cannot ask: leave out input()"
    if _is_answers(frames, task):
        return Outcome("error", text, file, line)
    return Outcome("failed", f"the check could do nothing with it, and stops at {text}", file, line)


def _function(frames: list, task: Task) -> str:
    """The reader's function that was at work last; a method with its class."""
    names = [frame.f_code.co_qualname for frame, _ in frames if _is_readers(frame.f_code.co_filename, task)]
    return f"`{names[-1]}`" if names and names[-1] != "<module>" else "your answer"


def said(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # an exception of the reader's own may have no words
        return ""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"


def _is_answers(frames: list, task: Task) -> bool:
    """Whether the reader's code was at work when it happened, and no later than any of the book's."""
    check = {part.file for part in (*task.check, *task.book)}
    for frame, _ in reversed(frames):
        if frame.f_code.co_filename in check:
            return False
        if _is_readers(frame.f_code.co_filename, task):
            return True
    return False


def _is_readers(file: str, task: Task) -> bool:
    """Whether a file is the answers' or a module of the reader's own, and no checkpoint."""
    if file in {part.file for part in task.answer}:
        return True
    inside = Path(file).parts[len(Path(task.folder).parts) :] if Path(file).is_relative_to(task.folder) else ()
    return bool(inside) and not inside[0].startswith("ch")


def _place(error: BaseException, task: Task) -> tuple[str, int]:
    """File and line of the reader's innermost code in an exception, or in one that it came from."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        for frame, line in reversed(list(walk_tb(at.__traceback__))):
            if _is_readers(frame.f_code.co_filename, task):
                return frame.f_code.co_filename, line
        at = at.__cause__ or at.__context__
    return "", 0
