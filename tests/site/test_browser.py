"""The site in a real browser: folds, search, palette, copying, narrow screens, barriers, and nothing from elsewhere."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.books import BOOK
from helpers.browser import (
    ALL_RULES,
    CHROMIUM,
    FLAGS,
    NO_CHROMIUM,
    PHONE,
    TABLET,
    WIDE,
    WIDEST,
    Visit,
    assert_contrast,
    assert_no_barriers,
    served,
    tab,
    thin,
)  # fmt: skip
from helpers.built import built_site
from helpers.small import small_book
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from groundup import site
from groundup.chapter import parse_book

SMALL = "chapters/01_linear_model/"  # the one chapter of the small book
CHAPTERS = [f"chapters/{path.stem}/" for path in BOOK.chapters().values()]
PAGES = ["", *CHAPTERS, "diffs/01/", "ledger/", "notation/", "glossary/", "setup/", "how-to-read/"]


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
        pytest.skip(NO_CHROMIUM)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A visit to the real book."""
    yield from _visit(browser, address, request)


@pytest.fixture
def small(browser: Browser, small_address: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A visit to the small book."""
    yield from _visit(browser, small_address, request)


def _visit(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    with tab(browser, address, **getattr(request, "param", {})) as started:
        yield started


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
    mark = page.get_by_role("img", name="1 of 1 exercises done")
    assert mark.first.evaluate("mark => mark.style.getPropertyValue('--share')") == "1"
    page.reload()
    expect(page.locator(".done input")).to_be_checked()
    expect(mark).to_have_count(1)  # of the two, the other is the drawer's
    expect(page.locator(".guess input").first).to_have_value("41")
    small.go("")
    expect(page.locator(".map .state").first).to_contain_text("1 of 1 exercises done")
    small.go(SMALL)
    page.locator(".done input").uncheck()
    expect(mark).to_have_count(0)
    small.go("")
    expect(page.locator(".map .state").first).not_to_contain_text("done")


def test_marks_are_taken_elsewhere(small: Visit, tmp_path: Path) -> None:
    page = small.go(SMALL)
    page.locator(".done input").check()
    page.locator(".guess input").first.fill("41")
    small.go("")
    kept, state = page.locator(".kept"), page.locator(".map .state").first
    with page.expect_download() as download:
        kept.get_by_role("button", name="Save it to a file").click()
    file = tmp_path / "meine Größe.json"
    download.value.save_as(file)
    assert json.loads(file.read_text(encoding="utf-8"))["kept"]["done.1.mse"] == "1"
    answers = iter(["dismiss", "accept", "accept"])
    page.on("dialog", lambda dialog: getattr(dialog, next(answers))())
    kept.get_by_role("button", name="Clear it").click()
    expect(state).to_contain_text("1 of 1 exercises done")
    kept.get_by_role("button", name="Clear it").click()
    expect(state).not_to_contain_text("done")
    expect(kept.get_by_role("status")).to_have_text("Cleared.")

    def take(path: Path) -> None:
        with page.expect_file_chooser() as chooser:
            kept.get_by_role("button", name="Take it from a file").click()
        chooser.value.set_files(path)

    take(file)
    expect(state).to_contain_text("1 of 1 exercises done")
    expect(kept.get_by_role("status")).to_have_text("Took 2 things from meine Größe.json.")
    small.go(SMALL)
    expect(page.locator(".guess input").first).to_have_value("41")
    page.locator(".guess input").first.fill("43")
    small.go("")
    take(file)  # asked, for something is different
    expect(kept.get_by_role("status")).to_contain_text("Took 2 things")
    small.go(SMALL)
    expect(page.locator(".guess input").first).to_have_value("41")
    assert not list(answers)


OTHER_FILES = (
    "no JSON",
    "null",
    "[]",
    '{"kept": {}}',
    '{"kept": {"done.1.mse": "1"}}',
    '{"book": "Another", "kept": {"done.1.mse": "1"}}',
    '{"book": "Deep Learning from the Ground Up", "kept": {"done.1.mse": 1, "done.99.x": "1"}}',
    '{"kept": "done.1.mse"}',
)


def test_other_files_are_refused(small: Visit, tmp_path: Path) -> None:
    page = small.go("")
    for number, text in enumerate(OTHER_FILES):
        file = tmp_path / f"{number}.json"
        file.write_text(text, encoding="utf-8")
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Take it from a file").click()
        chooser.value.set_files(file)
        refused = f"{number}.json is no file that was saved here; nothing was changed."
        expect(page.locator(".kept [role=status]")).to_have_text(refused)
    assert page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('book.'))") == []


def test_of_a_file_what_is_good_is_taken(small: Visit, tmp_path: Path) -> None:
    page = small.go("")
    good = {"done.1.mse": "1", "guess.1.1": "41", "code.1.mse": "x = 1"}
    bad = {"code.1.other": "x", "done.1.other": "1", "guess.2.1": "1", "probe": "1", "code.1.mse2": "x" * 100_001}
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"book": "Deep Learning from the Ground Up", "kept": good | bad}), encoding="utf-8")
    status = page.locator(".kept [role=status]")

    def take() -> None:
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Take it from a file").click()
        chooser.value.set_files(file)

    take()
    expect(status).to_have_text("Took 3 things from mine.json. 5 things in it are not known here, and left out.")
    assert page.evaluate("remembered.all()") == good
    assert not page.evaluate("remembered.write('code.1.mse', 'x'.repeat(100_001))"), "no file could bring it"
    page.evaluate("() => { Storage.prototype.setItem = () => { throw new Error() } }")
    take()
    expect(status).to_contain_text("Took 0 of 3 things from mine.json: your browser has no room for the rest.")


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
    for part in ("details.hint p", "details.aside p", "details.happened > p"):
        expect(page.locator(part).first).to_be_visible()
    expect(page.locator("details.solution p").first).not_to_be_visible()
    ink = page.locator("article .lead p").first.evaluate("e => getComputedStyle(e).color")
    expect(page.locator("figure.plot img[src$='only-light']").first).to_be_visible()
    expect(page.locator("figure.plot img[src$='only-dark']").first).not_to_be_visible()
    assert max(map(int, ink.removeprefix("rgb(").removesuffix(")").split(","))) < 110, "dark on white paper"


def test_a_solution_prints_if_the_reader_has_opened_it(small: Visit) -> None:
    page = small.go(SMALL)
    page.locator("details.solution > summary").focus()
    page.keyboard.press("Enter")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator("details.solution p").first).to_be_visible()


def test_a_hit_of_the_search_in_a_solution_opens_nothing(small: Visit) -> None:
    page = small.go(f"{SMALL}?h=zebra#exercise-11-a-loss")
    expect(page.locator("details.solution mark").first).to_be_attached()
    page.wait_for_timeout(300)
    assert page.locator("article details[open]").count() == 0


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


# A busy machine may be quiet for half a second before it draws, and fetch the letters only then.
DRAWN = """async () => {
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame)
    await document.fonts.ready
}"""


@pytest.fixture(scope="module", params=PAGES)
def visited(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[tuple[Page, dict[str, bytes]]]:
    """A page of the real book in a tab of its own, and what it fetched: for several tests, as it takes a while."""
    fetched: list[Request] = []

    def keep(request: Request) -> None:
        fetched.append(request)

    with tab(browser, address) as visit:
        visit.page.on("requestfinished", keep)
        with visit.page.expect_request_finished(lambda each: each.url.endswith("/sitemap.xml")):  # our scripts have run
            visit.go(request.param)
        visit.page.evaluate(DRAWN)
        visit.page.wait_for_load_state("networkidle")
        visit.page.remove_listener("requestfinished", keep)
        yield visit.page, {each.url: each.response().body() for each in fetched}


@pytest.fixture(scope="module")
def opened(visited: tuple[Page, dict[str, bytes]]) -> Page:
    """The page with every fold open; what changes does so at once."""
    page, _ = visited
    page.add_style_tag(content="* { transition: none !important; }")
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    return page


@pytest.mark.parametrize("visited", CHAPTERS, indirect=True)
def test_first_view_is_light(visited: tuple[Page, dict[str, bytes]]) -> None:
    _, bodies = visited
    packed = ("woff2", "png")
    sizes = {url: len(b) if url.endswith(packed) else len(gzip.compress(b, 9)) for url, b in bodies.items()}
    assert {".css", ".js", ".woff2"} <= {Path(url).suffix for url in sizes}
    assert len(sizes) > 10
    assert sum(sizes.values()) <= 350 * 1024, sizes


@pytest.fixture(scope="module")
def kinds() -> set[str]:
    """The kinds of text whose contrast has been looked at."""
    return set()


def test_figures_load(opened: Page) -> None:
    opened.evaluate("document.querySelectorAll('article img').forEach(image => image.loading = 'eager')")
    opened.wait_for_function("[...document.querySelectorAll('article img')].every(image => image.complete)")
    assert opened.evaluate("[...document.querySelectorAll('article img')].every(image => image.naturalWidth > 0)")


@pytest.mark.parametrize("visited", CHAPTERS, indirect=True)
def test_code_fits_the_page(opened: Page) -> None:
    cut = "code => code.filter(c => c.scrollWidth > c.clientWidth).map(c => c.innerText.split('\\n')[0])"
    assert opened.locator("article .cell .highlight code").evaluate_all(cut) == []


def test_no_page_scrolls_sideways(opened: Page) -> None:
    try:
        for size in (PHONE, TABLET, WIDEST, WIDE):
            opened.set_viewport_size(size)
            fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
            opened.wait_for_function(fits)  # some parts take a moment to their new width
            # what is wider than the page must be in something that scrolls
            wide = opened.locator("article :not(.katex *, .unseen)").evaluate_all(
                """found => found.filter(e => e.getBoundingClientRect().right > innerWidth + 1 && e.checkVisibility()
                     && !e.closest("pre, .math, .md-typeset__scrollwrap, .diff-body, .out-html"))
                   .map(e => e.outerHTML.slice(0, 120))"""
            )
            assert (size, wide) == (size, [])
    finally:
        opened.set_viewport_size(WIDE)


@pytest.fixture(scope="module")
def thinned(opened: Page, kinds: set[str]) -> Page:
    thin(opened, kinds)
    return opened


def test_no_barriers(thinned: Page) -> None:
    assert_no_barriers(thinned, f"{ALL_RULES}, rules: {{'color-contrast': {{enabled: false}}}}")


def test_both_schemes_have_contrast(thinned: Page, kinds: set[str]) -> None:
    """All that the scheme changes is colour. The button puts it on like this: a visit keeps the one it began with."""
    put_on = "scheme => document.body.setAttribute('data-md-color-scheme', scheme)"
    light = thinned.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    assert_contrast(thinned, kinds)
    assert len(kinds) > 20
    thinned.evaluate(put_on, "slate")
    try:
        assert thinned.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") != light
        assert_contrast(thinned, kinds)
    finally:
        thinned.evaluate(put_on, "default")


@pytest.mark.parametrize("visit", [{"viewport": PHONE}], indirect=True)
@pytest.mark.parametrize("path", ["", CHAPTERS[0]])
def test_no_barriers_on_a_phone(visit: Visit, path: str) -> None:
    assert_no_barriers(visit.go(path))


@pytest.mark.parametrize("small", [{"color_scheme": scheme} for scheme in ("light", "dark")], indirect=True)
def test_no_barriers_in_any_part(small: Visit) -> None:
    page = small.go(SMALL)
    assert_no_barriers(page)
    page.locator("figure.plot .enlarge").first.click()
    assert_no_barriers(page)
