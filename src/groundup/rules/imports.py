"""What may be imported under the rule of the course."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection

TORCH_FROM = 3  # the chapter that brings PyTorch's arrays in
ALLOWED = ("matplotlib", "mpl_toolkits", "groundup")


def why_not(module: str, number: int, own: Collection[str] = ()) -> str:
    """Why chapter `number` may not import a module; nothing when it may. `own` are modules of the one who imports."""
    top = module.split(".")[0]
    if top in sys.stdlib_module_names or top in ALLOWED or top in own:
        return ""
    if top == "torch":
        early = f"imports torch: PyTorch's arrays come in with chapter {TORCH_FROM}"
        return early if number < TORCH_FROM else ""
    if re.fullmatch(r"ch\d\d", top):
        previous = f"ch{number - 1:02d}"
        if number == 1:
            return f"imports {top}: chapter 1 has no checkpoint before it"
        return "" if top == previous else f"imports {top}: chapter {number} builds on {previous}"
    rules = f"the standard library, matplotlib, and torch from chapter {TORCH_FROM}"
    return f"imports {top}: {top} is not part of the rules: {rules}"
