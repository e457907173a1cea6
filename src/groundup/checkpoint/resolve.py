"""What the modules of a checkpoint need of each other: sibling imports follow from the names in use."""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass, field

import libcst as cst

from groundup.checkpoint.draft import Draft
from groundup.checkpoint.members import methods
from groundup.checkpoint.modules import PROGRAM, Checkpoint, Definition, Piece, find, node_text
from groundup.checkpoint.names import BUILTINS, Load, names

HINT, CALL, IMPORT = range(3)  # when a name of a sibling is needed: never, as a function runs, on import
CONSTRUCTORS = {"__init__", "__new__", "__post_init__"}


@dataclass
class Needs:
    """Where the free names of one module come from, and which come from nowhere."""

    siblings: dict[str, dict[str, int]] = field(
        default_factory=dict
    )  # by file name: the names, and when they are needed
    imports: set[str] = field(default_factory=set)  # of libraries: the statements
    missing: list[tuple[Definition, str]] = field(default_factory=list)
    early: list[tuple[Definition, Definition, str]] = field(default_factory=list)  # on import needs one below, through
    annotations: dict[str, set[str]] = field(default_factory=dict)  # by definition: names of siblings
    quoted: dict[str, set[str]] = field(default_factory=dict)  # by definition: what its annotations may not evaluate
    hints: dict[str, set[str]] = field(default_factory=dict)  # by file name: imported for a type checker only
    inner: dict[str, set[str]] = field(default_factory=dict)  # by file name: imported in the functions that need them


def needs(checkpoint: Checkpoint, file: str) -> Needs:
    """Resolve the names of a module: a definition's imports, then its own, then its siblings', then Python's."""
    found = Needs()
    module = checkpoint[file]
    owner = {name: other for other, sibling in checkpoint.items() for name in sibling.definitions}
    order = {name: number for number, name in enumerate(module.definitions)}
    for definition in module.definitions.values():
        for load in names(definition.text).loads:
            if load.name in definition.imports:
                found.imports.update(definition.imports[load.name].split("\n"))
            elif load.name in order:
                _own(found, checkpoint, order, definition, load)
            elif load.name in owner:
                wanted = found.siblings.setdefault(owner[load.name], {})
                wanted[load.name] = max(wanted.get(load.name, HINT), _when(load))
                if _when(load) == HINT:
                    found.annotations.setdefault(definition.name, set()).add(load.name)
                if load.called:
                    _own(found, checkpoint, order, definition, load)
            elif load.name not in BUILTINS and (definition, load.name) not in found.missing:
                found.missing.append((definition, load.name))
    return found


def _when(load: Load) -> int:
    if load.when in ("annotation", "quoted"):
        return HINT
    return CALL if load.inside else IMPORT


def _own(found: Needs, checkpoint: Checkpoint, order: dict[str, int], definition: Definition, load: Load) -> None:
    """A name of the module itself, which must stand above what needs it on import."""
    needed = {load.name: ""}
    if load.called and definition.name != PROGRAM:
        needed |= dict.fromkeys(reached(checkpoint, load.name), load.name)
    for name, through in needed.items():
        if name not in order or order[name] < order[definition.name] or (through and name == definition.name):
            continue
        if load.when == "annotation":
            found.quoted.setdefault(definition.name, set()).add(name)
        elif load.when == "now":
            below = find(checkpoint, name)
            if below and (definition.name, name) not in [(a.name, b.name) for a, b, _ in found.early]:
                found.early.append((definition, below, through))


def reached(checkpoint: Checkpoint, name: str) -> set[str]:
    """The names that calling `name` may use, as far as its functions are plain."""
    seen: set[str] = set()
    stack = [name]
    while stack:
        definition = find(checkpoint, stack.pop())
        if definition is None:
            continue
        functions = [definition.node] if isinstance(definition.node, cst.FunctionDef) else []
        if isinstance(definition.node, cst.ClassDef):
            functions = [each for each in methods(definition.node) if each.name.value in CONSTRUCTORS]
        for function in functions:
            loads = {load.name for load in names(node_text(function)).loads if load.when == "later"}
            new = {each for each in loads if each not in definition.imports} - seen
            seen |= new
            stack += new
    return seen


def check_needs(draft: Draft, found: dict[str, Needs], reported: set[tuple[str, str]]) -> None:
    """Add names that nothing defines, or too late, to the problems."""
    for file, need in found.items():
        for definition, name in need.missing:
            if (definition.name, name) not in reported:
                _report_missing(draft, file, definition, name)
        for definition, below, through in need.early:
            if (definition.name, below.name) not in reported:
                _report_early(draft, file, definition, below, through)


def _report_missing(draft: Draft, file: str, definition: Definition, name: str) -> None:
    piece, line = use(definition, name)
    add = draft.problems.add
    dropped = draft.dropped.get(name)
    if piece.file != draft.chapter.file:
        # Nothing of an older chapter was missing before: this one took it away.
        return add(dropped or 1, f"{definition.name} in {file} still uses {name}: restate or drop it too")
    if dropped is not None:
        return add(line, f"{definition.name} uses {name}, which line {dropped} drops: keep one of the two")
    for cell in draft.chapter.cells:
        if cell.export and _binds(cell.source, name):
            return None  # exported with a mistake, which is reported there
    known = [*BUILTINS, *(known for module in draft.modules.values() for known in module.definitions)]
    near = difflib.get_close_matches(name, known, n=1)
    return add(line, f"nothing defines {name}: " + (f"did you mean {near[0]}?" if near else "define or import it"))


def _binds(source: str, name: str) -> bool:
    """Whether a statement that is no definition binds `name`."""
    if name not in names(source).bound:
        return False
    assigned = [each for each in ast.parse(source).body if isinstance(each, ast.Assign | ast.AugAssign | ast.For)]
    return any(name in names(ast.unparse(each)).bound for each in assigned)


def _report_early(draft: Draft, file: str, definition: Definition, below: Definition, through: str) -> None:
    piece, line = use(definition, through or below.name)
    if definition is below:
        return draft.problems.add(line, f"{definition.name} is made from its own old value: write the new value out")
    remedy = f'drop="{definition.name}" and export it again below {below.name}'
    if not through and _annotates(definition, below.name):
        remedy = f'write "{below.name}" in quotes, or {remedy}'
    if piece.file != draft.chapter.file:
        line = draft.exported.get(below.name, draft.exported.get(through, 1))
    how = f"{definition.name} calls {through}, which needs {below.name}," if through else ""
    text = f"{how or f'{definition.name} needs {below.name}'} as soon as {file} is imported, and stands above it"
    return draft.problems.add(line, f"{text}: {remedy}")


def _annotates(definition: Definition, name: str) -> bool:
    """Whether `name` is the type of a field."""
    fields = [each.annotation for each in ast.walk(ast.parse(definition.text)) if isinstance(each, ast.AnnAssign)]
    return any(isinstance(each, ast.Name) and each.id == name for field in fields for each in ast.walk(field))


def use(definition: Definition, name: str) -> tuple[Piece, int]:
    """The newest piece of a definition that uses `name`, and the line of its chapter where it does."""
    for piece in reversed(definition.pieces):
        for load in names(piece.text).loads:
            if load.name == name:
                return piece, piece.line + load.line - 1
    return definition.pieces[-1], definition.pieces[-1].line
