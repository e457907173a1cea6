"""What changed between two checkpoints, by definition: one of them, a module, or a table of all."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from groundup.book import Book, UsageError
from groundup.checkpoint.definitions import Modules, Named, read
from groundup.checkpoint.diff import Change, changes, read_checkpoint, unified_lines


@dataclass(frozen=True)
class Wanted:
    """What was asked for: all of a module, a definition wherever it is, or a definition in one module."""

    file: str = ""
    name: str = ""

    def of(self, modules: Modules) -> dict[str, Mapping[str, Named]]:
        """What of a package was asked for."""
        found = {file: names for file, names in modules.items() if self.file in ("", file)}
        if not self.name:
            return found
        return {file: {self.name: names[self.name]} for file, names in found.items() if self.name in names}


def checkpoint(book: Book, number: int) -> Modules:
    """What checkpoint `number` defines.

    Raises: UsageError when there is no such chapter, BookError when its checkpoint was never exported.
    """
    return read(read_checkpoint(book, number), f"src/ch{number:02d}")


def wanted(text: str, sides: Sequence[Modules], where: str) -> Wanted:
    """What `text` means: `nn.py`, `nn`, `Module`, `Module.forward` or `nn.Module.forward`, in any of the packages.

    Raises: UsageError when it is none of them, with what was meant perhaps; `where` says which packages these are.
    """
    text = text.replace("\\", "/").rpartition("/")[2]
    found = next(filter(None, (_meaning(text, modules) for modules in sides)), None)
    if found is None:
        raise UsageError(f"there is no {text} in {where}: {_meant(text, sides)}")
    return found


def _meaning(text: str, modules: Modules) -> Wanted | None:
    if text in modules:
        return Wanted(text)
    if any(text in names for names in modules.values()):
        return Wanted(name=text)
    first, _, rest = text.partition(".")
    names = modules.get(f"{first}.py")
    if names is None or (rest and rest not in names):
        return None
    return Wanted(f"{first}.py", rest)


def _meant(text: str, sides: Sequence[Modules]) -> str:
    files = dict.fromkeys(file for modules in sides for file in modules)
    names = dict.fromkeys(name for modules in sides for found in modules.values() for name in found)
    known = {file.removesuffix(".py").lower(): file for file in files}
    if not text.endswith(".py"):
        known |= {name.rpartition(".")[2].lower(): name for name in names} | {name.lower(): name for name in names}
    close = difflib.get_close_matches(text.removesuffix(".py").lower(), known, n=3)
    if close:
        return f"did you mean {' or '.join(dict.fromkeys(known[name] for name in close))}?"
    return f"the modules are {', '.join(files) or 'none'}"


def part(book: Book, old: int, new: int, text: str, *, colour: bool = False) -> str:
    """What changed in one module or definition between two checkpoints, as `diff -u` would print it.

    Raises: UsageError when neither has such a one, and as `checkpoint` does.
    """
    sides = checkpoint(book, old), checkpoint(book, new)
    try:
        asked = wanted(text, sides, f"checkpoints {old} and {new}")
    except UsageError:
        first = next((number for number in book.chapters() if _meaning(text, checkpoint(book, number))), None)
        if first is None:
            raise
        it = f"chapter {first} has it: groundup log {text} shows its history"
        raise UsageError(f"there is no {text} in checkpoints {old} and {new}: {it}") from None
    if not asked.name:
        found = [change.unified(colour) for change in changes(book, old, new) if change.name == asked.file]
    else:
        before, after = (asked.of(side) for side in sides)
        found = []
        for file in sorted({*before, *after}):
            found.append(
                between(
                    before.get(file, {}).get(asked.name),
                    after.get(file, {}).get(asked.name),
                    f"src/ch{old:02d}/{file}",
                    f"src/ch{new:02d}/{file}",
                    colour,
                )
            )
    return "".join(found) or f"{text} is the same in checkpoints {old} and {new}\n"


def between(before: Named | None, after: Named | None, old: str, new: str, colour: bool) -> str:
    """What changed in a definition, whose place in the files goes into the first two lines."""
    one, other = (named.text.splitlines() if named else [] for named in (before, after))
    old, new = (f"{file} {named.name}" if named else "/dev/null" for file, named in ((old, before), (new, after)))
    return unified_lines(one, other, old, new, colour)


def stat(book: Book, old: int, new: int, text: str = "") -> str:
    """A line for each module that differs between two checkpoints: how many lines, and which definitions.

    `text` is one module or definition, all if empty. Raises: as `part` does.
    """
    before, after = checkpoint(book, old), checkpoint(book, new)
    asked = wanted(text, (before, after), f"checkpoints {old} and {new}") if text else Wanted()
    homes = {*asked.of(before), *asked.of(after)}
    found = [change for change in changes(book, old, new) if change.name in homes]
    width = max((len(change.name) for change in found), default=0)
    rows = [
        f"{change.name:<{width}}  {change.counts}  "
        f"{summary(change, before.get(change.name, {}), after.get(change.name, {}))}".rstrip()
        for change in found
    ]
    if not rows:
        return f"checkpoints {old} and {new} are identical\n"
    lines = f"+{sum(change.added for change in found)} −{sum(change.removed for change in found)} lines"
    total = f"{len(found)} module{'' if len(found) == 1 else 's'}, {lines}"
    return "".join(f"{row}\n" for row in (*rows, total))


def summary(change: Change, before: Mapping[str, Named], after: Mapping[str, Named]) -> str:
    """What happened to the definitions of a module, in words."""
    kinds = {
        "new": _outer([name for name in after if name not in before], after),
        "changed": [name for name in after if name in before and after[name].said != before[name].said],
        "gone": _outer([name for name in before if name not in after], before),
    }
    whole = "" if change.before and change.after else "the module is new; " if change.after else "the module is gone; "
    return whole + "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items() if names)


def _outer(names: Iterable[str], side: Mapping[str, Named]) -> list[str]:
    """Without the methods of classes that are among them."""
    names = list(names)
    return [name for name in names if name.partition(".")[0] not in names or "." not in name]
