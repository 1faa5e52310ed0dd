#!/usr/bin/env python3
"""Writes src/tollbook/_sync from src/tollbook/_async: the same client without `await`.

    python tools/unasync.py           writes it
    python tools/unasync.py --check   says whether it is what would be written
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "tollbook"

WORDS = {
    "AsyncClient": "Client",
    "AsyncIterator": "Iterator",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "aclose": "close",
    "anyio": "time",
}


def sync(source: str, name: str) -> str:
    """The same without `await`."""
    # An await in parentheses only for a subscript or an attribute needs neither.
    source = re.sub(r"\basync (def|for|with)\b", r"\1", source)
    source = re.sub(r"\bawait ", "", source)
    source = re.sub(r"\b(" + "|".join(WORDS) + r")\b", lambda word: WORDS[word[1]], source)
    return f"# Generated from _async/{name} by tools/unasync.py: change that one.\n{source}"


def main() -> int:
    stale = []
    for file in sorted((PACKAGE / "_async").glob("*.py")):
        target = PACKAGE / "_sync" / file.name
        if file.name == "__init__.py":
            wanted = '"""The client without `await`, generated from the one with it: see tools/unasync.py."""\n'
        else:
            wanted = sync(file.read_text(), file.name)
        if not target.is_file() or target.read_text() != wanted:
            stale.append(target)
            if "--check" not in sys.argv:
                target.write_text(wanted)
    for target in stale:
        print(("stale: " if "--check" in sys.argv else "written: ") + str(target.relative_to(PACKAGE)))
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
