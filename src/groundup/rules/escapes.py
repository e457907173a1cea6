"""Ways round the rules that a reader of the source can see, each with what to write instead."""

from __future__ import annotations

import ast
import builtins
import re
import sys

_OUT = "write the code, or the import, out"
_SAVE = "save tensors with torch.save, numbers as text"
_WHOLE = "{}, behind which nothing can be checked: {}".format

# names of builtins, of modules, and of what modules hold
_UNSEEN = {
    **dict.fromkeys(("eval", "exec", "compile", "__import__", "__builtins__", "__loader__", "__spec__"), _OUT),
    **dict.fromkeys(("globals", "locals"), "name what you use"),
    **dict.fromkeys(("sys.modules", "sys._getframe", "inspect.currentframe", "inspect.stack"), "name what you use"),
    **dict.fromkeys(("importlib", "pkgutil", "runpy", "imp", "code", "codeop", "gc", "ctypes", "_ctypes"), _OUT),
    **dict.fromkeys(("pickle", "_pickle", "marshal", "shelve", "copyreg"), _SAVE),
}
BUILTINS = frozenset(name for name in _UNSEEN if hasattr(builtins, name)) | {"__builtins__", "vars"}  # followed
_HARMLESS = ("importlib.metadata", "importlib.resources")
# attributes that lead from anything to everything
_DOORS = ("__globals__", "__builtins__", "__subclasses__", "__getattribute__", "__loader__", "__spec__", "f_globals")
# what another module happens to have imported
_FOREIGN = ("torch", "np", "numpy", "scipy", "sys", "importlib", "builtins")

# Python's own spellings of `@`, and ways to a method by its name
PRODUCTS = frozenset(
    f"{module}.{word}"
    for module in ("operator", "_operator")
    for word in ("matmul", "imatmul", "__matmul__", "__imatmul__")
)
GETTERS = ("operator.methodcaller", "operator.attrgetter", "_operator.methodcaller", "_operator.attrgetter")

_LIBRARIES = sys.stdlib_module_names | {"matplotlib", "mpl_toolkits", "groundup", "torch"}
_FOLLOWED = ("groundup", "groundup.unlock", "operator", "_operator", "sys", "inspect", "builtins", "importlib")


def unseen(name: str) -> str | None:
    """What is wrong with the full name of something behind which a reader of the source sees nothing."""
    if name.startswith(_HARMLESS):
        return None
    parts = name.removeprefix("builtins.").split(".")
    known = [".".join(parts[:size]) for size in range(1, len(parts) + 1)]
    found = next((_UNSEEN[part] for part in known if part in _UNSEEN), None)
    return f"uses {_WHOLE(name, found)}" if found else None


def door(word: str) -> str | None:
    """What is wrong with an attribute that leads to everything."""
    return f"uses {_WHOLE(word, 'name what you use')}" if word in _DOORS else None


def borrowed(name: str) -> str | None:
    """What is wrong with a full name that reaches one library through another."""
    first, *rest = name.lstrip(".").split(".")
    if first == "torch":
        return None
    found = next((part for part in rest if part in _FOREIGN), None)
    if found in ("np", "numpy", "scipy"):
        return f"reaches {found} through {first}: it is not part of the rules: write it in Python or with torch"
    return f"reaches {found} through {first}: write import {found}" if found else None


def is_library(module: str) -> bool:
    """Whether a module is none of the book's checkpoints, nor of a reader's package."""
    return module.split(".")[0] in _LIBRARIES


def is_followed(module: str) -> bool:
    """Whether what is imported from a module is followed by its full name."""
    top = module.split(".")[0]
    known = top in ("", "torch", "matplotlib", "mpl_toolkits") or module in _FOLLOWED
    return known or bool(re.fullmatch(r"ch\d\d", module) or unseen(module))


def literal(node: ast.AST | None) -> str:
    """The text of a string that is written out, else nothing."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def keyword_names(call: ast.Call) -> tuple[list[str], list[str]]:
    """The keywords of a call: those that are written as such, and those in a dictionary behind `**`."""
    plain = [keyword.arg for keyword in call.keywords if keyword.arg]
    packed: list[str] = []
    for value in (keyword.value for keyword in call.keywords if not keyword.arg):
        if isinstance(value, ast.Dict):
            packed += filter(None, map(literal, value.keys))
        elif isinstance(value, ast.Call):
            packed += [keyword.arg for keyword in value.keywords if keyword.arg]
    return plain, packed
