"""MkDocs events: chapters in Material's own markup, formulas, contents, descriptions."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import nbformat
from markdown import Markdown
from mkdocs.structure.pages import _RelativePathTreeprocessor

from groundup.book import Book
from groundup.site import bench, components, headings, katex, taste, terms
from groundup.site.cells import ChapterPage

log = logging.getLogger("mkdocs.groundup")  # below "mkdocs", so that strict mode counts what is reported

_book: Book


def on_config(config: Any) -> Any:
    global _book
    _book = Book(Path(config.config_file_path).parent, made=str(Path(config.docs_dir).parents[1]))
    return config


def on_page_content(content: str, page: Any, config: Any, files: Any) -> str:
    number = _chapters().get(page.file.src_uri)
    if number:
        content = _chapter(number, page, config, files)
    page.meta.setdefault("description", headings.description(content))
    if number:
        content, page.toc = headings.unique(content)
        page.present_anchor_ids = set(re.findall(r' id="([^"]+)"', content))
        return headings.first_terms(content)
    content = katex.render_all(content, lambda text: log.warning(f"docs/{page.file.src_uri}: {text}"))
    return taste.fill(content, _book, _folder(page), _markdown(config))


def _chapter(number: int, page: Any, config: Any, files: Any) -> str:
    """A chapter's page from its executed notebook: what is staged for it is empty, and MkDocs has rendered that."""
    notebook = nbformat.reads(_book.executed(number).read_text(encoding="utf-8"), as_version=4)
    # each of a thousand parts is searched for them: for those that the chapter has, and not for all
    text = "\n".join(f"{cell.source}\n{cell.metadata}" for cell in notebook.cells)
    low = text.lower()  # the page writes some words with a capital that the chapter does not
    known = {term: meaning for term, meaning in terms.abbreviations(_glossary()).items() if term.lower() in low}
    markdown = _markdown(config, abbr={"glossary": known})
    links = _RelativePathTreeprocessor(page.file, files, config)
    links._register(markdown)
    page.links_to_anchors = links.links_to_anchors  # MkDocs then checks them
    stems = {number: path.stem for number, path in _book.chapters().items()}
    size = bench.size(Path(config.docs_dir), number)
    own = ChapterPage(number, stems[number], "../../", _folder(page), markdown, log.warning, _book.wheel, size)
    return components.chapter(own, notebook, components.following(number, stems), terms.anchors(_glossary()))


def on_page_context(context: Any, page: Any, config: Any, nav: Any) -> Any:
    page.canonical_url = None  # the address is the reader's own machine
    return context


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Names that Material's own templates leave out (axe: aria-dialog-name, aria-progressbar-name)."""
    search = 'data-md-component="search" role="dialog"'
    output = output.replace(search, f'{search} aria-label="Search"')
    return output.replace('role="progressbar"', 'role="progressbar" aria-label="Loading"')


def _chapters() -> dict[str, int]:
    """The numbers of the chapters by what MkDocs knows their pages as."""
    return {f"chapters/{path.stem}.md": number for number, path in _book.chapters().items()}


def _markdown(config: Any, **configs: dict[str, Any]) -> Markdown:
    return Markdown(extensions=config.markdown_extensions, extension_configs=config.mdx_configs | configs)


def _folder(page: Any) -> Path:
    return Path(page.file.abs_dest_path).parent


def _glossary() -> str:
    return (_book.root / "docs" / "glossary.md").read_text(encoding="utf-8")
