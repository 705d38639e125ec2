"""The report as one self-contained web page."""

import base64
import hashlib
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from gmmaug_plugin.evaluation.report import views
from gmmaug_plugin.evaluation.report.contents import ReportContents
from gmmaug_plugin.extras import require
from gmmaug_plugin.images.files import printable


def render(contents: ReportContents) -> str:
    """Write the page.

    Every text is escaped on its way into the page, and the page forbids itself, by its security policy, to
    load anything or to run any script but its own.

    Raises:
        ImportError: matplotlib or jinja2 is not installed; says which extra brings them.
    """
    jinja2 = require("jinja2", extra="report")
    markup = require("markupsafe", extra="report").Markup

    def shown(value: Any) -> Any:
        # Names of files and classes may hold line breaks, half characters and marks that turn text around.
        return printable(value) if isinstance(value, str) and not isinstance(value, markup) else value

    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    script = _source("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    template = environment.from_string(_source("page.html.jinja"))
    return str(
        template.render(
            contents=contents,
            views=views,
            style=markup(_source("page.css")),
            script=markup(script),
            script_digest=digest,
            svg=markup,
            version=version("gmmaug-plugin"),
        )
    )


def _source(name: str) -> str:
    return (files("gmmaug_plugin.evaluation.report") / name).read_text(encoding="utf-8")
