"""A reader's package under another name: what the suite imports as `ch05` is the folder that the reader gave."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType


def stand_in(name: str, place: str) -> None:
    """From now on `import <name>` gives the package in `place`; so does its own name, unless something else has it.

    Both give the same modules: otherwise a package that imports itself by its own name would have each class twice.
    """
    folder = Path(place)
    own = folder.name
    is_free = own != name and own.isidentifier() and importlib.util.find_spec(own) is None
    sys.meta_path.insert(0, _Package(name, folder))
    if is_free:
        sys.meta_path.insert(0, _OwnName(name, own))


class _Package(MetaPathFinder):
    """Finds the package itself; its modules follow from its path."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        start, places = self.folder / "__init__.py", [str(self.folder)]
        if start.is_file():
            return importlib.util.spec_from_file_location(fullname, start, submodule_search_locations=places)
        spec = ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = places
        return spec


class _OwnName(MetaPathFinder, Loader):
    """Gives the modules of the package under the name of its folder."""

    def __init__(self, name: str, own: str) -> None:
        self.name, self.own = name, own
        self.specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname.partition(".")[0] == self.own else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.name + spec.name.removeprefix(self.own))
        self.specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to run; the import of the other name has replaced the module's `__spec__`."""
        assert module.__spec__
        module.__spec__ = self.specs[module.__spec__.name]
