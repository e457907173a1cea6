"""The site in a real browser: folds, search, palette, copying, narrow screens, barriers, and nothing from elsewhere."""

from __future__ import annotations

import functools
import gzip
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.books import BOOK
from helpers.built import built_site
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
CHAPTERS = [f"chapters/{path.stem}/" for path in BOOK.chapters().values()]
PAGES = ["", *CHAPTERS, "diffs/01/", "ledger/", "notation/", "glossary/", "setup/", "how-to-read/"]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the site without a line for each request."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the built site is served."""
    if CHROMIUM is None:
        pytest.skip(
            "no Chromium here: install it (Debian and Ubuntu: sudo apt-get install chromium) to run these tests"
        )
    handler = functools.partial(Quiet, directory=built_site())
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


class Visit:
    """One tab on the site that remembers what went wrong in it."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.address = address
        self.problems: list[str] = []
        self.page = context.new_page()
        self.page.set_default_timeout(10_000)
        self.page.route("**/sitemap.xml", self._sitemap)
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("console", lambda m: self.problems.append(f"console: {m.text}") if m.type == "error" else None)
        self.page.on("request", self._outside)
        self.page.on("response", lambda r: self.problems.append(f"{r.status} {r.url}") if r.status >= 400 else None)

    def go(self, path: str) -> Page:
        self.page.goto(self.address + path)
        return self.page

    def _outside(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.problems.append(f"outside: {request.url}")

    def _sitemap(self, route: Any) -> None:
        # instant navigation compares addresses with the sitemap's, port included, and ours is a random one
        text = (built_site() / "sitemap.xml").read_text(encoding="utf-8")
        route.fulfill(body=text.replace("http://127.0.0.1:8000/", self.address), content_type="application/xml")


@pytest.fixture
def visit(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A visit that ends without an error, a failed request or a request to elsewhere."""
    context = browser.new_context(**{"viewport": WIDE, **getattr(request, "param", {})})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address.rstrip("/"))
    started = Visit(context, address)
    yield started
    context.close()
    assert not started.problems


@pytest.mark.parametrize("visit", [{}, {"java_script_enabled": False}], indirect=True, ids=["script", "no script"])
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_solutions_and_hints_open(visit: Visit, chapter: str) -> None:
    page = visit.go(chapter)
    for fold in ("details.hint", "details.solution"):
        first = page.locator(fold).first
        inside = first.locator(":scope > :not(summary)").first
        expect(inside).not_to_be_visible()
        first.locator("summary").click()
        expect(inside).to_be_visible()


def test_solutions_open_with_the_keyboard(visit: Visit) -> None:
    page = visit.go(CHAPTERS[0])
    fold = page.locator("details.solution").first
    fold.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(fold).to_have_attribute("open", "")
    outline = fold.locator("summary").evaluate("e => getComputedStyle(e).outlineStyle")
    assert outline != "none", "the focus is visible"


def test_search_finds(visit: Visit) -> None:
    page = visit.go("")
    page.keyboard.press("s")
    page.keyboard.type("learning rate")
    found = page.locator(".md-search-result__link[href*='chapters/']").first
    expect(found).to_contain_text(".")
    found.click()
    expect(page.locator(".chapter-bar")).to_be_visible()
    expect(page.locator("article mark").first).to_be_attached()


def test_palette_toggles_and_stays(visit: Visit) -> None:
    page = visit.go("")
    scheme = functools.partial(page.evaluate, "document.body.dataset.mdColorScheme")
    assert scheme() == "default"
    page.locator("label[for=__palette_1]").click()
    assert scheme() == "slate"
    visit.go(CHAPTERS[0])
    assert scheme() == "slate"
    expect(page.locator("figure.plot img").nth(1)).to_be_visible()
    expect(page.locator("figure.plot img").first).to_be_hidden()


def test_copy_button_copies_the_code(visit: Visit) -> None:
    page = visit.go(CHAPTERS[0])
    block = page.locator("article > .cell .highlight").first
    block.hover()
    block.locator(".md-code__button[title^=Copy], .md-clipboard").first.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == block.locator("code").inner_text().strip()


def test_instant_navigation(visit: Visit) -> None:
    page = visit.go("")
    page.evaluate("window.stayed = true")
    page.locator(".map a").first.click()
    expect(page.locator("h1")).to_contain_text("1.")
    assert page.evaluate("window.stayed") is True
    assert page.locator(".katex").count()
    page.locator(".chapter-bar a").last.click()
    expect(page.locator("figure.diff").first).to_be_visible()
    assert page.evaluate("window.stayed") is True


def test_terms_explain_themselves(visit: Visit) -> None:
    page = visit.go(CHAPTERS[0])
    page.locator("article abbr").first.hover()
    expect(page.locator(".md-tooltip2, .md-tooltip").first).to_be_visible()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_figures_load(visit: Visit, chapter: str) -> None:
    page = visit.go(chapter)
    page.evaluate("document.querySelectorAll('article img').forEach(image => image.loading = 'eager')")
    page.wait_for_function("[...document.querySelectorAll('article img')].every(image => image.complete)")
    assert page.evaluate("[...document.querySelectorAll('article img')].every(image => image.naturalWidth > 0)")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_first_view_is_light(visit: Visit, chapter: str) -> None:
    bodies: dict[str, bytes] = {}
    visit.page.on("requestfinished", lambda request: bodies.setdefault(request.url, request.response().body()))
    visit.go(chapter).wait_for_load_state("networkidle")
    packed = ("woff2", "png")
    sizes = {url: len(b) if url.endswith(packed) else len(gzip.compress(b, 9)) for url, b in bodies.items()}
    assert len(sizes) > 10
    assert sum(sizes.values()) <= 350 * 1024, sizes


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_code_fits_the_page(visit: Visit, chapter: str) -> None:
    page = visit.go(chapter)
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    cut = "code => code.filter(c => c.scrollWidth > c.clientWidth).map(c => c.innerText.split('\\n')[0])"
    assert page.locator("article .cell .highlight code").evaluate_all(cut) == []


@pytest.mark.parametrize("visit", [{"viewport": PHONE}, {"viewport": WIDE}], indirect=True, ids=["phone", "wide"])
@pytest.mark.parametrize("path", PAGES)
def test_no_page_scrolls_sideways(visit: Visit, path: str) -> None:
    page = visit.go(path)
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize(
    ("visit", "path"),
    [
        *(({"color_scheme": scheme}, path) for scheme in ("light", "dark") for path in PAGES),
        *(({"viewport": PHONE}, path) for path in ("", CHAPTERS[0])),
    ],
    indirect=["visit"],
)
def test_no_barriers(visit: Visit, path: str) -> None:
    page = visit.go(path)
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    page.add_script_tag(path=AXE)
    # the visible half of a formula is hidden from readers' aids, which get the MathML beside it
    rules = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']}"
    found = page.evaluate(f"axe.run({{exclude: ['.katex-html']}}, {rules})")
    serious = [
        f"{barrier['id']}: {node['target']} {node['failureSummary']}"
        for barrier in found["violations"]
        if barrier["impact"] in ("serious", "critical")
        for node in barrier["nodes"]
    ]
    assert not serious, "\n".join(serious)
    assert found["passes"]
