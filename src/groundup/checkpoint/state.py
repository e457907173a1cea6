"""What changes as the chapter runs and could not in the checkpoint: global flags, and definitions from outside."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from groundup.checkpoint.bindings import Bindings, is_extend
from groundup.checkpoint.draft import Draft
from groundup.checkpoint.modules import Definition, where
from groundup.checkpoint.names import names
from groundup.checkpoint.resolve import use


def check_state(draft: Draft, bindings: Bindings) -> None:
    """Add globals that several modules share, and plain cells that change what is exported, to the problems."""
    _check_globals(draft)
    _check_rebound(draft, bindings)
    for cell in draft.chapter.cells:
        if cell.is_code and not cell.export:
            for node, root in _changes(cell.tree):
                line = cell.line + node.lineno
                binding = bindings.at(root, line + 1)
                home = where(draft.modules, root)
                if home and binding and binding.kind in ("export", "previous"):
                    what = ast.unparse(node).partition("\n")[0]
                    text = f"`{what}` changes {root} in the live chapter only"
                    draft.problems.add(line, f'{text}: write it in a cell with export="{home}", or try it on a copy')


def _check_globals(draft: Draft) -> None:
    """A name that a function rebinds is a copy in every module that imports it."""
    for file, module in draft.modules.items():
        for definition in module.definitions.values():
            for name in sorted(names(definition.text).rebound):
                home = where(draft.modules, name)
                if home is None:
                    line = _line(draft, definition, name)
                    draft.problems.add(
                        line, f"`global {name}`: {file} has no {name}: export `{name} = …` to {file} first"
                    )
                elif home != file:
                    line = _line(draft, definition, name)
                    text = f"`global {name}`: {name} is in {home}, and {file} would rebind a copy"
                    draft.problems.add(line, f"{text}: export {definition.name} to {home}")
                else:
                    _check_readers(draft, file, definition, name)


def _check_readers(draft: Draft, home: str, rebinder: Definition, name: str) -> None:
    for file, module in draft.modules.items():
        for definition in module.definitions.values():
            loads = [load for load in names(definition.text).loads if load.name == name and load.when != "quoted"]
            if file == home or not loads or name in definition.imports:
                continue
            line = max(_line(draft, definition, name), _line(draft, rebinder, name), 1)
            text = f"{definition.name} in {file} reads {name}, which {rebinder.name} in {home} rebinds"
            remedy = f"{file} would keep the first value: read it through a function of {home}"
            draft.problems.add(line, f"{text}, and {remedy}, or make it an attribute of an object")


def _line(draft: Draft, definition: Definition, name: str) -> int:
    """The line of this chapter where a definition uses or rebinds a name, 0 if it is older."""
    for piece in definition.pieces:
        if piece.file == draft.chapter.file and name in names(piece.text).rebound:
            return piece.line + names(piece.text).rebound[name] - 1
    piece, line = use(definition, name)
    return line if piece.file == draft.chapter.file else 0


def _check_rebound(draft: Draft, bindings: Bindings) -> None:
    """The live name of what is exported stays what it is."""
    for name, line in draft.exported.items():
        last = bindings.last(name)
        if last and last.line > line and last.kind in ("plain", "import", "previous"):
            text = f"from here on {name} is no longer that of line {line}, in the checkpoint it is"
            draft.problems.add(last.line, f"{text}: give this one another name")


def _changes(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    """The statements outside of functions that change an object from outside, and the name of the object."""
    for node in ast.iter_child_nodes(tree):
        targets: list[ast.expr] = []
        match node:
            case ast.Assign(targets=targets) | ast.Delete(targets=targets):
                pass
            case ast.AugAssign(target=target) | ast.AnnAssign(target=target, value=ast.expr()):
                targets = [target]
            case ast.Expr(ast.Call(func=ast.Name("setattr" | "delattr"), args=[target, *_])):
                targets = [ast.Attribute(target, "")]
            case ast.FunctionDef(decorator_list=decorators) | ast.AsyncFunctionDef(decorator_list=decorators):
                extended = [
                    dec.args[0] for dec in decorators if is_extend(dec) and isinstance(dec, ast.Call) and dec.args
                ]
                targets = [ast.Attribute(owner, "") for owner in extended]
        for target in [part for each in targets for part in getattr(each, "elts", [each])]:
            root = target
            while isinstance(root, ast.Attribute | ast.Subscript):
                root = root.value
            if isinstance(root, ast.Name) and root is not target:
                assert isinstance(node, ast.stmt)
                yield node, root.id
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from _changes(node)
