"""`@extend(Class)`: a function becomes a method in the class's body, unless it would mean something else there."""

from __future__ import annotations

import ast
from dataclasses import replace

import libcst as cst

from groundup.checkpoint.bindings import is_extend
from groundup.checkpoint.draft import Draft
from groundup.checkpoint.members import fields, members, property_part, put_member, uses_of_member
from groundup.checkpoint.modules import Piece, Statement, where
from groundup.checkpoint.names import names

# What Python does with these as it makes a class, it does not do for a class that is there already.
AS_CLASS_IS_MADE = ("__new__", "__post_init__", "__init_subclass__", "__class_getitem__", "__set_name__", "__slots__")


def extend(draft: Draft, file: str, tree: ast.stmt, node: Statement, piece: Piece, line: int) -> None:
    """Put the function of an exported cell into its class."""
    match tree:
        case (
            ast.FunctionDef(name=name, decorator_list=[ast.Call(args=[ast.Name(id=owner)], keywords=[]), *rest])
            | ast.AsyncFunctionDef(name=name, decorator_list=[ast.Call(args=[ast.Name(id=owner)], keywords=[]), *rest])
        ) if is_extend(tree.decorator_list[0]) and not any(map(is_extend, rest)):
            pass
        case _:
            text = "@extend(Class) stands above a function and above its other decorators: write it so"
            return draft.problems.add(line, text)
    module = draft.module(file)
    home = where(draft.modules, owner)
    definition = module.definitions.get(owner)
    if home is None:
        return draft.problems.add(line, f"no module has a class {owner}{draft.near(owner)}: export it first")
    if definition is None:
        return draft.problems.add(line, f'{owner} is in {home}, not in {file}: write export="{home}"')
    if not isinstance(definition.node, cst.ClassDef):
        return draft.problems.add(line, f"{owner} is not a class: extend a class")
    text = _means_another(owner, definition.node, tree, node)
    if text:
        return draft.problems.add(line, f"{text}: restate the class {owner} with this method in it")
    method = cst.ensure_type(node, cst.FunctionDef)
    method = method.with_changes(decorators=method.decorators[1:])
    part = property_part(method)
    kept = tuple(old for old in definition.pieces if part or old.member != name)
    changed = replace(definition, node=put_member(definition.node, method), pieces=(*kept, replace(piece, member=name)))
    draft.modules[file] = module.define(changed)
    draft.extended.append((owner, name, line))
    return None


def _means_another(
    owner: str, node: cst.ClassDef, tree: ast.FunctionDef | ast.AsyncFunctionDef, cell: Statement
) -> str:
    """Why the function would not do in the body of the class what it does in the live chapter, or nothing."""
    name = tree.name
    users = uses_of_member(node, name)
    if users:
        return f"{owner}.{users[0]} is made from {name} and would stay as it is in the live chapter"
    if name in AS_CLASS_IS_MADE:
        return f"Python looks for {name} as it makes a class, and the live {owner} is made already"
    if name == "__eq__" and not {"__eq__", "__hash__"} & {*members(node)} and not node.decorators:
        return f"a class made with __eq__ cannot be hashed, and the live {owner} can"
    if name in fields(node):
        return f"{name} is a field of {owner}, which a method cannot be as well"
    if property_part(cst.ensure_type(cell, cst.FunctionDef)) and name not in members(node):
        return f"{owner} has no property {name} in its body"
    own = {*members(node)}
    text = ast.unparse(tree)
    early = [
        load.name for load in names(text).loads if load.when in ("now", "annotation") and load.name in own - {name}
    ]
    if early:
        return f"in the body of {owner}, {early[0]} would be {owner}.{early[0]}"
    inside = [each for each in ast.walk(tree) if isinstance(each, ast.Name | ast.Attribute | ast.arg)]
    words = [each.id if isinstance(each, ast.Name) else each.attr if isinstance(each, ast.Attribute) else each.arg
             for each in inside]  # fmt: skip
    private = [word for word in words if word.startswith("__") and not word.endswith("__")]
    if private:
        return f"in the body of {owner}, Python renames {private[0]} to _{owner.lstrip('_')}{private[0]}"
    bare = any(isinstance(each, ast.Call) and ast.unparse(each) == "super()" for each in ast.walk(tree))
    if bare or "__class__" in {each.id for each in inside if isinstance(each, ast.Name)}:
        return "super() and __class__ work in the body of a class only"
    return ""
