"""MkDocs, run strictly: every warning is an error that names the source to mend."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from groundup.book import Book, BookError
from groundup.chapter import Chapter
from groundup.site.navigation import nav

DATE = "1767225600"  # of whatever carries one: the same site every day
ENVIRONMENT = {
    "NO_MKDOCS_2_WARNING": "1",  # Material's advertisement, printed at every build
    "SOURCE_DATE_EPOCH": DATE,  # the sitemap dates its pages
}
IN_STAGE = re.compile(r"Doc file '([^']+)' contains")


class _Collector(logging.Handler):
    """Keeps what MkDocs complains about."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def render(book: Book, chapters: Mapping[int, Chapter], docs: Path, site: Path) -> None:
    """Build the pages in `docs` into `site`.

    Raises: BookError with every warning and error of MkDocs.
    """
    import mkdocs.exceptions

    with _listening() as collector, _environment():
        from mkdocs.commands.build import build
        from mkdocs.config import load_config

        try:
            places: dict[str, Any] = {
                "docs_dir": str(docs),
                "site_dir": str(site),
                "nav": nav(chapters),
                "hooks": [str(Path(__file__).with_name("hooks.py"))],
            }
            config = load_config(str(book.root / "mkdocs.yml"), strict=True, **places)
            config.plugins.on_startup(command="build", dirty=False)
            build(config)
        except mkdocs.exceptions.MkDocsException as error:
            collector.messages = collector.messages or [str(error)]
        except SystemExit:  # MkDocs' Abort: what it counted has been collected
            assert collector.messages
    if collector.messages:
        raise BookError("\n".join(dict.fromkeys(_mended(book, message) for message in collector.messages)))


def _mended(book: Book, message: str) -> str:
    """MkDocs' message with the file that its author edits, and the remedy."""
    if message.startswith("Config value"):
        return f"mkdocs.yml: {message}"
    found = IN_STAGE.match(message)
    if found is None:
        return message
    return message.replace(found[0], f"{_source(found[1])} contains", 1).rstrip(".") + ": mend the link"


def _source(page: str) -> str:
    return page.removesuffix(".md") + ".py" if page.startswith("chapters/") else f"docs/{page}"


@contextmanager
def _listening() -> Iterator[_Collector]:
    log, collector = logging.getLogger("mkdocs"), _Collector()
    propagate, log.propagate = log.propagate, False
    log.addHandler(collector)
    try:
        yield collector
    finally:
        log.propagate = propagate
        log.removeHandler(collector)


@contextmanager
def _environment() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
