"""``gmmaug cache``: decoded photos kept for the next time."""

import typer

from gmmaug_plugin.cli.running import say
from gmmaug_plugin.images.cache import CacheInfo, cache_info, clear_cache

cache_app = typer.Typer(
    help="Decoded photos kept for the next time.", no_args_is_help=True, pretty_exceptions_enable=False
)


@cache_app.command("info")
def info_command() -> None:
    """Tell where the cache is and what it holds."""
    info = cache_info()
    say(f"{info.folder}: {_amount(info)}; at most {info.limit / 1e9:g} GB")


@cache_app.command("clear")
def clear_command() -> None:
    """Remove everything in the cache; fits that use it go on, but cannot be resumed from what was there."""
    before = clear_cache()
    say(f"Removed {_amount(before)} from {before.folder}")


def _amount(info: CacheInfo) -> str:
    sets = f"{info.n_entries} photo set{'' if info.n_entries == 1 else 's'}, "
    fits = f"{info.n_unfinished} unfinished fit{'' if info.n_unfinished == 1 else 's'}, "
    return f"{sets}{fits * bool(info.n_unfinished)}{info.size / 1e6:.1f} MB"
