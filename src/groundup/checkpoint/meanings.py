"""What each name in an exported definition means live, and that the checkpoint can mean the same.

A function's names mean what the chapter's last line has given them; what a statement evaluates as it runs, such as a
base class or a default, means what stood above it.
"""

from __future__ import annotations

from dataclasses import replace

from groundup.checkpoint.bindings import Binding, Bindings
from groundup.checkpoint.draft import Draft
from groundup.checkpoint.modules import Definition, Module, Piece, where
from groundup.checkpoint.names import BUILTINS, Load, names


def settle(draft: Draft, bindings: Bindings) -> set[tuple[str, str]]:
    """Give each definition the library imports that its names stand for; add names of two meanings to the problems.

    Returns the definitions and names that were reported.
    """
    work = _Settling(draft, bindings)
    for file, module in draft.modules.items():
        definitions = {name: work.settled(file, definition) for name, definition in module.definitions.items()}
        draft.modules[file] = replace(module, definitions=definitions)
    for file, module in draft.modules.items():
        work.check_clashes(file, module)
    return work.reported


class _Settling:
    def __init__(self, draft: Draft, bindings: Bindings) -> None:
        self.draft = draft
        self.bindings = bindings
        self.reported: set[tuple[str, str]] = set()

    def report(self, definition: Definition, name: str, line: int, text: str) -> None:
        if (definition.name, name) not in self.reported:
            self.reported.add((definition.name, name))
            self.draft.problems.add(line, text)

    def settled(self, file: str, definition: Definition) -> Definition:
        if not self.draft.is_new(definition):
            return definition
        used = {load.name for load in names(definition.text).loads}
        meanings = {name: statement for name, statement in definition.imports.items() if name in used}
        for piece in definition.pieces:
            if piece.file != self.draft.chapter.file:
                meanings = {load.name: "" for load in names(piece.text).loads if load.name in used} | meanings
        for piece, line, load in self.draft.uses(definition):
            statement = self.meaning(definition, piece, line, load)
            first = meanings.setdefault(load.name, statement)
            merged = merge(first, statement)
            if merged is None:
                here, there = (self.described(load.name, each) for each in (statement, first))
                text = f"here {load.name} is {here}, in the rest of {definition.name} {there}"
                self.report(definition, load.name, line, f"{text}: give one of the two another name")
            else:
                meanings[load.name] = merged
        imports = {name: statement for name, statement in meanings.items() if statement}
        return definition if imports == definition.imports else replace(definition, imports=imports)

    def described(self, name: str, statement: str) -> str:
        return f"`{statement}`" if statement else f"that of {where(self.draft.modules, name)}"

    def meaning(self, definition: Definition, piece: Piece, line: int, load: Load) -> str:
        """The import that a name stands for, or nothing where the checkpoint or Python defines it."""
        name = load.name
        last = self.bindings.last(name)
        above = self.bindings.at(name, piece.line)
        found = above if load.when == "now" else last
        if found is None or found.kind == "refused" or (load.when == "quoted" and found.kind == "plain"):
            return ""
        if found.kind == "import":
            return self.imported(definition, piece, line, name, found)
        if found.kind == "plain":
            self.report(definition, name, line, self.plain(name, found))
        elif load.when == "now" and where(self.draft.modules, name) and found.line != self.kept(name, found):
            at = self.draft.exported[name]
            text = f"here {name} is that of line {found.line}, in the checkpoint that of line {at}"
            remedy = f"export {definition.name} below that line (again, if it stays here too)"
            if name == definition.name:
                text, remedy = f"{name} is made from its own old value", "write the new value out"
            self.report(definition, name, line, f"{text}: {remedy}")
        return ""

    def kept(self, name: str, found: Binding) -> int:
        """The line of the binding that the checkpoint keeps."""
        return self.draft.exported.get(name, found.line)

    def imported(self, definition: Definition, piece: Piece, line: int, name: str, found: Binding) -> str:
        if found.mistake:
            self.report(definition, name, line, found.mistake)
            return ""
        above = self.bindings.at(name, piece.line)
        if above and above.kind == "import" and not above.is_same(found):
            text = f"here {name} is `{above.statement}`, at the chapter's end `{found.statement}` (line {found.line})"
            self.report(definition, name, line, f"{text}: give one of the two another name")
        statements = self.bindings.imports(name)
        if len(statements) > 1 and found.is_same(Binding(0, "import", f"import {name}")):
            # Of `import torch` and `import torch.nn`, those that the definition spells out.
            dotted = [each for each in statements if each.removeprefix("import ") in definition.text]
            return "\n".join(sorted(dotted)) or statements[0]
        return found.statement

    def plain(self, name: str, found: Binding) -> str:
        home = where(self.draft.modules, name)
        if home or name in BUILTINS:
            kept = f"that of {home}" if home else "Python's own"
            text = f"here {name} is that of line {found.line}, in the checkpoint {kept}"
            export = f"export the former to {home}, or give it another name" if home else "give the former another name"
            return f"{text}: {export}"
        return f"no exported cell defines {name}: export the cell that defines it (line {found.line})"

    def check_clashes(self, file: str, module: Module) -> None:
        """In a module a name means one thing."""
        seen: dict[str, tuple[str, Definition]] = {}
        for definition in module.definitions.values():
            for name in sorted({load.name for load in names(definition.text).loads}):
                meaning = definition.imports.get(name, "")
                if not meaning and not where(self.draft.modules, name):
                    continue
                other, first = seen.setdefault(name, (meaning, definition))
                if merge(meaning, other) is None:
                    self.report(*self.clash(file, name, (first, other), (definition, meaning)))
        for name, (meaning, definition) in seen.items():
            if meaning and name in module.definitions:
                own = module.definitions[name]
                self.report(*self.clash(file, name, (definition, meaning), (own, "")))

    def clash(
        self, file: str, name: str, one: tuple[Definition, str], two: tuple[Definition, str]
    ) -> tuple[Definition, str, int, str]:
        """The report of two definitions of a module that mean two things by `name`."""
        if self.line(one[0], name) > self.line(two[0], name):
            one, two = two, one
        other, meaning = (self.described(name, statement) for _, statement in (one, two))
        text = f"in {file}, {name} is {meaning} for {two[0].name} and {other} for {one[0].name}"
        return two[0], name, self.line(two[0], name), f"{text}: give one of the two another name"

    def line(self, definition: Definition, name: str) -> int:
        lines = [line for _, line, load in self.draft.uses(definition) if load.name == name]
        return max(lines, default=self.draft.exported.get(definition.name, 0))


def merge(one: str, two: str) -> str | None:
    """The imports of both, if they stand for the same name: `import a` and `import a.b` do."""
    lines = sorted({*one.split("\n"), *two.split("\n")})
    roots = {line.partition(".")[0] for line in lines}
    return "\n".join(lines) if len(lines) == 1 or (len(roots) == 1 and roots.pop().startswith("import ")) else None
