"""The site in a real browser: folds, search, palette, copying, narrow screens, barriers, and nothing from elsewhere."""

from __future__ import annotations

import contextlib
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
from helpers.small import small_book
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from groundup import site
from groundup.chapter import parse_book

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
AXE = Path(__file__).parent / "vendor" / "axe.min.js"
PHONE, TABLET, WIDE, WIDEST = ({"width": width, "height": 900} for width in (390, 768, 1280, 1600))
SMALL = "chapters/01_linear_model/"  # the one chapter of the small book
CHAPTERS = [f"chapters/{path.stem}/" for path in BOOK.chapters().values()]
PAGES = ["", *CHAPTERS, "diffs/01/", "ledger/", "notation/", "glossary/", "setup/", "how-to-read/"]
ALL_RULES = "runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the site without a line for each request."""

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        """Instant navigation compares addresses with the sitemap's, port included, and ours is a random one."""
        if self.path != "/sitemap.xml":
            return super().do_GET()
        own = f"http://{self.headers['Host']}/"
        sitemap = Path(self.directory, "sitemap.xml").read_text(encoding="utf-8")
        body = sitemap.replace("http://127.0.0.1:8000/", own).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        return None


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def address(browser: Browser) -> Iterator[str]:
    """Where the real book is served."""
    with served(built_site()) as url:
        yield url


@pytest.fixture(scope="module")
def small_address(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the small book is served, which has every kind of cell."""
    book = small_book(tmp_path_factory.mktemp("small"))
    site.build(book, parse_book(book))
    with served(book.site) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip(
            "no Chromium here: install it (Debian and Ubuntu: sudo apt-get install chromium) to run these tests"
        )
    built_site()  # now: to run chapters takes an event loop, and Playwright's would be in its way
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


@pytest.fixture
def visit(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A visit to the real book."""
    yield from _visit(browser, address, request)


@pytest.fixture
def small(browser: Browser, small_address: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A visit to the small book."""
    yield from _visit(browser, small_address, request)


def _visit(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A visit that ends without an error, a failed request or a request to elsewhere."""
    context = browser.new_context(**{"viewport": WIDE, **getattr(request, "param", {})})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address.rstrip("/"))
    started = Visit(context, address)
    yield started
    context.close()
    assert not started.problems


SCRIPTS = pytest.mark.parametrize(
    "small", [{}, {"java_script_enabled": False}], indirect=True, ids=["script", "no script"]
)


@SCRIPTS
def test_every_fold_opens(small: Visit) -> None:
    page = small.go(SMALL)
    folds = page.locator("article details")
    assert folds.count() > 12
    for index in range(folds.count()):
        fold = folds.nth(index)
        inside = fold.locator(":scope > :not(summary)").first
        expect(inside).not_to_be_visible()
        fold.locator(":scope > summary").click()
        expect(inside).to_be_visible()


def test_folds_open_with_the_keyboard(small: Visit) -> None:
    page = small.go(SMALL)
    for kind in ("solution", "claim", "aside", "happened", "drawn"):
        fold = page.locator(f"details.{kind}").first
        fold.locator(":scope > summary").focus()
        page.keyboard.press("Enter")
        expect(fold).to_have_attribute("open", "")
        outline = fold.locator(":scope > summary").evaluate("e => getComputedStyle(e).outlineStyle")
        assert outline != "none", f"the focus on {kind} is visible"


@SCRIPTS
def test_a_link_into_a_fold_opens_it(small: Visit) -> None:
    page = small.go(f"{SMALL}#spoiler")
    expect(page.locator("#spoiler")).to_be_visible()
    expect(page.locator("details.check .cell").first).not_to_be_visible()


def test_a_link_on_the_page_opens_folds_within_folds(small: Visit) -> None:
    page = small.go(SMALL)
    expect(page.get_by_text("Deep down")).not_to_be_visible()
    page.evaluate("location.hash = '#deep'")
    expect(page.get_by_text("Deep down")).to_be_visible()


def test_a_hit_of_the_search_opens_its_fold(small: Visit) -> None:
    page = small.go(f"{SMALL}?h=aardvark#the-same-heading")
    expect(page.locator("details.aside mark").first).to_be_visible()
    expect(page.locator("details.solution .cell")).not_to_be_visible()


def test_a_hit_in_the_text_opens_nothing(small: Visit) -> None:
    page = small.go(f"{SMALL}?h=write#exercise-11-a-loss")
    expect(page.locator(".exercise mark").first).to_be_visible()
    page.wait_for_timeout(300)
    assert page.locator("article details[open]").count() == 0


def test_marks_are_remembered(small: Visit) -> None:
    page = small.go(SMALL)
    page.locator(".done input").check()
    page.locator(".guess input").first.fill("41")
    page.reload()
    expect(page.locator(".done input")).to_be_checked()
    expect(page.locator(".guess input").first).to_have_value("41")
    small.go("")
    expect(page.locator(".map .state").first).to_contain_text("1 of 1 exercises done")
    small.go(SMALL)
    page.locator(".done input").uncheck()
    small.go("")
    expect(page.locator(".map .state").first).not_to_contain_text("done")


@pytest.mark.parametrize("small", [{"java_script_enabled": False}], indirect=True)
def test_what_needs_a_script_is_not_there_without(small: Visit) -> None:
    page = small.go(SMALL)
    for part in (".done", ".guess", ".enlarge"):
        expect(page.locator(part).first).not_to_be_visible()
    expect(page.locator("figure.plot img").first).to_be_visible()


def test_figures_enlarge(small: Visit) -> None:
    page = small.go(SMALL)
    figure = page.locator("figure.plot").first
    figure.locator("img").first.click()
    shown = page.locator("dialog.enlarged")
    expect(shown.locator("img")).to_be_visible()
    expect(shown.locator("figcaption")).to_contain_text("The dot")
    assert shown.locator("img").bounding_box()["width"] > 2 * figure.locator("img").first.bounding_box()["width"]
    page.keyboard.press("Escape")
    expect(shown).to_have_count(0)
    button = figure.locator("button.enlarge")
    button.focus()
    page.keyboard.press("Enter")
    shown.get_by_role("button", name="Close").click()
    expect(shown).to_have_count(0)
    expect(button).to_be_focused()


def test_claims_stand_in_the_margin_if_there_is_one(small: Visit) -> None:
    page = small.go(SMALL)
    for width, beside in ((1400, True), (390, False)):
        page.set_viewport_size({"width": width, "height": 900})
        page.locator("details.happened").first.evaluate("e => e.open = true")
        text = page.locator("details.happened > p").first.bounding_box()
        mark = page.locator("details.happened > .claim > summary").first.bounding_box()
        assert (mark["y"] < text["y"] + text["height"] + 1) == beside, width


@pytest.mark.parametrize("small", [{"viewport": PHONE}, {"viewport": WIDE}], indirect=True, ids=["phone", "wide"])
def test_figures_stand_beside_each_other_if_there_is_room(small: Visit) -> None:
    page = small.go(SMALL)
    left, right = (page.locator(".figures figure").nth(n).bounding_box() for n in (0, 1))
    assert (right["x"] > left["x"]) == (page.viewport_size["width"] > 1000)
    assert (right["y"] > left["y"]) == (page.viewport_size["width"] < 1000)


@pytest.mark.parametrize("small", [{"color_scheme": scheme} for scheme in ("light", "dark")], indirect=True)
def test_paper(small: Visit) -> None:
    page = small.go(SMALL)
    page.emulate_media(media="print")
    for part in ("details.claim", "details.check", "details.drawn", ".done", ".guess", ".next-chapter", ".enlarge"):
        assert not any(page.locator(part).evaluate_all("found => found.map(e => e.checkVisibility())")), part
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    for part in ("details.hint p", "details.solution p", "details.aside p", "details.happened > p"):
        expect(page.locator(part).first).to_be_visible()
    ink = page.locator("article .lead p").first.evaluate("e => getComputedStyle(e).color")
    expect(page.locator("figure.plot img[src$='only-light']").first).to_be_visible()
    expect(page.locator("figure.plot img[src$='only-dark']").first).not_to_be_visible()
    assert max(map(int, ink.removeprefix("rgb(").removesuffix(")").split(","))) < 110, "dark on white paper"


def test_search_finds(visit: Visit) -> None:
    page = visit.go("")
    page.keyboard.press("s")
    page.keyboard.type("learning rate")
    found = page.locator(".md-search-result__link[href*='chapters/']").first
    expect(found).to_contain_text(".")
    found.click()
    expect(page.locator(".chapter-head")).to_be_visible()
    expect(page.locator("article mark").first).to_be_attached()


def test_a_search_may_stand_in_the_address(visit: Visit) -> None:
    page = visit.go("?q=learning+rate")
    expect(page.locator(".md-search-result__link[href*='chapters/']").first).to_be_visible()


def test_what_the_search_knows_is_not_fetched_before_somebody_searches(visit: Visit) -> None:
    fetched: list[str] = []
    visit.page.on("request", lambda request: fetched.append(request.url))
    page = visit.go("")
    page.wait_for_load_state("networkidle")
    assert fetched
    assert not any("search_index" in url for url in fetched)
    with page.expect_request("**/search_index.json"):
        page.locator(".md-search__input").focus()


def test_palette_toggles_and_stays(visit: Visit) -> None:
    page = visit.go("")
    scheme = functools.partial(page.evaluate, "document.body.dataset.mdColorScheme")
    assert scheme() == "default"
    page.locator("label[for=__palette_1]").click()
    assert scheme() == "slate"
    visit.go(CHAPTERS[0])
    assert scheme() == "slate"
    expect(page.locator("figure.plot").first.locator("img").nth(1)).to_be_visible()
    expect(page.locator("figure.plot img").first).to_be_hidden()


def test_copy_button_copies_the_code(visit: Visit) -> None:
    page = visit.go(CHAPTERS[0])
    block = page.locator("article > .cell > .highlight").first
    block.hover()
    block.locator(".md-code__button[title^=Copy], .md-clipboard").first.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == block.locator("code").inner_text().strip()


def test_instant_navigation(visit: Visit) -> None:
    page = visit.go("")
    page.evaluate("window.stayed = true")
    page.locator(".map li a").first.click()
    expect(page.locator(".chapter-head h1")).to_contain_text("1")
    assert page.evaluate("window.stayed") is True
    assert page.locator(".katex").count()
    page.locator(".chapter-head a").last.click()
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


WIDTHS = [{"viewport": size} for size in (PHONE, TABLET, WIDE, WIDEST)]


@pytest.mark.parametrize("visit", WIDTHS, indirect=True, ids=["390", "768", "1280", "1600"])
@pytest.mark.parametrize("path", PAGES)
def test_no_page_scrolls_sideways(visit: Visit, path: str) -> None:
    page = visit.go(path)
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    # what is wider than the page must be in something that scrolls
    wide = page.locator("article :not(.katex *, .unseen)").evaluate_all(
        """found => found.filter(e => e.getBoundingClientRect().right > innerWidth + 1 && e.checkVisibility()
             && !e.closest("pre, .math, .md-typeset__scrollwrap, .diff-body, .out-html"))
           .map(e => e.outerHTML.slice(0, 120))"""
    )
    assert wide == []


@pytest.mark.parametrize(
    ("visit", "path"),
    [
        *(({}, path) for path in PAGES),
        *(({"viewport": PHONE}, path) for path in ("", CHAPTERS[0])),
    ],
    indirect=["visit"],
)
def test_no_barriers(visit: Visit, path: str) -> None:
    assert_no_barriers(visit.go(path))


@pytest.mark.parametrize("visit", [{"color_scheme": "dark"}], indirect=True)
@pytest.mark.parametrize("path", PAGES)
def test_the_dark_scheme_has_contrast(visit: Visit, path: str) -> None:
    """All that the scheme changes is colour."""
    assert_no_barriers(visit.go(path), "runOnly: ['color-contrast']")


@pytest.mark.parametrize("small", [{"color_scheme": scheme} for scheme in ("light", "dark")], indirect=True)
def test_no_barriers_in_any_part(small: Visit) -> None:
    page = small.go(SMALL)
    assert_no_barriers(page)
    page.locator("figure.plot .enlarge").first.click()
    assert_no_barriers(page)


def assert_no_barriers(page: Page, rules: str = ALL_RULES) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    page.add_script_tag(path=AXE)
    # the visible half of a formula is hidden from readers' aids, which get the MathML beside it
    found = page.evaluate(f"axe.run({{exclude: ['.katex-html']}}, {{resultTypes: ['violations'], {rules}}})")
    serious = [
        f"{barrier['id']}: {node['target']} {node['failureSummary']}"
        for barrier in found["violations"]
        if barrier["impact"] in ("serious", "critical")
        for node in barrier["nodes"]
    ]
    assert not serious, "\n".join(serious)
    assert found["passes"]
