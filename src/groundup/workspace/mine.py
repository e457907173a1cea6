"""The reader's own package in the place of a checkpoint, completed by what only the checkpoint has."""

from __future__ import annotations

import ast
import shlex
import shutil
from pathlib import Path

from groundup.book import Book
from groundup.chapter.needs import names
from groundup.checkpoint import GENERATED, imported

LENT = "# What the book's checkpoint has and this module had not."


def copy(checkpoint: Path, target: Path) -> None:
    """A checkpoint as code to work on: without the line that says what it was made from."""
    target.mkdir()
    for path in checkpoint.glob("*.py"):
        (target / path.name).write_text(_source(path), encoding="utf-8")


def build(book: Book, package: Path, number: int, target: Path) -> list[str]:
    """The reader's package, with what checkpoint `number` has beyond it; return the lines that tell what that is.

    A module of the reader's that fails, on its own or beside the checkpoint's, gives way to the checkpoint's.
    """
    shown = book.relative(package)
    if number > 1 and _is_copy(package, book.checkpoint(number - 1)):
        copy(book.checkpoint(number), target)
        return [f"{shown} is still the code of chapter {number - 1}: all of chapter {number} comes from the book"]
    checkpoint = {path.stem: _source(path) for path in sorted(book.checkpoint(number).glob("*.py"))}
    before = {path.stem: _source(path) for path in book.checkpoint(number - 1).glob("*.py")} if number > 1 else {}
    shutil.copytree(package, target, ignore=_foreign)
    lent: list[str] = []
    own: set[str] = set()  # the reader's modules of the checkpoint's names
    for module, source in checkpoint.items():
        path = target / f"{module}.py"
        if path.is_file() and path.read_bytes() == before.get(module, source).encode() != source.encode():
            path.write_text(source, encoding="utf-8")
            lent.append(f"all of {module} (yours is still chapter {number - 1}'s)")
            continue
        try:
            lent += [f"{module}.{name}" for name in complete(path, source)]
            own.add(module)
        except (FileNotFoundError, SyntaxError, ValueError) as error:
            path.write_text(source, encoding="utf-8")
            if module != "__init__":
                lent.append(f"all of {module}{_reason(error)}")
    failing = _mend(book, number, target, checkpoint, own, shown)
    shutil.rmtree(target / "__pycache__", ignore_errors=True)
    said = [f"{target.name} and mine are made from {shown}, which stays as it is"]
    if lent:
        said.append(f"still from the checkpoint: {', '.join(lent)}")
    if failing:
        said += [*failing, f"  (more about it: groundup check {number} --package {shlex.quote(shown)})"]
    return said


def _is_copy(package: Path, checkpoint: Path) -> bool:
    """Whether a package is what `copy` makes of a checkpoint, and nothing else."""
    texts = {path.relative_to(package).as_posix(): path.read_bytes() for path in package.rglob("*.py")}
    return texts == {path.name: _source(path).encode() for path in checkpoint.glob("*.py")}


def _mend(book: Book, number: int, target: Path, checkpoint: dict[str, str], own: set[str], shown: str) -> list[str]:
    """Put modules of the checkpoint in the place of those that fail; return what failed.

    `checkpoint` has the texts of all its modules, `own` are those that are the reader's. Of those that fail, one that
    another one imports comes first: the other may fail for its sake. An exchange may break what was sound, so all is
    tried again after each.
    """
    from groundup.workspace.importing import unimportable
    from groundup.workspace.suite import Failure, failures

    left, said, trying = set(own), list[str](), shown
    while True:
        broken = unimportable(target)
        found = [Failure(module, f"{module}: {why}", why) for module, why in broken.items() if module in checkpoint]
        reason = "yours cannot be imported beside the others"
        if not found:
            print(f"trying {trying} on the suite of chapter {number}: up to a minute", flush=True)
            found, reason = failures(book, target, number), "the suite fails with yours"
        failing = {failure.module for failure in found}
        blamed = failing & left
        first = {module for module in blamed if not _reached(target, module) & blamed - {module}}
        replaced = first or blamed or (left if failing & {"", *checkpoint} else set())
        if not replaced:
            others = [f"  {module}: {why}" for module, why in broken.items() if module not in checkpoint]
            others += [f"  {each.behaviour}" for each in found]
            return [*said, *(["yours all the same, though it fails:"] if others else []), *others]
        said.append(f"{', '.join(sorted(replaced))}: now the checkpoint's, for {reason}:")
        said += [f"  {each.behaviour}" for each in found if each.module in replaced or not blamed]
        for module in replaced:
            (target / f"{module}.py").write_text(checkpoint[module], encoding="utf-8")
        left = left - replaced
        trying = f"it once more, with the checkpoint's {', '.join(sorted(own - left))},"


def _reached(package: Path, module: str) -> set[str]:
    """The modules of a package that one imports, and those that these import."""
    reached, waiting = set[str](), [module]
    while waiting:
        path = package / f"{waiting.pop()}.py"
        tree = ast.parse(path.read_text(encoding="utf-8-sig")) if path.is_file() else ast.Module([], [])
        siblings = {each.module.rpartition(".")[2] for each in imported(tree) if each.module}
        waiting += siblings - reached
        reached |= siblings
    return reached


def complete(path: Path, checkpoint: str) -> list[str]:
    """Append to a module what only the checkpoint's text has: functions, classes and constants; return their names.

    Raises: FileNotFoundError, or SyntaxError or UnicodeDecodeError where the module cannot be read.
    """
    text = path.read_text(encoding="utf-8-sig")
    bound = names(text).bound
    lines = checkpoint.splitlines()
    missing: list[str] = []
    pieces: list[str] = []
    imports: list[ast.stmt] = []
    for node in ast.parse(checkpoint).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(node)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign):
            piece = "\n".join(lines[_first(node, lines) - 1 : node.end_lineno])
            new = names(piece).bound - bound
            if new:
                missing += sorted(new)
                pieces.append(piece)
    if pieces:
        does = names("\n\n".join(pieces))
        needed = (does.now | does.late) - bound
        found = imported(ast.Module(imports, []))
        needs = [each.statement for each in found if each.name in needed]
        block = "\n".join([LENT, *needs])
        path.write_text("\n\n\n".join([text.rstrip("\n"), block, *pieces]) + "\n", encoding="utf-8")
    return missing


def _first(node: ast.stmt, lines: list[str]) -> int:
    """The line on which a statement begins, with its decorators and the comment above it."""
    first = min(each.lineno for each in (node, *getattr(node, "decorator_list", ())))
    while first > 1 and lines[first - 2].startswith("#"):
        first -= 1
    return first


def _reason(error: Exception) -> str:
    """Why a module of the reader's cannot be used; nothing where there is none."""
    match error:
        case FileNotFoundError():
            return ""
        case SyntaxError():
            return f" (yours has in line {error.lineno}: {error.msg})"
        case _:
            return " (yours is not UTF-8 text)" if isinstance(error, UnicodeDecodeError) else " (yours cannot be read)"


def _foreign(folder: str, names: list[str]) -> list[str]:
    """What in a folder is no part of a package; who names a wrong folder does not get all that is below it."""
    paths = [Path(folder, name) for name in names]
    return [
        path.name
        for path in paths
        if path.name.startswith((".", "__pycache__")) or (path.is_dir() and not (path / "__init__.py").is_file())
    ]


def _source(path: Path) -> str:
    return path.read_text(encoding="utf-8").removeprefix(f"{GENERATED}\n")
