"""The names that source uses and binds at the top level, and where."""

from __future__ import annotations

from textwrap import dedent

import pytest

from groundup.checkpoint.names import names

# what it is, the source, its uses as "name:line:when"
USES = [
    ("as it runs", "print(x)\ny = z", "print:1:now x:1:now z:2:now"),
    ("in a function", "def f(a, *b, c=d, **e):\n    g = 1\n    return a, b, c, e, g, h", "d:1:now h:3:later"),
    ("a function names itself", "def f():\n    return f()", "f:2:later"),
    ("a decorator", "@a.b(c)\ndef f(): pass", "a:1:now c:1:now"),
    ("annotations", "def f(a: A, *b: B, c: C = d, **e: E) -> R: pass", None),
    ("a quoted annotation", 'def f(a: "A | list[B]") -> "Literal": pass', None),
    ("strings of a Literal are no names", 'x: Literal["a"] = 1', "Literal:1:annotation"),
    ("text that is no expression", 'x: Annotated[int, "in metres"] = 1', "Annotated:1:annotation int:1:annotation"),
    ("of a local variable", "def f():\n    x: A = 1", "A:2:later"),
    ("under the future import", "from __future__ import annotations\nx: A = 1", "A:2:annotation"),
    ("on its own line", "def f(\n    a: A,\n    b=(\n        c),\n): pass", "A:2:annotation c:4:now"),
    ("a class", "class C(B, metaclass=M):\n    a = b\n    c = a", "B:1:now M:1:now b:2:now"),
    ("a method does not see its class", "class C:\n    a = 1\n    def f(self): return a", "a:3:later"),
    ("private names", "class _C:\n    def f(self, __a):\n        __b = 1\n        return __a, __b", ""),
    ("super", "class C:\n    def f(self): return super().f, __class__", "super:2:later"),
    ("a lambda", "f = lambda a, b=c: a + b + d", "c:1:now d:1:later"),
    ("two lambdas on a line", "f = lambda a: a + b, lambda b: a + b", "b:1:later a:1:later"),
    ("a comprehension", "[a + b for a in c for d in a if d if e]", "c:1:now b:1:now e:1:now"),
    ("its first iterable stands outside", "[a for a in a]", "a:1:now"),
    ("one in another", "{a: [b for b in a] for a in {c for c in d}}", "d:1:now"),
    ("one in a class", "class C:\n    a = 1\n    b = [a for _ in a]", "a:3:now"),
    ("one in a function", "def f(a):\n    return (a + b + c for b in a)", "c:2:later"),
    ("a closure", "def f(a):\n    def g():\n        nonlocal a\n        return a + b\n    return g", "b:4:later"),
    ("a global", "def f():\n    global a\n    a = 1\n    return a", "a:4:later"),
    ("an f-string", "def f(a): return f'{a} {b:{c}}'", "b:1:later c:1:later"),
    ("local imports and exceptions", "def f():\n    import a\n    try: a\n    except E as e: e", "E:4:later"),
    ("a walrus", "def f(): return [b := a, [c := d for d in b], c]", "a:1:later"),
    ("deleting is no use", "del a", ""),
    ("an attribute", "a.b.c = 1", "a:1:now"),
    ("match", "def f(a):\n    match a:\n        case B(x=[c, *d]) | {'k': c, **d} as e: return c, d, e", "B:3:later"),
]
EXPECTED = {
    "annotations": "d:1:now A:1:annotation B:1:annotation C:1:annotation E:1:annotation R:1:annotation",
    "a quoted annotation": "A:1:quoted list:1:quoted B:1:quoted Literal:1:quoted",
}


@pytest.mark.parametrize(("name", "source", "uses"), USES, ids=[row[0] for row in USES])
def test_uses(name: str, source: str, uses: str | None) -> None:
    found = sorted(f"{load.name}:{load.line}:{load.when}" for load in names(source).loads)
    assert found == sorted((EXPECTED[name] if uses is None else uses).split())


def test_bound() -> None:
    source = dedent("""\
        import a.b, c as d
        from e import f as g, h
        def i(j): k = 1
        class l: m = 1
        n, (o, *p) = [q for q in ()]
        r: int = 1
        for s in (): t = 1
        with u as v: pass
        try: pass
        except E as w: pass
        [x := 1 for y in ()]
        def z():
            global A
            A = 1
        n = 2
        """)
    assert names(source).bound == {
        "a": 1, "d": 1, "g": 2, "h": 2, "i": 3, "l": 4, "n": 5, "o": 5, "p": 5, "r": 6,
        "s": 7, "t": 7, "v": 8, "w": 10, "x": 11, "z": 12, "A": 14,
    }  # fmt: skip
