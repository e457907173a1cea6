"""What makes the order of cells wrong: exercises, predictions, figures, asides, and claims where no claim is."""

from __future__ import annotations

import ast
import re

from groundup.chapter.cells import ROLES, Cell, Chapter, Exercise, Problems

HINTS = 2
ASIDE = re.compile(r"#### Aside: \S")


def check_order(chapter: Chapter, problems: Problems) -> None:
    """Add what stands in the wrong place among the cells of a chapter."""
    before: Cell | None = None
    asked = False  # whether the code that answers a prediction comes next
    for cell in chapter.cells:
        shown = cell.is_code and cell.role is None and "claim" not in cell.tags
        if asked and not shown:
            problems.add(cell.line, "a prediction is answered by the code cell below it: put that cell here")
        if "answer" in cell.tags and not (before and before.is_code and _is_predicted(chapter, before)):
            problems.add(cell.line, "an answer stands right below the code cell that a prediction was about")
        if "beside" in cell.tags and not (before and "figure" in before.tags):
            problems.add(cell.line, "a figure stands beside the figure of the cell above it: there is none")
        begins = "aside" in cell.tags and not (before and "aside" in before.tags)
        if begins and (cell.is_code or not ASIDE.match(cell.source)):
            problems.add(cell.line, "an aside begins with its title: '# #### Aside: why squares?'")
        _check_claims(cell, problems)
        asked = "predict" in cell.tags
        before = cell
    if asked and before:
        problems.add(before.line, "a prediction without the code cell that answers it: put one below")


def _is_predicted(chapter: Chapter, cell: Cell) -> bool:
    position = chapter.cells.index(cell)
    return position > 0 and "predict" in chapter.cells[position - 1].tags


def _check_claims(cell: Cell, problems: Problems) -> None:
    """Top-level asserts and records stand in claims and checks, and nowhere else."""
    if not cell.is_code or "claim" in cell.tags or cell.role == "check":
        return
    try:
        tree = cell.tree
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # said elsewhere
        return
    for node in _at_top(tree):
        if isinstance(node, ast.Assert):
            problems.add(cell.line + node.lineno, 'an assert for the prose: move it to a cell with tags=["claim"]')
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = node.value.func
            if isinstance(called, ast.Name) and called.id == "record":
                problems.add(cell.line + node.lineno, 'record() is no lesson: move it to a cell with tags=["claim"]')


def _at_top(tree: ast.AST) -> list[ast.AST]:
    """The statements of a cell, in its loops and branches too, but not in functions and classes."""
    found: list[ast.AST] = []
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            found += [node, *_at_top(node)]
    return found


def check_exercise(exercise: Exercise, problems: Problems) -> None:
    """Add what an exercise lacks, and what stands out of order."""
    line = exercise.cells[0].line
    roles = [cell.role for cell in exercise.cells]
    for role in ROLES:
        if role not in roles:
            problems.add(
                line,
                f'exercise {exercise.name!r} has no {role}: add a cell with tags=["{role}"]',
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
