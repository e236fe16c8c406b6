"""How pages are made of templates that escape every word of the user's, and how their files are written."""

from __future__ import annotations

from pathlib import Path

import jinja2
from markupsafe import Markup

from attune.errors import EnvironmentFault
from attune.report.view import metric_name, number, place, short, span

_TEMPLATES = Path(__file__).with_name("templates")


def template(name: str) -> jinja2.Template:
    """A page of ours, which escapes everything and knows how numbers and places are written."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "metric": metric_name, "place": place, "span": span, "short": short}
    return environment.get_template(name, globals={"style": ours("style.css")})


def ours(name: str) -> Markup:
    """A style or a script that stands beside the templates: it holds no text of the user's."""
    return Markup((_TEMPLATES / name).read_text(encoding="utf-8"))


def replace_file(path: Path, text: str) -> Path:
    """Write UTF-8 beside the path and rename, so that a reader never sees half a file.

    Raises:
        EnvironmentFault: the disk does not take it.
    """
    beside = path.with_name(path.name + ".tmp")
    try:
        # A lone surrogate is legal in JSON and not in UTF-8: it becomes "?" here.
        beside.write_bytes(text.encode("utf-8", "replace"))
        return beside.replace(path)
    except OSError as error:
        what = f"cannot write the file: {error.strerror or error}"
        raise EnvironmentFault(what, where=str(path), fix="check the folder and the space on the disk") from error
