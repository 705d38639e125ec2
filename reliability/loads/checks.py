"""What is checked of a load, beside its control, and what counts as unexplained."""

import random
import signal
from collections import Counter
from typing import Any, Literal

from reliability.loads.interrupts import Ending, Program, interrupted, without_worker
from reliability.loads.loads import load_class
from reliability.tally import Tally

MOST_GROWTH = 50.0
"""Bytes a batch that memory may grow beyond the control's: 5 MB in 100,000 batches."""

SLACK = 1
"""Of anything that may be left beyond what the control leaves: a thread that is just ending."""

OF_BATCHES = ("files", "mapped")
"""What a batch in shared memory is counted among."""

DAY = 86_400.0
WAIT = 60.0
"""Seconds after which a trainer whose worker died is taken to wait for it."""

IN_PROCESS = frozenset({"gmm_dataset", "mix", "mix-vary", "mix-multiscale", "keras-threads"})
"""Loads without worker processes that could die."""

IN_TF_DATA = frozenset({"gmm_dataset", "mix", "mix-vary", "mix-multiscale"})
"""Loads of which the trainer itself runs tf.data."""


def _pair(check: str, load: str, options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Results with gmmaug and without."""
    results = []
    for plain in (False, True):
        with Program(check, load, {**options, "plain": plain}) as program:
            results.append(program.result(DAY))
    return results[0], results[1]


def beyond(left: dict[str, int], control: dict[str, int], held: int = 0) -> dict[str, int]:
    """What is left that the framework alone does not leave as well.

    How many batches were ready when an epoch was left is up to chance: the control may have had fewer.
    """
    allowed = {name: max(control.get(name, 0), held if name in OF_BATCHES else 0) for name in left}
    return {name: n for name, n in left.items() if n > allowed[name] + SLACK}


def check_batches(load: str, n: int) -> Tally:
    """Memory stays flat, and nothing is left."""
    tally = Tally(f"long load of {load}", "batches")
    ours, control = _pair("batches", load, {"batches": n})
    tally.outcomes["given"] = ours["batches"]
    for name, result in (("with gmmaug", ours), ("control", control)):
        tally.facts[name] = _row(result)
    allowed = MOST_GROWTH + max(0.0, control["slope"])
    # Of few batches there is no telling: a page is much for them.
    if ours["batches"] >= 20_000 and ours["slope"] > allowed:
        tally.failures.append(f"memory grows by {ours['slope']:.0f} bytes a batch, {allowed:.0f} allowed")
    more = beyond(ours["left"], control["left"])
    if more:
        tally.failures.append(f"left beyond the control: {more}")
    return tally


def _row(result: dict[str, Any]) -> str:
    during, left = result["during"], result["left"]
    return (
        f"{result['batches']:,} batches, {result['seconds']:.0f} s, "
        f"{result['batches'] / result['seconds']:.0f} a second; "
        f"{result['at_tenth'] / 1e6:.1f} MB at 10 %, {result['at_end'] / 1e6:.1f} MB at the end, "
        f"{result['slope']:.1f} bytes a batch ({result['own_slope']:.1f} in the trainer); "
        f"{during['processes']} processes, {during['threads']} threads, {during['files']} files during; "
        f"left: {left or 'nothing'}"
    )


def check_stops(load: str, n: int, per_epoch: int = 50, patience: float = 20.0) -> Tally:
    """Epochs abandoned midway leave nothing, and the next epoch is right."""
    tally = Tally(f"stops amid an epoch of {load}", "stops")
    ours, control = _pair("stops", load, {"stops": n, "per_epoch": per_epoch, "patience": patience})
    explained = "left what the framework leaves" if ours["left_of"] else "nothing left"
    tally.outcomes[explained] = ours["stops"]
    for way, left in ours["left_of"].items():
        tally.facts[f"left after {way}"] = f"{left}, control {control['left_of'].get(way, {})}"
        more = beyond(left, control["left_of"].get(way, {}), load_class(load).held)
        if more:
            tally.failures.append(f"{way} left beyond the control: {more}")
    tally.failures += [ours["fault"]] if ours["fault"] else []
    return tally


def check_interrupts(load: str, n: int) -> Tally:
    """Ctrl-C amid an epoch ends the program in time, and nothing is left."""
    tally = Tally(f"Ctrl-C in {load}", "interrupts")
    chance = random.Random(0)
    targets: tuple[Literal["group", "trainer"], ...] = ("group", "trainer")
    slowest = 0.0
    for number in range(n):
        target = targets[number % 2]
        ending = interrupted(load, target, chance)
        slowest = max(slowest, ending.seconds)
        if ending.clean:
            what = "folders of PyTorch's sockets" if ending.left else "nothing"
            tally.outcomes[f"{target} interrupted, {what} left"] += 1
        elif load in IN_TF_DATA and aborted_by_tensorflow(ending):
            tally.outcomes[f"{target} aborted by TensorFlow, nothing left"] += 1
        else:
            tally.failures.append(f"{target}: {ending.outcome}, left {ending.left}: {ending.said[-300:]!r}")
    tally.facts["slowest"] = f"{slowest:.1f} s"
    return tally


def aborted_by_tensorflow(ending: Ending) -> bool:
    """Whether a program ended as TensorFlow's do without gmmaug, too, and left nothing.

    TensorFlow 2.21, interrupted amid an epoch of tf.data, may end in an abort: 3 of 60 programs with gmmaug,
    3 of 16 without.
    """
    return (
        ending.outcome == f"ended with status -{signal.SIGABRT}"
        and "free(): invalid next size" in ending.said
        and not ending.left
    )


def check_workers(load: str, n: int, per_epoch: int = 200) -> Tally:
    """What becomes of a trainer whose worker is killed; only processes left behind are unexplained."""
    tally = Tally(f"a worker of {load} killed", "kills")
    signs = (signal.SIGTERM, signal.SIGKILL)
    told: Counter[str] = tally.outcomes
    for number in range(n):
        sign = signs[number % 2]
        ending = without_worker(load, {"plain": False, "per_epoch": per_epoch}, sign, WAIT)
        if any(left.startswith("process") for left in ending.left):
            tally.failures.append(f"{sign.name}: {ending.outcome}, left {ending.left}")
        else:
            told[f"{sign.name}: {ending.outcome}"] += 1
    return tally
