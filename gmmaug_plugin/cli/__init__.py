"""The commands: ``gmmaug-fit``, and ``gmmaug fit | sample | export | vary | inspect | report | evaluate``."""

from typing import Annotated

import typer

from gmmaug_plugin.cli.common import run
from gmmaug_plugin.cli.photo_commands import fit_command, vary_command
from gmmaug_plugin.cli.pool_commands import export_command, inspect_command, sample_command
from gmmaug_plugin.cli.report_commands import evaluate_command, report_command

app = typer.Typer(
    help="Training images out of Gaussian mixtures.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
fit_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

fit_app.command()(fit_command)
app.command("fit")(fit_command)
app.command("sample")(sample_command)
app.command("export")(export_command)
app.command("vary")(vary_command)
app.command("inspect")(inspect_command)
app.command("report")(report_command)
app.command("evaluate")(evaluate_command)


def main() -> None:
    """Run ``gmmaug``."""
    run(app)


def main_fit() -> None:
    """Run ``gmmaug-fit``."""
    run(fit_app)


def _show_version(wanted: bool) -> None:
    if wanted:
        from gmmaug_plugin import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _gmmaug(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Training images out of Gaussian mixtures."""
