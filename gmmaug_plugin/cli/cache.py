"""``gmmaug cache``: decoded photos kept for the next time."""

import typer

from gmmaug_plugin.cli.running import say
from gmmaug_plugin.images.cache import cache_info, clear_cache

cache_app = typer.Typer(
    help="Decoded photos kept for the next time.", no_args_is_help=True, pretty_exceptions_enable=False
)


@cache_app.command("info")
def info_command() -> None:
    """Tell where the cache is and what it holds."""
    info = cache_info()
    say(f"{info.folder}: {_amount(info.n_entries, info.size)}; at most {info.limit / 1e9:g} GB")


@cache_app.command("clear")
def clear_command() -> None:
    """Remove everything in the cache; fits that use it go on."""
    before = clear_cache()
    say(f"Removed {_amount(before.n_entries, before.size)} from {before.folder}")


def _amount(n_entries: int, size: int) -> str:
    return f"{n_entries} photo set{'' if n_entries == 1 else 's'}, {size / 1e6:.1f} MB"
