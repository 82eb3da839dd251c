"""How the site is built: `sphinx-build -W docs FOLDER` (extra `docs`).

Mathematics becomes MathML, which browsers show without a script and without a network.
"""

import re
import sys
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parents[1]))

from ffref import __version__

project = "ffref"
copyright = "the ffref developers"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "index"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
default_role = "code"  # `name` in docstrings
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_param = False  # the types are words on shapes, no names to link to
suppress_warnings = ["ref.python"]
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the numpydoc sections say more
html_theme = "furo"
html_title = "ffref"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_copy_source = False

_TAG = re.compile(r"\\tag\{([^}]*)\}")
_CODE = re.compile(r"(``.+?``|`[^`]+?`)")
_MARKUP = re.compile(r"([*|]|_(?=\W|$))")


def _mathml(latex: str, display: str) -> str:
    made = convert(latex, display=display)
    if "\\" in re.sub(r"<[^>]*>", "", made):
        raise ValueError(f"no MathML for {latex}: {made}")
    return made


def _inline(translator: Any, node: nodes.Element) -> None:  # noqa: ANN401
    translator.body.append(_mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.Element) -> None:  # noqa: ANN401
    """A formula, and its tag, which is also its address: `hff.html#HFF.1`."""
    latex = node.astext()
    tags = [escape(tag) for tag in _TAG.findall(latex)]
    label = "".join(f'<a class="tag" id="{tag}" href="#{tag}">({tag})</a>' for tag in tags)
    formula = _mathml(_TAG.sub("", latex), "block")
    translator.body.append(f'<div class="formula"><div>{formula}</div>{label}</div>')
    raise nodes.SkipNode


def _plain_text(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Docstrings hold formulas as plain text: their stars and bars are no markup."""
    for number, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...", ":", "..")):
            parts = _CODE.split(line)
            parts[::2] = [_MARKUP.sub(r"\\\1", part) for part in parts[::2]]
            lines[number] = "".join(parts)


def setup(app: Sphinx) -> None:
    """Register what is above."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    app.connect("autodoc-process-docstring", _plain_text, priority=400)  # before napoleon
