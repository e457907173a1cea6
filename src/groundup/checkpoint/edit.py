"""One chapter's exported cells, applied statement by statement to the modules of the previous checkpoint."""

from __future__ import annotations

import ast
from dataclasses import replace

import libcst as cst

from groundup.chapter import Cell, Chapter, Problems
from groundup.checkpoint.draft import Draft
from groundup.checkpoint.imports import apply_import
from groundup.checkpoint.modules import (
    Checkpoint,
    Definition,
    Module,
    Piece,
    Statement,
    members,
    uses_of_member,
    where,
    with_comments,
)  # fmt: skip
from groundup.checkpoint.names import BUILTINS

ALLOWED = "an exported cell holds functions, classes, constants, imports, `del`, and first a docstring"


def edit(chapter: Chapter, before: Checkpoint, previous: str | None) -> Draft:
    """Apply the exported cells of a chapter; mistakes are collected in `problems`."""
    draft = Draft(chapter, before, previous, dict(before), Problems(chapter.file))
    for cell in chapter.cells:
        if cell.export:
            _Cell(draft, cell, cell.export).apply()
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

    def apply(self) -> None:
        if self.file == "__init__.py":
            return self.mistake(self.cell.line, "the tool makes __init__.py: name another module")
        tree = ast.parse(self.cell.source)
        if not tree.body:
            return self.mistake(
                self.cell.line, "an exported cell without a statement: add one, or remove the key export"
            )
        parsed = cst.parse_module(self.cell.source)
        if any(empty.comment for empty in parsed.footer):
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
            gap = number == 0 or any(empty.comment is None for empty in above[:1])
            self.statement(statement, with_comments(node, above, gap), line, number == 0)  # type: ignore[arg-type]
        return None

    def statement(self, tree: ast.stmt, node: Statement, line: int, first: bool) -> None:
        match tree:
            case ast.Expr(ast.Constant(str())) if first:
                self.module = replace(self.module, docstring=self.piece(tree).text)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                if any(_is_extend(decorator) for decorator in tree.decorator_list):
                    self.extend(tree, node, line)
                else:
                    self.keep_methods(name, node, line)
                    self.define(name, tree, node, line)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
                self.keep_methods(name, node, line)
                self.define(name, tree, node, line)
            case ast.Assign() | ast.AugAssign() | ast.AnnAssign():
                remedy = "write it so, or move it to a cell without export"
                self.mistake(line, f"a constant is one name with one value, such as `LIMIT = 3`: {remedy}")
            case ast.Import() | ast.ImportFrom():
                apply_import(self.draft, self.file, tree, line)
            case ast.Delete(targets=targets):
                for target in targets:
                    self.delete(target, line)
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
            return self.mistake(line, f"{name} is in {home} already: export it to {home}, or `del {name}` there first")
        if name in BUILTINS:
            return self.mistake(
                line, f"{name} is Python's own name: choose another, or every module gets yours instead"
            )
        self.module = self.module.define(Definition(name, node, (self.piece(tree),)))
        self.draft.exported[name] = line
        self.draft.deleted.pop(name, None)
        if where(self.draft.before, name):
            self.draft.restated.setdefault(name, line)
        return None

    def keep_methods(self, name: str, node: Statement, line: int) -> None:
        """A class that is restated keeps its methods: losing one in silence is a mistake."""
        old = self.module.definitions.get(name)
        kept = members(node)
        lost = [member for member, is_method in members(old.node).items() if is_method] if old else []
        lost = [member for member in lost if member not in kept]
        if lost:
            remedy = f"keep them, or `del {', '.join(f'{name}.{member}' for member in lost)}` first"
            self.mistake(line, f"{name} loses {', '.join(lost)} here: {remedy}")

    def extend(self, tree: ast.stmt, node: Statement, line: int) -> None:
        match tree:
            case (
                ast.FunctionDef(
                    name=name,
                    decorator_list=[ast.Call(func=ast.Name("extend"), args=[ast.Name(id=owner)], keywords=[]), *rest],
                )
                | ast.AsyncFunctionDef(
                    name=name,
                    decorator_list=[ast.Call(func=ast.Name("extend"), args=[ast.Name(id=owner)], keywords=[]), *rest],
                )
            ) if not any(map(_is_extend, rest)):
                pass
            case _:
                return self.mistake(
                    line, "@extend(Class) stands above a function and above its other decorators: write it so"
                )
        home = where(self.draft.modules, owner)
        definition = self.module.definitions.get(owner)
        if home is None:
            return self.mistake(line, f"no module has a class {owner}{self.draft.near(owner)}: export it first")
        if definition is None:
            return self.mistake(line, f'{owner} is in {home}, not in {self.file}: write export="{home}"')
        if not isinstance(definition.node, cst.ClassDef):
            return self.mistake(line, f"{owner} is not a class: extend a class")
        users = uses_of_member(definition.node, name)
        if users:
            text = f"{owner}.{users[0]} is made from {name} and would stay as it is in the live chapter"
            return self.mistake(line, f"{text}: restate the class {owner}")
        method = cst.ensure_type(node, cst.FunctionDef)
        method = method.with_changes(decorators=method.decorators[1:])
        self.module = self.module.define(definition.with_method(method, self.piece(tree)))
        self.draft.methods[name] = (owner, line)
        return None

    def delete(self, target: ast.expr, line: int) -> None:
        match target:
            case ast.Name(id=owner):
                member = None
            case ast.Attribute(value=ast.Name(id=owner), attr=member):
                pass
            case _:
                return self.mistake(line, f"`del {ast.unparse(target)}`: write `del name` or `del Class.method`")
        definition = self.module.definitions.get(owner)
        if definition is None:
            home = where(self.draft.modules, owner)
            remedy = f'it is in {home}: write export="{home}"' if home else f"remove this{self.draft.near(owner)}"
            return self.mistake(line, f"`del {ast.unparse(target)}`: {self.file} has no {owner}: {remedy}")
        if member is None:
            self.module = self.module.without(owner)
            self.draft.exported.pop(owner, None)
            self.draft.deleted[owner] = line
            if where(self.draft.before, owner):
                self.draft.restated.setdefault(owner, line)
        elif member not in members(definition.node):
            self.mistake(line, f"`del {owner}.{member}`: {owner} has no {member}: remove this")
        else:
            self.module = self.module.define(definition.without_member(member))
        return None


def _is_extend(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Name) and decorator.func.id == "extend"
