"""One chapter's exported cells, applied statement by statement to the modules of the previous checkpoint."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

import libcst as cst

from groundup.chapter import Cell, Chapter, Problems
from groundup.checkpoint.bindings import is_extend
from groundup.checkpoint.draft import Draft
from groundup.checkpoint.extension import extend
from groundup.checkpoint.imports import check_imports, check_words
from groundup.checkpoint.members import members, without_member
from groundup.checkpoint.modules import (
    PROGRAM,
    Checkpoint,
    Definition,
    Module,
    Piece,
    Statement,
    where,
    with_comments,
)  # fmt: skip
from groundup.checkpoint.names import BUILTINS
from groundup.checkpoint.restate import check_registered, check_restated

ALLOWED = "an exported cell holds functions, classes, constants, imports, and first a docstring"


def edit(chapter: Chapter, before: Checkpoint, previous: str | None) -> Draft:
    """Apply the exported cells of a chapter; mistakes are collected in `problems`."""
    draft = Draft(chapter, before, previous, dict(before), Problems(chapter.file))
    if any(cell.export for cell in chapter.cells):
        check_words(draft)
    for cell in chapter.cells:
        if cell.export:
            _Cell(draft, cell, cell.export).export()
    draft.modules = {file: module for file, module in draft.modules.items() if module.definitions}
    return draft


class _Cell:
    """Applies one exported cell."""

    def __init__(self, draft: Draft, cell: Cell, file: str) -> None:
        self.draft = draft
        self.cell = cell
        self.file = file
        self.mistake = draft.problems.add

    @property
    def module(self) -> Module:
        return self.draft.module(self.file)

    @module.setter
    def module(self, module: Module) -> None:
        self.draft.modules[self.file] = module

    def export(self) -> None:
        if self.file == "__init__.py":
            return self.mistake(self.cell.line, "the tool makes __init__.py: name another module")
        for target in self.cell.drop:
            self.drop(target)
        tree = self.cell.tree
        if not tree.body and not self.cell.drop:
            return self.mistake(
                self.cell.line, "an exported cell without a statement: add one, or remove the key export"
            )
        try:
            parsed = cst.parse_module(self.cell.source)
        except (cst.ParserSyntaxError, cst.CSTValidationError) as error:
            text = "the export cannot read this line, though Python can"
            return self.mistake(
                self.cell.line + getattr(error, "raw_line", 1),
                f"{text}: write it plainly, with blanks around words, no stray backslash",
            )
        if any(empty.comment for empty in (*parsed.footer, *(() if tree.body else parsed.header))):
            last = self.cell.line + self.cell.source.count("\n") + 1
            return self.mistake(last, "a comment below the last statement would be lost: move it above its statement")
        # ast splits `a = 1; b = 2` where libcst keeps the line: repeat its node to walk both side by side.
        nodes = [n for n in parsed.body for _ in (n.body if isinstance(n, cst.SimpleStatementLine) else [n])]
        for number, (statement, node) in enumerate(zip(tree.body, nodes, strict=True)):
            line = self.cell.line + statement.lineno
            if isinstance(node, cst.SimpleStatementLine) and len(node.body) > 1:
                if statement.col_offset == 0:
                    self.mistake(line, "two statements on a line: write each on its own line")
                continue
            above = [*(parsed.header if number == 0 else ()), *node.leading_lines]  # type: ignore[attr-defined]
            if "import" in self.cell.source:
                check_imports(self.draft, self.cell, statement)
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self.lose(above, node, "an import", line)
            elif _is_docstring(statement) and number == 0:
                self.lose(above, node, "a docstring", line)
                self.module = replace(self.module, docstring=self.piece(statement).text)
            else:
                gap = number == 0 or any(empty.comment is None for empty in above[:1])
                self.statement(statement, with_comments(node, above, gap), line)  # type: ignore[arg-type]
        return None

    def lose(self, above: Sequence[cst.EmptyLine], node: cst.BaseStatement, what: str, line: int) -> None:
        """Comments at what the export writes in its own way."""
        below = [node.trailing_whitespace.comment] if isinstance(node, cst.SimpleStatementLine) else []
        if any((*(empty.comment for empty in above), *below)):
            where_to = "into a cell without export" if what == "an import" else "below it"
            self.mistake(line, f"the comment at {what} would be lost: move it, or take it {where_to}")

    def statement(self, tree: ast.stmt, node: Statement, line: int) -> None:
        match tree:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                if any(map(is_extend, tree.decorator_list)):
                    extend(self.draft, self.file, tree, node, self.piece(tree), line)
                else:
                    check_restated(self.draft, self.module, name, node, line)
                    check_registered(self.draft, self.module, name, node, line)
                    self.define(name, tree, node, line)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
                check_restated(self.draft, self.module, name, node, line)
                self.define(name, tree, node, line)
            case ast.Assign() | ast.AugAssign() | ast.AnnAssign():
                remedy = "write it so, or move it to a cell without export"
                self.mistake(line, f"a constant is one name with one value, such as `LIMIT = 3`: {remedy}")
            case ast.If(
                test=ast.Compare(left=ast.Name("__name__"), ops=[ast.Eq()], comparators=[ast.Constant("__main__")]),
                body=[ast.Expr(ast.Call())],
                orelse=[],
            ):
                self.module = self.module.define(Definition(PROGRAM, node, (self.piece(tree),)))
            case ast.Delete(targets=targets):
                what = " ".join(map(ast.unparse, targets))
                self.mistake(line, f'`{ast.unparse(tree)}`: write it into the cell\'s header: drop="{what}"')
            case _:
                what = ast.unparse(tree).partition("\n")[0]
                self.mistake(line, f"`{what}`: {ALLOWED}: move this to a cell without export")

    def piece(self, tree: ast.stmt) -> Piece:
        decorators = getattr(tree, "decorator_list", [])
        start = min(node.lineno for node in (tree, *decorators))
        lines = self.cell.source.split("\n")[start - 1 : tree.end_lineno]
        return Piece("\n".join(lines), self.draft.chapter.file, self.cell.line + start)

    def define(self, name: str, tree: ast.stmt, node: Statement, line: int) -> None:
        home = where(self.draft.modules, name)
        if home not in (None, self.file):
            return self.mistake(
                line, f'{name} is in {home} already: export it to {home}, or drop="{name}" in a cell of {home} above'
            )
        if name in BUILTINS:
            return self.mistake(
                line, f"{name} is Python's own name: choose another, or every module gets yours instead"
            )
        self.module = self.module.define(Definition(name, node, (self.piece(tree),)))
        self.draft.exported[name] = line
        self.draft.dropped.pop(name, None)
        if where(self.draft.before, name):
            self.draft.restated.setdefault(name, line)
        return None

    def drop(self, target: str) -> None:
        owner, _, member = target.partition(".")
        line = self.cell.line
        definition = self.module.definitions.get(owner)
        if definition is None:
            home = where(self.draft.modules, owner)
            remedy = f'it is in {home}: write export="{home}"' if home else f"remove this{self.draft.near(owner)}"
            return self.mistake(line, f'drop="{target}": {self.file} has no {owner}: {remedy}')
        if not member:
            self.module = self.module.without(owner)
            self.draft.exported.pop(owner, None)
            self.draft.dropped[owner] = line
            if where(self.draft.before, owner):
                self.draft.restated.setdefault(owner, line)
        elif member not in members(definition.node):
            return self.mistake(line, f'drop="{target}": {owner} has no {member}: remove this')
        else:
            pieces = tuple(piece for piece in definition.pieces if piece.member != member)
            node = without_member(definition.node, member)
            self.module = self.module.define(replace(definition, node=node, pieces=pieces))
        return None


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
