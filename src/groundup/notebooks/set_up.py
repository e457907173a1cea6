"""The first code cell of every notebook: the source of `set_up` itself, for a notebook may stand alone."""

from __future__ import annotations

import inspect
import json


def cell(needed: list[str], address: str) -> str:
    """The source of the cell.

    `address` is that of the wheel on the site, with `#sha256=` and its hash at the end; "" where the notebook is not
    from one.
    """
    return f"# @title Set-up\n{inspect.getsource(set_up)}\n\nset_up({json.dumps(needed)}, {json.dumps(address)})"


def set_up(needed: list[str], address: str) -> None:
    """Find the packages that this notebook needs, or install them: from the wheel beside it, or from the site.

    What another wheel has installed is replaced, for its version may be the same.
    """
    import hashlib
    import importlib.util
    import json
    import site
    import subprocess
    import sys
    from importlib import metadata
    from pathlib import Path

    def missing() -> list[str]:
        importlib.invalidate_caches()
        return [name for name in needed if importlib.util.find_spec(name) is None]

    def installed() -> str:
        """The hash of the wheel that was installed; nothing where none was, as in a copy of the book."""
        found = next(iter(metadata.distributions(name="groundup")), None)
        origin = json.loads(found.read_text("direct_url.json") or "{}") if found else {}
        return str(origin.get("archive_info", {}).get("hash", "")).removeprefix("sha256=")

    wheels = sorted(map(str, Path().glob("groundup-*.whl")))
    source, _, wanted = address.partition("#sha256=")
    if wheels:
        source, wanted = wheels[-1], hashlib.sha256(Path(wheels[-1]).read_bytes()).hexdigest()
    names, why = " and ".join(needed), "no wheel lies beside it"
    if not missing() and (not wanted or installed() in ("", wanted)):
        print(f"{names}: found")
        return
    if source:
        print(f"installing {source}, and PyTorch where that is missing: this may take minutes", flush=True)
        pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--retries", "1", source]
        for options in ([["--force-reinstall", "--no-deps"]] if installed() else []) + [[]]:
            done = subprocess.run([*pip, *options], capture_output=True, text=True)
            if done.returncode:
                break
        if site.ENABLE_USER_SITE:  # where pip puts it if this Python is not yours to write to
            site.addsitedir(site.getusersitepackages())
        if not missing() and not done.returncode:
            print(f"{names}: installed")
            return
        why = (done.stderr.strip() or "pip said no more").splitlines()[-1]
    if not missing():
        print(f"{names}: found, of another edition than this notebook, for {source} could not be installed: {why}")
        return
    raise ImportError(
        f"this notebook needs {' and '.join(missing())}, which could not be installed from {source or 'anywhere'}: "
        f"{why}\nDownload the wheel, groundup-….whl, from the page of the chapter, put it beside this notebook (in "
        "Colab: Files, then Upload) and run this cell again. In a copy of the book, choose its environment, .venv, as "
        "the notebook's kernel instead."
    )
