"""Code on the pages: all of it is at least read as a reader's machine would read it.

Here flags are parsed, scripts looked for and Python compiled. What takes seconds is run, in
tests/test_tutorials.py and tests of the rooms; all else on little data, in tests/test_doc_runs.py.
"""

import re
import shlex

import pytest

from ffref.cli.parsers import build_parser
from tests.doc_blocks import blocks
from tests.test_docs import PAGES, ROOT

WITH_CODE = [page for page in PAGES if blocks(page)]
OTHERS = {"pip", "pytest", "dask", "bash", "pre-commit", "sphinx-build", "eval"}
_SETTING = re.compile(r"^[A-Z_]+=\S*")


def commands(text):
    """Words of each command of a block of the shell, its parts joined by && or & apart."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(re.sub(r"\$\([^)]*\)", "FOLDER", line), comments=True)
        while words and _SETTING.match(words[0]):
            words = words[1:]
        part = []
        for word in [*words, "&&"]:
            if word in ("&&", "&", "|", ">"):
                if part:
                    yield part
                part = []
                if word == ">":
                    break
            else:
                part.append(word)


def check(words):
    if words[0] == "ffref":
        build_parser().parse_args(words[1:])
    elif words[0] == "python" and words[1].endswith(".py"):
        assert (ROOT / words[1]).is_file(), words
    elif words[:2] == ["python", "-m"] and words[2].startswith("benchmarks."):
        assert (ROOT / f"{words[2].replace('.', '/')}.py").is_file(), words
    else:
        program = words[2] if words[:2] == ["python", "-m"] else words[0]
        assert program in OTHERS, words


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_code_of_a_page_is_code(page):
    for language, text in blocks(page):
        if language == "python":
            compile(text, str(page), "exec")
        else:
            for words in commands(text):
                check(words)


def test_a_flag_that_does_not_exist_is_noticed():
    with pytest.raises(ValueError, match="--epoch;"):
        check(next(commands("FFREF_THREADS=1 ffref train --epoch 3 && ls")))
    with pytest.raises(AssertionError):
        check(["python", "benchmarks/none.py"])
