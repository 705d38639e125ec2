"""The report on disk."""

from pathlib import Path

from gmmaug_plugin.evaluation.report.contents import ReportContents
from gmmaug_plugin.evaluation.report.figures import as_json
from gmmaug_plugin.evaluation.report.page import render
from gmmaug_plugin.files import write_whole

PAGE, NUMBERS = "index.html", "report.json"


def write_report(folder: str | Path, contents: ReportContents) -> Path:
    """Write ``index.html``, one self-contained page, and ``report.json``, its figures.

    Both are whole or untouched; a report that is there already is replaced. The same contents give the
    same bytes.

    Args:
        folder: Where to; made when absent.
        contents: What to tell, of :func:`~gmmaug_plugin.evaluation.report.gather`.

    Returns:
        The page.

    Raises:
        ImportError: matplotlib or jinja2 is not installed; says which extra brings them.
        ValueError: ``folder`` is a file.
        OSError: The report cannot be written; one that was there is untouched.

    Example:
        >>> write_report("report", contents)  # doctest: +SKIP
        PosixPath('report/index.html')
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"A report is written into a folder. Received: {str(folder)!r}, which is a file")
    page, numbers = render(contents).encode("utf-8"), as_json(contents).encode("ascii")
    folder.mkdir(parents=True, exist_ok=True)
    # The figures are put in place when the page is on the disk and has only to be renamed, so that a full
    # disk leaves neither of them new beside an old one.
    write_whole(folder / PAGE, page, check=lambda _: write_whole(folder / NUMBERS, numbers))
    return folder / PAGE
