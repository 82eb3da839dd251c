"""Code blocks of a page, run in their order as a reader would run them."""

import glob
import re
import shlex

from tests.cli_support import run

_BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page):
    """(language, text) of each block of Python, and of each of the shell."""
    return _BLOCK.findall(page.read_text(encoding="utf-8"))


def run_blocks(page):
    """Run them all in the current folder, `ffref ...` in this process; return what was printed."""
    names, said = {"__name__": "__main__"}, []
    for language, text in blocks(page):
        if language == "python":
            exec(compile(text, str(page), "exec"), names)
            continue
        for line in text.splitlines():
            program, *words = shlex.split(line, comments=True)
            assert program == "ffref", line
            outcome = run(*(path for word in words for path in _expanded(word)))
            assert outcome.code == 0, (line, outcome)
            said.append(outcome.out)
    return said


def _expanded(word):
    return (sorted(glob.glob(word)) or [word]) if "*" in word else [word]
