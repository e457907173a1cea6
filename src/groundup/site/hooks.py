"""MkDocs events: chapters in Material's own markup, formulas, contents, descriptions."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

from markdown import Markdown
from mkdocs.structure.pages import _RelativePathTreeprocessor
from mkdocs_jupyter.config import settings
from nbconvert.exporters.templateexporter import default_filters

from groundup.book import CHAPTER_FILE, Book
from groundup.site import bench, components, headings, katex, taste, terms
from groundup.site.cells import ChapterPage

log = logging.getLogger("mkdocs.groundup")  # below "mkdocs", so that strict mode counts what is reported

_page: ChapterPage | None = None  # the chapter that is being rendered: nbconvert's filters know only the notebook
_book: Book


def on_config(config: Any) -> Any:
    global _book
    _book = Book(Path(config.config_file_path).parent, made=str(Path(config.docs_dir).parents[1]))
    glossary = _glossary()
    config.mdx_configs["abbr"] = {"glossary": terms.abbreviations(glossary)}
    return config


def on_pre_page(page: Any, config: Any, files: Any) -> Any:
    global _page
    chapter = CHAPTER_FILE.fullmatch(Path(page.file.src_uri).stem + ".py")
    if not page.file.src_uri.endswith(".ipynb") or chapter is None:
        return page
    markdown = _markdown(config)
    links = _RelativePathTreeprocessor(page.file, files, config)
    links._register(markdown)
    page.links_to_anchors = links.links_to_anchors  # MkDocs then checks them
    number, stem = int(chapter[1]), chapter[0][:-3]
    size = bench.size(Path(config.docs_dir), number)
    _page = ChapterPage(number, stem, "../../", _folder(page), markdown, log.warning, _book.wheel, size)
    return page


def page_chapter(notebook: Any) -> str:
    """The filter that templates/mkdocs_html/notebook.html.j2 calls."""
    assert _page is not None, "on_pre_page sets the chapter before its page is rendered"
    stems = {number: path.stem for number, path in _book.chapters().items()}
    return components.chapter(_page, notebook, components.following(_page.number, stems), terms.anchors(_glossary()))


def on_page_content(content: str, page: Any, config: Any, files: Any) -> str:
    is_chapter = page.file.src_uri.endswith(".ipynb")
    page.meta.setdefault("description", headings.description(content))
    if is_chapter:
        # mkdocs-jupyter appends a <style> that holds the repr of a Python list
        content = re.sub(r"\s*<style>\s*\[.*?\]\s*</style>\s*$", "\n", content, flags=re.DOTALL)
        content, page.toc = headings.unique(content)
        page.present_anchor_ids = set(re.findall(r' id="([^"]+)"', content))
    else:
        content = katex.render_all(content, lambda text: log.warning(f"docs/{page.file.src_uri}: {text}"))
        content = taste.fill(content, _book, _folder(page), _markdown(config))
    return headings.first_terms(content, keep=is_chapter)


def on_page_context(context: Any, page: Any, config: Any, nav: Any) -> Any:
    page.canonical_url = None  # the address is the reader's own machine
    return context


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Names that Material's own templates leave out (axe: aria-dialog-name, aria-progressbar-name)."""
    search = 'data-md-component="search" role="dialog"'
    output = output.replace(search, f'{search} aria-label="Search"')
    return output.replace('role="progressbar"', 'role="progressbar" aria-label="Loading"')


def _markdown(config: Any) -> Markdown:
    return Markdown(extensions=config.markdown_extensions, extension_configs=config.mdx_configs)


def _folder(page: Any) -> Path:
    return Path(page.file.abs_dest_path).parent


def _glossary() -> str:
    return (_book.root / "docs" / "glossary.md").read_text(encoding="utf-8")


settings.templates_dir = str(Path(__file__).parent / "templates")
default_filters["page_chapter"] = page_chapter
