"""The text of a module as if typed by hand."""

from __future__ import annotations

import ast
import subprocess
import tempfile
from pathlib import Path

import libcst as cst
import ruff

from groundup.book import BookError
from groundup.checkpoint.members import methods
from groundup.checkpoint.modules import Definition, Module, node_text
from groundup.checkpoint.names import names
from groundup.checkpoint.resolve import Needs

GENERATED = "# Generated from chapters/ by `make export`: edit the chapter, not this file."
CONFIG = (
    "--isolated",  # the same result in whatever folder the book is
    "--no-cache",
    "--quiet",
    "--config=line-length=88",  # as wide as a chapter's code, so that the two read alike
    '--config=target-version="py311"',
)
SORT = ("--config=lint.select=['I']", "--config=lint.isort.known-first-party=['groundup']")


def render(module: Module, needs: Needs) -> str:
    """The text of a module, not yet formatted."""
    imports = sorted(needs.imports)
    imports += [line for sibling, wanted in needs.siblings.items() for line in _imports(sibling, wanted)]
    if needs.hints:
        imports += ["from typing import TYPE_CHECKING", "", "if TYPE_CHECKING:"]
        imports += [
            f"    {line}" for sibling in sorted(needs.hints) for line in _imports(sibling, needs.hints[sibling])
        ]
    head = [GENERATED, *([module.docstring] if module.docstring else []), *(["", *imports] if imports else [])]
    body = "".join(_text(definition, needs) for definition in module.definitions.values())
    return "\n".join([*head, "", body.lstrip("\n")])


def _imports(sibling: str, wanted: dict[str, int] | set[str]) -> list[str]:
    return [f"from .{sibling.removesuffix('.py')} import {name}" for name in sorted(wanted)]


def _text(definition: Definition, needs: Needs) -> str:
    """The definition, with its functions' annotations quoted and imports put into them where that is needed."""
    quoted = needs.quoted.get(definition.name, set())
    changed: dict[cst.CSTNode, cst.FunctionDef] = {}
    if quoted or needs.inner:
        for method in methods(definition.node):
            new = _with_imports(_with_quotes(method, quoted) if quoted else method, method, needs)
            if new is not method:
                changed[method] = new
    return node_text(_replaced(definition.node, changed)) if changed else definition.text


def _replaced(node: cst.CSTNode, changed: dict[cst.CSTNode, cst.FunctionDef]) -> cst.CSTNode:
    if node in changed:
        return changed[node]
    if not isinstance(node, cst.ClassDef):
        return node
    body = node.body.with_changes(body=[_replaced(each, changed) for each in node.body.body])
    return node.with_changes(body=body)


def _with_quotes(method: cst.FunctionDef, quoted: set[str]) -> cst.FunctionDef:
    """Annotations that would evaluate one of the names become strings."""

    def changed(annotation: cst.Annotation | None) -> cst.Annotation | None:
        if annotation is None:
            return None
        tree = ast.parse(node_text(annotation.annotation).strip(), mode="eval")
        if not {each.id for each in ast.walk(tree) if isinstance(each, ast.Name)} & quoted:
            return annotation
        text = ast.unparse(tree)
        return annotation.with_changes(annotation=cst.SimpleString(f'"{text}"' if '"' not in text else repr(text)))

    class Parameters(cst.CSTTransformer):
        def leave_Param(self, original_node: cst.Param, updated_node: cst.Param) -> cst.Param:
            return updated_node.with_changes(annotation=changed(updated_node.annotation))

        def visit_Lambda(self, node: cst.Lambda) -> bool:
            return False

    parameters = cst.ensure_type(method.params.visit(Parameters()), cst.Parameters)
    return method.with_changes(params=parameters, returns=changed(method.returns))


def _with_imports(method: cst.FunctionDef, original: cst.FunctionDef, needs: Needs) -> cst.FunctionDef:
    """What the function needs of modules that need this one is imported as it runs."""
    used = {load.name for load in names(node_text(original)).loads if load.inside and load.when == "later"}
    lines = [line for sibling in sorted(needs.inner) for line in _imports(sibling, needs.inner[sibling] & used)]
    if not lines:
        return method
    body = method.body if isinstance(method.body, cst.IndentedBlock) else cst.IndentedBlock(
        [cst.SimpleStatementLine(method.body.body)]  # type: ignore[arg-type]
    )  # fmt: skip
    at = int(method.get_docstring() is not None)
    new = [cst.ensure_type(cst.parse_statement(line), cst.SimpleStatementLine) for line in lines]
    below = body.body[at].with_changes(leading_lines=[cst.EmptyLine(indent=False), *body.body[at].leading_lines])  # type: ignore[attr-defined]
    return method.with_changes(body=body.with_changes(body=[*body.body[:at], *new, below, *body.body[at + 1 :]]))


def formatted(texts: set[str]) -> dict[str, str]:
    """Each text with sorted imports and formatted, all by the same two runs of ruff."""
    if not texts:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        paths = {text: Path(folder, f"module_{number}.py") for number, text in enumerate(sorted(texts))}
        for text, path in paths.items():
            path.write_text(text, encoding="utf-8")
        for command in (("check", "--fix", *SORT), ("format",)):
            run = subprocess.run(
                [ruff.find_ruff_bin(), *command, *CONFIG, folder], capture_output=True, text=True, check=False
            )
            if run.returncode:
                raise BookError(f"ruff {command[0]} failed on the exported modules: {run.stderr or run.stdout}")
        return {text: path.read_text(encoding="utf-8") for text, path in paths.items()}
