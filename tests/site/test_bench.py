"""The bench: the exercises of chapters 1 and 2 worked in the page, by Pyodide in a browser and without one."""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.books import BOOK
from helpers.browser import CHROMIUM, FLAGS, NO_CHROMIUM, PHONE, Visit, assert_no_barriers, served, tab
from helpers.exercises import mistakes
from helpers.small import execute, small_book
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

from groundup import site
from groundup.chapter import names, parse, parse_book
from groundup.site import bench
from groundup.site.bench import fetching, lessons

ATTEMPT = [Path(names.__file__), *(fetching.PAGE / name for name in ("printed.py", "attempt.py"))]
PAGES = {number: f"chapters/{BOOK.chapter(number).stem}/" for number in bench.CHAPTERS}
RIGHT = """def mse(predictions, targets):
    if len(predictions) != len(targets):
        raise ValueError(f"{len(predictions)} predictions, {len(targets)} targets")
    return sum((p - t) ** 2 for p, t in zip(predictions, targets)) / len(targets)
"""
WRONG = """def mse(predictions, targets):
    print("two words")
    return sum((p - t) ** 2 for p, t in zip(predictions, targets))
"""
ENDLESS = 'print("so far")\nwhile True:\n    pass\n'

# What a page has: the standard library, and attempt.py as a module. Lines of JSON in, lines of JSON out.
DESK = """
import importlib.util, json, sys
for file in sys.argv[1:]:
    found = importlib.util.spec_from_file_location(file.split("/")[-1].removesuffix(".py"), file)
    attempt = sys.modules[found.name] = importlib.util.module_from_spec(found)
    found.loader.exec_module(attempt)
for line in sys.stdin:
    printed = []
    outcome = json.loads(attempt.work(*json.loads(line), printed.append))
    print(json.dumps(outcome | {"printed": "".join(printed), "parts": len(printed)}), flush=True)
assert not {"numpy", "torch", "matplotlib", "groundup"} & set(sys.modules)
"""


@functools.cache
def lesson(number: int) -> str:
    return json.dumps(lessons.lesson(BOOK, parse(BOOK.chapter(number))))


def solution(number: int, name: str) -> str:
    parts = parse(BOOK.chapter(number)).exercises[name].part("solution")
    return "\n\n".join(part.source for part in parts if part.is_code)


def stub(number: int, name: str) -> str:
    return json.loads(lesson(number))["exercises"][name]["stub"]


def worked(*attempts: tuple[int, str, str]) -> list[dict[str, Any]]:
    """What becomes of some attempts (chapter, exercise, answer) in a Python without the book and its libraries."""
    tasks = "".join(json.dumps([lesson(number), name, answer]) + "\n" for number, name, answer in attempts)
    command = [sys.executable, "-I", "-S", "-c", DESK, *map(str, ATTEMPT)]
    done = subprocess.run(command, input=tasks, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("number", bench.CHAPTERS)
def test_stubs_solutions_and_classic_mistakes(number: int) -> None:
    """They come out as in the chapter's own run (tests/test_exercises.py)."""
    names = list(parse(BOOK.chapter(number)).exercises)
    wrong = list(mistakes(number).values())
    attempts = [
        *((number, name, stub(number, name)) for name in names),
        *((number, name, solution(number, name)) for name in names),
        *((number, str(cell.exercise), cell.source) for cell in wrong),
    ]
    found = worked(*attempts)
    stubs, solved, others = found[: len(names)], found[len(names) : 2 * len(names)], found[2 * len(names) :]
    assert {outcome["stage"] for outcome in stubs} == {"untouched"}
    assert [outcome for outcome in solved if outcome["stage"] != "passed"] == []
    amiss = [
        (cell.keys["message"], outcome)
        for cell, outcome in zip(wrong, others, strict=True)
        if (outcome["stage"], outcome["error"]) != ("check", "AssertionError")
        or str(cell.keys["message"]) not in outcome["message"]
    ]
    assert amiss == []


def test_an_answer_may_use_other_names_of_the_chapter() -> None:
    """Those of cells that the exercise itself needs not, too, and through functions of the answer."""
    found = worked(
        (1, "largest_stable_lr", "print(len(hours), line_loss([0.0, 0.0]) > 1000)"),
        (2, "relu", "def seen():\n    return len(rises)\nprint(seen())"),
        (1, "third_input", "def third_input(x1, x2):\n    return random.random()"),
        (1, "linear_grad", "print(len(images))"),
    )
    assert found[0]["printed"] == "40 True\n"
    assert found[1]["printed"].strip().isdigit()
    assert "another number the second time" in found[2]["message"]
    assert (found[3]["stage"], found[3]["message"][:31]) == ("book", "the digits are not in this page")


@pytest.mark.parametrize(
    ("answer", "stage", "error", "message", "line"),
    [
        ("def mse(:\n    pass", "answer", "SyntaxError", "invalid syntax", 1),
        ("x = 1\n  y = 2", "answer", "IndentationError", "unexpected indent", 2),
        ("\0", "answer", "(SyntaxError|ValueError)", "null bytes", 0),
        ("\n1 / 0", "answer", "ZeroDivisionError", "division by zero", 2),
        ("def mse(p, t):\n\n    return p.sum()", "check", "AttributeError", "no attribute 'sum'", 3),
        ("def mse(p, t):\n    return mse(p, t)", "check", "RecursionError", "recursion", 2),
        ("import numpy as np", "answer", "ModuleNotFoundError", "there is no numpy in this page", 1),
        ("exit(0)", "answer", "(SystemExit|NameError)", "", 1),
        ("raise KeyboardInterrupt", "answer", "KeyboardInterrupt", "", 1),
        ("input('?')", "answer", "RuntimeError", "nobody can type", 1),
        ("x = 1", "unchecked", "", "after your code there is no `mse`: keep the name", 0),
        ("abs = len\ndef mse(p, t): return 0", "unchecked", "", "the check relies on `abs`: give yours", 0),
        ("# nothing yet", "untouched", "", "", 0),
        (" + ".join(["x = 1", *["1"] * 3000]), "(answer|unchecked)", "(|RecursionError)", "", 0),
        ("assert 1 > 2, 'my own'", "answer", "AssertionError", "my own", 1),
        ("def mse(p, t):\n    assert 0", "answer", "AssertionError", "", 2),
        ("def mse(p, t):\n    return [*range(10**5)]", "check", "AssertionError", "(and more)", 0),
        ("class E(Exception):\n    def __str__(self): 1 / 0\nraise E", "answer", "E", "", 3),
        ("raise SyntaxError(5)", "answer", "SyntaxError", "", 1),
        ("raise ModuleNotFoundError('who')", "answer", "ModuleNotFoundError", "who", 1),
        ("import js", "answer", "ModuleNotFoundError", "there is no js in this page", 1),
        ("from pyodide.code import run_js", "answer", "ModuleNotFoundError", "there is no pyodide", 1),
    ],
)
def test_errors_name_the_line_of_the_answer(answer: str, stage: str, error: str, message: str, line: int) -> None:
    (found,) = worked((1, "mse", answer))
    assert re.fullmatch(stage, found["stage"])
    assert re.fullmatch(error, found["error"])
    assert message in found["message"]
    assert found["line"] == line
    assert len(found["message"]) < 2100


def test_an_attempt_leaves_nothing_behind() -> None:
    rude = (
        "import builtins, sys, warnings\nbuiltins.sum = builtins.abs = None\nbuiltins.kept = 1\n"
        "sys.setrecursionlimit(50)\nsys.path.clear()\nsys.stdout = None\nwarnings.simplefilter('error')\n"
        "import json, math, random, warnings\nsys.modules['ch01.linear'] = None\nmse = lambda p, t: 1\n"
        "random.gauss = math.sqrt = json.dumps = json.loads = sys.setrecursionlimit = sys.modules = None\n"
        "builtins.set = builtins.str = builtins.isinstance = builtins.len = None\n"
    )
    found = worked(
        (1, "mse", rude), (1, "mse", "print(kept)"), (1, "mse", RIGHT), (2, "forward", solution(2, "forward"))
    )
    assert found[0]["stage"] == "check"
    assert found[1]["error"] == "NameError"
    assert [outcome["stage"] for outcome in found[2:]] == ["passed", "passed"]


def test_what_is_printed_has_an_end() -> None:
    (found,) = worked((1, "mse", f"print('x' * 10**6)\nprint('later')\n{RIGHT}"))
    assert found["stage"] == "passed"
    assert found["printed"].endswith("and more, which is not shown\n")
    assert len(found["printed"]) < 21_000


def test_what_is_printed_comes_at_once() -> None:
    lines = "print()\n" * 5 + "for _ in range(10_000):\n    print()\n    print('', end='', flush=True)\n"
    few, many = worked((1, "mse", "print('a', end='')"), (1, "mse", lines))
    assert (few["printed"], few["parts"]) == ("a", 1)
    assert (many["printed"], many["parts"]) == ("\n" * 10_005, 10_005)


def test_what_is_fetched_is_pinned() -> None:
    wanted = json.loads((fetching.PAGE / "package.json").read_text(encoding="utf-8"))["dependencies"]
    text = (fetching.PAGE / "package-lock.json").read_text(encoding="utf-8")
    packages = json.loads(text)["packages"]
    assert {name: packages[f"node_modules/{name}"]["version"] for name in wanted} == wanted, "exact versions"
    assert all(package["integrity"] for name, package in packages.items() if name)
    assert "://" not in text, "where they come from is npm's business"
    version = wanted["pyodide"]
    assert f"pyodide {version}," in (fetching.PAGE / "PYODIDE.txt").read_text(encoding="utf-8")


NPM = (
    '#!/bin/sh\necho "npm error code ENOTFOUND" >&2\necho "npm error network request to somewhere failed" >&2\nexit 1\n'
)


@pytest.mark.parametrize(
    ("npm", "why"),
    [
        (None, "npm is not here: install Node.js, then make site"),
        (NPM, "npm failed (network request to somewhere failed): look at the network, then make site"),
    ],
)
def test_without_npm(npm: str | None, why: str, tmp_path: Path, monkeypatch: Any, request: Any, capfd: Any) -> None:
    """The site is built without the bench, one line says so, and the page is as it was."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in (("npm", npm), ("node", NPM)):
        if npm:
            (tools / name).write_text(text or "", encoding="utf-8")
            (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for cached in (fetching.fetched, bench.found):
        cached.cache_clear()
        request.addfinalizer(cached.cache_clear)
    book = small_book(tmp_path / "book")
    site.build(book, parse_book(book))
    assert capfd.readouterr().err.splitlines()[-1] == f"no exercise can be worked in the page: {why}"
    assert not list((tmp_path / "cache").rglob("bench-*")), "nothing half-made"
    assert not (book.site / "assets" / "bench").exists()
    text = (book.site / "chapters" / "01_linear_model" / "index.html").read_text(encoding="utf-8")
    assert 'class="exercise"' in text
    assert "Work it here" not in text
    assert site.is_current(book), "nothing is tried again"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a site with chapters 1 and 2, as if they had been run, is served."""
    files, reason = bench.found()
    if files is None:
        pytest.skip(f"the site has no bench here: {reason}")
    book = small_book(tmp_path_factory.mktemp("bench"))
    for number in PAGES:
        shutil.copy(BOOK.chapter(number), book.root / "chapters")
        shutil.copytree(BOOK.checkpoint(number), book.checkpoint(number), dirs_exist_ok=True)
    shutil.copy(book.results(1), book.results(2))
    execute(book)
    site.build(book, parse_book(book))
    with served(book.site) as url:
        yield url


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip(NO_CHROMIUM)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


class Desk:
    """An exercise's card in a tab: its bench is opened, answers are typed, and the check is run."""

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.card = page.locator(f".exercise:has([name$='.{name}'])")
        self.text = self.card.locator(".cm-content")
        self.says = self.card.get_by_role("status")

    def open(self) -> Desk:
        if not self.text.count():
            self.card.locator(".work button").click()
            expect(self.text).to_be_focused()
        expect(self.card.locator(".bench-loading")).to_be_empty()
        return self

    def button(self, name: str) -> Locator:
        return self.card.get_by_role("button", name=name)

    def type(self, answer: str) -> None:
        self.text.focus()
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.insert_text(answer)

    def run(self, answer: str, says: str) -> None:
        self.type(answer)
        self.page.keyboard.press("ControlOrMeta+Enter")
        expect(self.says).to_contain_text(says)


STOPPED = "net::ERR_ABORTED"
NOT_OURS = (
    "executing a cancelled action",  # the theme, when its clock is taken away
    "logo.svg", "INTERNET_DISCONNECTED",  # the tab's picture, which Chromium asks for again
)  # fmt: skip


@contextlib.contextmanager
def visiting(browser: Browser, address: str, **options: Any) -> Iterator[Visit]:
    """A visit that ends without an error, a failed request or a request to elsewhere, which would be refused."""
    with tab(browser, address, **options) as visit:
        outside = lambda url: not url.startswith((address, "blob:", "data:"))  # noqa: E731
        visit.page.context.route(outside, lambda route: route.abort())
        # who leaves a page stops what it still loads
        visit.page.on("requestfailed", lambda r: r.failure != STOPPED and visit.problems.append(f"failed {r.url}"))
        yield visit


@pytest.fixture(scope="module")
def first(browser: Browser, address: str) -> Iterator[Visit]:
    """Chapter 1 in a tab that several tests share: Python takes a while to begin."""
    with visiting(browser, address) as visit:
        visit.go(PAGES[1])
        yield visit
        visit.problems[:] = [problem for problem in visit.problems if not any(map(problem.__contains__, NOT_OURS))]


def test_a_wrong_answer_has_its_message_and_the_solution_passes(first: Visit) -> None:
    fetched: list[str] = []
    first.page.on("request", lambda request: fetched.append(request.url))
    desk = Desk(first.page, "mse")
    expect(desk.button("Work it here")).to_be_visible()
    expect(desk.card.locator(".work")).to_contain_text(re.compile(r"loads 1\d MB once per visit"))
    assert not any("/bench/" in url for url in fetched)
    desk.open()
    assert any(url.endswith(".wasm") for url in fetched)
    expect(desk.text).to_contain_text("raise NotImplementedError")
    desk.page.keyboard.press("ControlOrMeta+Enter")
    expect(desk.says).to_contain_text("Not started Line 10: raise NotImplementedError")
    desk.run(WRONG, "Not yet that is the sum of the squares: divide by how many there are")
    expect(desk.card.locator(".out")).to_contain_text("two words")
    expect(desk.card.locator(".done input")).not_to_be_checked()
    desk.run("def mse(p, t):\n    return p.sum()", "Error Line 2: AttributeError")
    expect(desk.card.locator(".bench-wrong")).to_contain_text("p.sum()")
    desk.run(RIGHT, "Passed")
    expect(desk.card.locator(".done input")).to_be_checked()
    expect(desk.card.locator(".out:visible, .bench-wrong")).to_have_count(0)


def test_an_endless_loop_is_stopped_without_a_network(first: Visit) -> None:
    desk = Desk(first.page, "numerical_grad").open()
    first.page.context.set_offline(True)
    desk.run(ENDLESS, "Running")
    expect(desk.card.locator(".out")).to_contain_text("so far")
    desk.button("Stop").click()
    expect(desk.says).to_contain_text("Stopped Python begins anew")
    for flood in ("print('', end='')", "print(flush=True)"):
        desk.run(f"while True: {flood}", "Running")
        first.page.wait_for_timeout(200)
        desk.button("Stop").click()
        expect(desk.says).to_contain_text("Stopped")
        assert desk.card.locator(".out").evaluate("out => out.childNodes.length") <= 1
    desk.run(solution(1, "numerical_grad"), "Passed")
    first.page.context.set_offline(False)


def test_what_python_cannot_do_is_told(first: Visit) -> None:
    desk = Desk(first.page, "mse").open()
    deep = "import sys\nsys.setrecursionlimit(10**9)\n"
    before = len(first.problems)
    desk.run(f"{deep}def f(x):\n    return [*map(f, [x])]\nf(0)", "Error It goes too deep")
    del first.problems[before:]  # Pyodide has told the console as well
    desk.run("import js\njs.self.close()", "Error Line 1: ModuleNotFoundError: there is no js in this page")
    desk.run("def mse(p, t):\n    assert 0", "Error Line 2: an assert of your own fails")
    desk.run(RIGHT, "Passed The exercise is marked as done. What I did is below")


def test_what_is_said_is_about_the_text_that_was_tried(first: Visit) -> None:
    desk = Desk(first.page, "mse").open()
    desk.run(WRONG, "Not yet")
    expect(desk.says).not_to_have_class(re.compile("before"))
    first.page.keyboard.type("x")
    expect(desk.says).to_have_class(re.compile("before"))
    assert desk.card.locator(".cm-gutters").evaluate("gutter => getComputedStyle(gutter).backgroundColor[3]") != "a"
    desk.run(ENDLESS, "Running")
    first.page.once("dialog", lambda dialog: dialog.accept())
    desk.button("Begin anew").click()
    expect(desk.text).to_contain_text("raise NotImplementedError")
    expect(desk.says).to_have_text(" ")
    expect(desk.card.locator(".out")).not_to_be_visible()
    desk.run(RIGHT, "Passed")


def test_the_focus_stays_on_the_buttons(first: Visit) -> None:
    desk = Desk(first.page, "mse").open()
    desk.type(WRONG)
    desk.button("Run check").press("Enter")
    expect(desk.says).to_contain_text("Not yet")
    expect(desk.button("Run check")).to_be_focused()
    here = first.page.url
    first.page.keyboard.press("n")  # elsewhere, the theme turns the page
    desk.type(ENDLESS)
    desk.button("Run check").press("Enter")
    expect(desk.card.locator(".out")).to_contain_text("so far")
    desk.button("Stop").press("Enter")
    expect(desk.says).to_contain_text("Stopped")
    expect(desk.button("Stop")).to_be_focused()
    assert first.page.url == here


def test_two_tabs_have_one_answer(first: Visit) -> None:
    here = Desk(first.page, "mse").open()
    here.type("x = 1")
    other = Visit(first.page.context, first.address)
    there = Desk(other.go(PAGES[1]), "mse")
    there.card.locator(".work button").click()
    expect(there.text).to_have_text("x = 1")
    there.type("x = 2")
    expect(here.text).to_have_text("x = 2")
    here.type("x = 3")
    expect(there.text).to_have_text("x = 3")
    there.card.locator(".done input").set_checked(False)
    expect(here.card.locator(".done input")).not_to_be_checked()
    other.page.close()


def test_who_leaves_the_page_stops_what_runs(first: Visit) -> None:
    desk = Desk(first.page, "mse").open()
    desk.run(ENDLESS, "Running")
    first.page.evaluate("globalThis.same = true")
    link = first.page.locator(f"a[href$='{PAGES[2].removeprefix('chapters/')}']").first
    link.evaluate("link => link.click()")
    after = Desk(first.page, "relu").open()
    assert first.page.evaluate("globalThis.same"), "the theme put the page in the place of the other"
    after.run(solution(2, "relu"), "Passed")
    first.go(PAGES[1])


def test_every_solution_of_chapter_1_passes(first: Visit) -> None:
    for name in parse(BOOK.chapter(1)).exercises:
        Desk(first.page, name).open().run(solution(1, name), "Passed")


def test_time_runs_out(first: Visit) -> None:
    desk = Desk(first.page, "is_gradient").open()
    first.page.clock.install()  # from here until the page is loaded anew
    desk.run(ENDLESS, "Running")
    expect(desk.card.locator(".out")).to_contain_text("so far")
    first.page.clock.fast_forward(31_000)
    expect(desk.says).to_contain_text("Stopped It was not done after 30 seconds")
    desk.run(solution(1, "is_gradient"), "Passed")


def test_the_text_survives_a_reload(first: Visit) -> None:
    first.page.reload()  # the last test has stopped its clock
    desk = Desk(first.page, "third_input").open()
    desk.type("kept = 'Größe'")
    first.page.reload()
    desk.button("Go on with your answer").click()
    expect(desk.text).to_have_text("kept = 'Größe'")
    first.page.once("dialog", lambda dialog: dialog.dismiss())
    desk.button("Begin anew").click()
    expect(desk.text).to_have_text("kept = 'Größe'")
    first.page.once("dialog", lambda dialog: dialog.accept())
    desk.button("Begin anew").click()
    expect(desk.text).to_contain_text("raise NotImplementedError")
    first.page.reload()
    expect(desk.button("Work it here")).to_be_visible()


def test_every_solution_of_chapter_2_passes(first: Visit) -> None:
    first.go(PAGES[2])
    for name in parse(BOOK.chapter(2)).exercises:
        Desk(first.page, name).open().run(solution(2, name), "Passed")
    first.go("")
    count = len(parse(BOOK.chapter(2)).exercises)
    expect(first.page.locator(".map .state").nth(1)).to_contain_text(f"{count} of {count} exercises done")


def test_keyboard_phone_and_paper(browser: Browser, address: str) -> None:
    with visiting(browser, address, viewport=PHONE) as visit:
        page = visit.go(PAGES[2])
        desk = Desk(page, "forward")
        desk.button("Work it here").press("Enter")
        expect(desk.text).to_be_focused()
        desk.type("def forward():")
        page.keyboard.press("Enter")
        page.keyboard.type("fns = (1")  # letters that would search, or turn to the next page
        expect(desk.text).to_contain_text("    fns = (1)")
        page.keyboard.press("Tab")
        expect(desk.text).to_be_focused()
        page.keyboard.press("Escape")
        page.keyboard.press("Tab")
        expect(desk.button("Run check")).to_be_focused()
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        page.add_style_tag(content="* { transition: none !important; }")
        for scheme in ("default", "slate"):
            page.evaluate(f"document.body.dataset.mdColorScheme = '{scheme}'")
            assert_no_barriers(page, within=".exercise:has(.bench)")
        page.emulate_media(media="print")
        expect(desk.card.locator(".work")).not_to_be_visible()
        expect(desk.card.locator(".stuck")).not_to_be_visible()


def test_without_a_script(browser: Browser, address: str) -> None:
    with visiting(browser, address, java_script_enabled=False) as visit:
        page = visit.go(PAGES[1])
        expect(page.locator(".exercise .work").first).not_to_be_visible()
        expect(page.locator(".exercise .stuck").first).to_be_visible()
        expect(visit.go("").locator(".kept")).not_to_be_visible()


def test_where_the_bench_cannot_be_loaded(browser: Browser, address: str) -> None:
    with visiting(browser, address) as visit:
        page = visit.go(PAGES[1])
        page.route("**/assets/bench/*", lambda route: route.abort())
        desk = Desk(page, "mse")
        desk.button("Work it here").click()
        expect(desk.says).to_contain_text("It could not be loaded. Look at your network")
        visit.problems.clear()


PYTHONS = ("worker.js", "attempt.py", "*.zip", "*.wasm")


def test_where_python_cannot_be_loaded(browser: Browser, address: str) -> None:
    """Cut off, or another page in a file's place: what is needed is fetched anew at the next run."""
    with visiting(browser, address) as visit:
        page = visit.go(PAGES[1])
        desk = Desk(page, "mse")
        ways: dict[str, Callable[[Route], None]] = {
            "cut off": lambda route: route.abort(),
            "another page": lambda route: route.fulfill(body="<!doctype html><p>Sign in", status=200),
        }
        why = "Python could not be loaded. Look at your network"
        page.route("**/worker.js", ways["cut off"])
        desk.card.locator(".work button").click()
        expect(desk.says).to_contain_text(f"Not loaded {why}")
        page.unroute("**/worker.js")
        for file, way in itertools.product(PYTHONS, ways):
            page.route(f"**/{file}", ways[way])
            desk.type(f"# {file}: {way}")
            page.keyboard.press("ControlOrMeta+Enter")
            expect(desk.says).not_to_have_class(re.compile("before"))  # what was said of the text before
            expect(desk.says).to_contain_text(f"Not run {why}")
            page.unroute(f"**/{file}")
        desk.run(RIGHT, "Passed")
        visit.problems.clear()


def test_where_nothing_can_be_kept(browser: Browser, address: str) -> None:
    with visiting(browser, address) as visit:
        visit.page.add_init_script("Storage.prototype.setItem = () => { throw new Error() }")
        visit.go(PAGES[1])
        desk = Desk(visit.page, "mse").open()
        expect(desk.card.locator(".bench-help")).to_contain_text("Your text cannot be kept here")
        desk.run(RIGHT, "Passed What I did is below, to compare.")


def test_a_way_out_for_who_is_stuck(browser: Browser, address: str) -> None:
    with visiting(browser, address) as visit:
        page = visit.go(PAGES[1])
        page.locator(".stuck").last.click()
        page.wait_for_timeout(800)  # the theme writes where it believes to be
        assert page.url.endswith("how-to-read/#stuck")
        expect(page.locator("#stuck")).to_be_in_viewport()
