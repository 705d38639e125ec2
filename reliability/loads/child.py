"""One load in a program of its own: ``python -m reliability.loads.child CHECK LOAD OPTIONS``, in JSON."""

import json
import random
import signal
import sys
import time
from dataclasses import asdict
from typing import Any

from reliability.loads.loads import load_class
from reliability.loads.measuring import Meter, slope
from reliability.loads.setting import Load

SAMPLES = 100
LEAST_APART = 50
"""Batches between samples: to sum up the pages of a large program takes tenths of a second."""

PATIENCE = 20.0
"""Seconds that what is no longer used may take to go."""

MARK_EVERY = 10
"""Batches after which a load without end tells how far it is."""

MOST_AT_ONCE = 20
"""Epochs before a run looks at the clock."""


def _nothing(_: Any) -> None:
    """After a batch that nobody measures."""


def _made(name: str, options: dict[str, Any]) -> Load:
    kind = load_class(name)
    return kind(options["plain"], options.get("per_epoch") or kind.per_epoch)


def _warm_up(name: str, options: dict[str, Any]) -> None:
    """What a framework keeps from its first epochs on is nobody's leak."""
    with _made(name, {**options, "per_epoch": 20}) as load:
        load.train(2, _nothing)
        del load


def batches(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Go through many batches and tell what was in use on the way."""
    wanted, meter = options["batches"], Meter()
    options["per_epoch"] = min(options.get("per_epoch") or load_class(name).per_epoch, wanted)
    _warm_up(name, options)
    before = meter.settled(meter.usage(), 0)
    places: list[int] = []
    amounts: list[tuple[int, int]] = []
    done, every = 0, max(LEAST_APART, wanted // SAMPLES)

    def tick(_: Any) -> None:
        nonlocal done
        done += 1
        if done % every == 0:
            places.append(done)
            amounts.append(meter.memory())
            sys.stderr.write(f"{done} batches, {time.perf_counter() - began:.0f} s, {amounts[-1]} bytes\n")

    began = time.perf_counter()
    with _made(name, options) as load:
        epochs = -(-wanted // load.steps)
        while epochs > 0 and time.perf_counter() - began < options.get("seconds", float("inf")):
            some = min(epochs, MOST_AT_ONCE)
            load.train(some, tick)
            epochs -= some
        seconds = time.perf_counter() - began
        during = meter.usage()
        del load
    after = meter.settled(before, PATIENCE)
    return {
        "batches": done,
        "seconds": round(seconds, 1),
        **_of_memory(places, amounts),
        "before": asdict(before),
        "during": asdict(during),
        "after": asdict(after),
        "left": after.more_than(before),
    }


def _of_memory(places: list[int], amounts: list[tuple[int, int]]) -> dict[str, Any]:
    """Memory of the trainer and of all its family, over the batches."""
    own, together = ([amount[i] for amount in amounts] for i in (0, 1))
    tenth = len(places) // 10
    return {
        "own_slope": slope(places, own),
        "slope": slope(places, together),
        "at_tenth": together[tenth],
        "at_end": together[-1],
        "own_at_tenth": own[tenth],
        "own_at_end": own[-1],
        "samples": list(zip(places, own, together, strict=True)),
    }


def stops(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Abandon epochs in every way there is; tell what is left, and whether the next epoch is right."""
    meter, chance = Meter(), random.Random(0)
    ways = load_class(name).ways
    with _made(name, options) as load:
        for way in ways:
            load.abandon(way, 2)
        load.train(1, _nothing)
        before = meter.settled(meter.usage(), 0)
        left: dict[str, dict[str, int]] = {}
        for way in ways:
            began_with = meter.usage()
            for _ in range(-(-options["stops"] // len(ways))):
                load.abandon(way, chance.randint(1, load.steps - 1))
            left[way] = meter.settled(began_with, options["patience"]).more_than(began_with)
        fault = load.fault()
        after = meter.settled(before, options["patience"])
        del load
    closed = meter.settled(before, options["patience"])
    return {
        "stops": -(-options["stops"] // len(ways)) * len(ways),
        "before": asdict(before),
        "after": asdict(after),
        "left_of": {way: what for way, what in left.items() if what},
        "left": closed.more_than(before),
        "fault": fault,
    }


def forever(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """Train until something happens; say how far it is."""
    done = 0

    def tick(_: Any) -> None:
        nonlocal done
        done += 1
        if done % MARK_EVERY == 0:
            sys.stdout.write(f"{done} batches\n")
            sys.stdout.flush()

    with _made(name, options) as load:
        load.train(1_000_000, tick)
    return {}


CHECKS = {"batches": batches, "stops": stops, "forever": forever}

if __name__ == "__main__":
    # A shell starts programs in the background with Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    check, load_name, given = sys.argv[1:]
    result = CHECKS[check](load_name, json.loads(given))
    sys.stdout.write(f"\n{json.dumps(result)}\n")
