"""The docs and the code say the same."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TAG = re.compile(r"\(([A-Z]+\.\d+)\)")
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


def code_tags() -> list[str]:
    """Tags in comments of the package, in order; a tag may close two lines (two speeds)."""
    sources = (path.read_text() for path in (ROOT / "ffref").rglob("*.py"))
    lines = (line for source in sources for line in source.splitlines())
    return [tag for line in lines if "#" in line for tag in TAG.findall(line.split("#", 1)[1])]


def page_tags() -> list[str]:
    text = "".join(path.read_text() for path in (ROOT / "docs" / "derivations").glob("*.md"))
    return re.findall(r"\\tag\{([A-Z]+\.\d+)\}", text)


def test_every_tag_in_the_code_is_derived_on_a_page_and_back():
    assert set(code_tags()) == set(page_tags())
    assert len(page_tags()) > 60


def test_no_equation_is_tagged_twice_on_the_pages():
    assert len(page_tags()) == len(set(page_tags()))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_functions_named_in_the_index_exist():
    index = (ROOT / "docs" / "README.md").read_text()
    places = re.findall(r"`([a-z_/]+\.py): ([a-z_; ]+)`", index)
    assert len(places) > 10
    for file, names in places:
        source = (ROOT / "ffref" / file).read_text()
        for name in names.split("; "):
            assert f"def {name}(" in source, (file, name)


def test_readme_has_the_two_commands_that_ci_runs():
    readme = (ROOT / "README.md").read_text()
    ci = (ROOT / ".ci" / "run").read_text()
    for command in (
        "python -m pip install . && ffref train",
        "python -m pip install '.[test]' && python -m pytest",
    ):
        assert command in readme
        assert command in ci


def test_the_worked_example_of_contributing_is_the_code():
    (shown,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL
    )
    assert shown in (ROOT / "ffref" / "objectives" / "mono_forward.py").read_text()
    assert 20 < shown.count("\n") < 60
