"""Tests of statistics, repeated over many seeds: how often do they cry wolf?

    python -m reliability.statistics [--seeds 200] [--laws WORD ...] [--models-only] [--json FILE]

Every law that ``tests/statistics`` tests with one seed is tested with many. Counted are tests with an alarm
and without; alarms are unexplained where they are more than the stated rate allows. Under the promised law
the probabilities of deviations are uniform: a name of which those of all seeds are not (Kolmogorov and
Smirnov, at the stated rate for all names together) is unexplained, too.
"""

import argparse
import os
import sys
from collections import defaultdict

import numpy as np
from scipy import stats

from reliability.tally import Tally, add_json, finish
from tests.statistics.alarms import ALPHA, alarms
from tests.statistics.laws import LAWS, Law


def repeat(laws: dict[str, Law], seeds: range) -> Tally:
    """Test laws with every seed."""
    tally = Tally("tests of statistics over many seeds", "tests")
    found: dict[str, list[float]] = defaultdict(list)
    cries: list[str] = []
    for name, law in laws.items():
        for seed in seeds:
            p_values = law(seed)
            cry = alarms(p_values)
            cries += [f"{name}, seed {seed}: {'; '.join(cry)}"] * bool(cry)
            tally.outcomes["false alarm" if cry else "no alarm"] += 1
            for what, p in p_values.items():
                found[f"{name}: {what}"].append(p)
    n = tally.outcomes.total()
    if stats.binom.sf(len(cries) - 1, n, ALPHA) < ALPHA:
        tally.outcomes["false alarm"] = 0
        tally.failures += cries
    every = np.concatenate([np.array(some) for some in found.values()])
    tally.facts |= {
        "seeds": len(seeds),
        "laws": len(laws),
        "false alarms expected": f"{n * ALPHA:.2g}",
        **({"alarms": "; ".join(cries)} if cries else {}),
        "probabilities": f"{every.size:,} of {len(found)} names",
        **{f"below {level}": f"{(every < level).mean():.5f}" for level in (0.1, 0.01, 0.001)},
    }
    return judge(tally, found)


def judge(tally: Tally, found: dict[str, list[float]]) -> Tally:
    """Add whether probabilities are uniform over seeds, name by name."""
    uniform = {name: float(stats.kstest(some, "uniform").pvalue) for name, some in found.items()}
    worst = min(uniform, key=lambda name: uniform[name])
    tally.facts["farthest from uniform"] = f"{worst}, p = {uniform[worst]:.1e} of {len(uniform)}"
    tally.failures += [f"not uniform over seeds: {alarm}" for alarm in alarms(uniform)]
    return tally


def main(words: list[str] | None = None) -> int:
    """Read the command line, test, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--laws", nargs="+", default=[""], metavar="WORD", help="with one in the name")
    parser.add_argument("--models-only", action="store_true", help="without the adapters' laws")
    add_json(parser)
    arguments = parser.parse_args(words)
    known = dict(LAWS)
    if not arguments.models_only:
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
        from tests.statistics.adapter_laws import LAWS as OF_ADAPTERS

        known |= OF_ADAPTERS
    laws = {name: law for name, law in known.items() if any(word in name for word in arguments.laws)}
    if not laws:
        parser.error(f"No law has such a word: there are {', '.join(known)}. Received: {arguments.laws}")
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    return finish([repeat(laws, seeds)], arguments.json)


if __name__ == "__main__":
    sys.exit(main())
