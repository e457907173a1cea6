"""A real browser for the tests: how it is started, the site that it visits, and what may not go wrong there."""

from __future__ import annotations

import contextlib
import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NO_CHROMIUM = "no Chromium here: install it (Debian and Ubuntu: sudo apt-get install chromium) to run these tests"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
AXE = Path(__file__).parents[1] / "site" / "vendor" / "axe.min.js"
PHONE, TABLET, WIDE, WIDEST = ({"width": width, "height": 900} for width in (390, 768, 1280, 1600))
PATIENCE = 30_000  # milliseconds: beside the browser the chapters run, and another worker
ALL_RULES = "runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']"

expect.set_options(timeout=PATIENCE)


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


class Visit:
    """One tab on the site that remembers what went wrong in it."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        self.address = address
        self.problems: list[str] = []
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
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


@contextlib.contextmanager
def tab(browser: Browser, address: str, **options: Any) -> Iterator[Visit]:
    """A visit that ends without an error, a failed request or a request to elsewhere."""
    context = browser.new_context(**{"viewport": WIDE, **options})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address.rstrip("/"))
    visit = Visit(context, address)
    yield visit
    problems = list(visit.problems)  # before the tab is closed, which stops what still loads
    context.close()
    assert not problems, problems


def assert_no_barriers(page: Page, rules: str = ALL_RULES, within: str = "html") -> None:
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=AXE)
    # the visible half of a formula is hidden from readers' aids, which get the MathML beside it
    where = f"{{include: ['{within}'], exclude: ['.katex-html']}}"
    # to preload is for sounds, and takes a third of a second
    found = page.evaluate(f"axe.run({where}, {{resultTypes: ['violations'], preload: false, {rules}}})")
    serious = [
        f"{barrier['id']}: {node['target']} {node['failureSummary']}"
        for barrier in found["violations"]
        if barrier["impact"] in ("serious", "critical")
        for node in barrier["nodes"]
    ]
    assert not serious, "\n".join(serious)
    assert found["passes"]


# Of the elements with text, the first of each kind that was not seen yet. Those of one kind have the same place in the
# page's structure, and up to its root the same colours in the scheme that is on.
MARK_KINDS = """seen => {
    document.querySelectorAll("[data-of-its-kind]").forEach(e => e.removeAttribute("data-of-its-kind"))
    const known = new Map([[null, ""]])
    const short = text => {  // all the way to the root would be long, and there are thousands of elements
        let [one, other] = [0, 0]
        for (let index = 0; index < text.length; index++) {
            one = Math.imul(one, 31) + text.charCodeAt(index) | 0
            other = Math.imul(other ^ text.charCodeAt(index), 16777619)
        }
        return `${one} ${other}`
    }
    const looks = ["color", "backgroundColor", "backgroundImage", "opacity", "fontSize", "fontWeight"]
    const kind = e => {
        if (!known.has(e)) {
            const style = getComputedStyle(e)
            const own = `${e.tagName}.${e.className} ${looks.map(name => style[name])}`
            known.set(e, short(`${kind(e.parentElement)} > ${own}`))
        }
        return known.get(e)
    }
    const hasText = e => [...e.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim())
    const texts = [...document.querySelectorAll("body :not(.katex-html *)")].filter(hasText).reverse()
    const before = new Set(seen)
    const fresh = new Map(texts.map(e => [kind(e), e]).filter(([name]) => !before.has(name)))
    fresh.forEach(e => e.setAttribute("data-of-its-kind", ""))
    return [...fresh.keys()]
}"""

# The visible half of each formula, and the words of code but for the first of their kind, keep their room alone.
THIN = """() => {
    document.querySelectorAll(".katex-html").forEach(formula => {
        const { width, height } = formula.getBoundingClientRect()
        formula.style.cssText = `display: inline-block; width: ${width}px; height: ${height}px`
        formula.replaceChildren()
    })
    document.querySelectorAll(".highlight code span:not([data-of-its-kind], :has(*))").forEach(word => {
        word.replaceWith(word.textContent)
    })
}"""


def thin(page: Page, seen: set[str]) -> None:
    """Take from a page what axe would walk through for seconds, and not look at."""
    page.evaluate(MARK_KINDS, list(seen))
    page.evaluate(THIN)


def assert_contrast(page: Page, seen: set[str]) -> None:
    """Of every kind of text, in the colours that the page has on, that was not seen yet, here or on another page."""
    fresh = page.evaluate(MARK_KINDS, list(seen))
    seen.update(fresh)
    if fresh:
        assert_no_barriers(page, "runOnly: ['color-contrast']", within="[data-of-its-kind]")
