"""What a chapter exports, by name: its module and its line."""

from __future__ import annotations

import ast

from groundup.chapter import Chapter
from groundup.checkpoint.bindings import is_extend


def exported(chapter: Chapter) -> dict[str, tuple[str, int]]:
    """The definitions of a chapter's exported cells, and as `Class.method` what they put into a class."""
    found: dict[str, tuple[str, int]] = {}
    for cell in chapter.cells:
        if not cell.export:
            continue
        for dropped in cell.drop:
            found = {name: at for name, at in found.items() if name != dropped and not name.startswith(f"{dropped}.")}
        for statement in cell.tree.body:
            at = (cell.export, cell.line + statement.lineno)
            match statement:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    owners = [dec.args[0] for dec in statement.decorator_list if is_extend(dec)]  # type: ignore[attr-defined]
                    found[f"{ast.unparse(owners[0])}.{name}" if owners else name] = at
                case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                    found[name] = at
    return found


def dropped(chapter: Chapter) -> list[str]:
    """What leaves the checkpoint with this chapter."""
    return [name for cell in chapter.cells for name in cell.drop]
