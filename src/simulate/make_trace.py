#!/usr/bin/env python3
"""Makes trace.csv, the trace that `tollbook simulate` uses when none is given.

    python3 make_trace.py > trace.csv

10,000 invented requests to a code assistant over about an hour. Arrivals are a Poisson process
(exponential gaps); token counts are lognormal, cut off at what a model takes and gives: long
contexts (median about 1,100 tokens), short answers (median about 16), a heavy tail in both, which
is how published traces of such services look. The seed is fixed and only arithmetic of the
standard library is used, so the same file comes out again.
"""

import random
from datetime import datetime, timedelta

ROWS = 10_000
MEAN_GAP_SECONDS = 0.36
START = datetime(2025, 3, 4, 9, 0, 0)
CONTEXT = {"mu": 7.0, "sigma": 1.2, "least": 3, "most": 8192}
GENERATED = {"mu": 2.8, "sigma": 0.9, "least": 1, "most": 2048}


def tokens(rng: random.Random, shape: dict) -> int:
    """One lognormal count; what falls outside the limits is drawn again, so nothing piles up there."""
    while True:
        count = round(rng.lognormvariate(shape["mu"], shape["sigma"]))
        if shape["least"] <= count <= shape["most"]:
            return count


def main() -> None:
    rng = random.Random(20250304)
    ticks = 0  # of 100 ns: seven decimals of a second
    print("TIMESTAMP,ContextTokens,GeneratedTokens")
    for _ in range(ROWS):
        ticks += round(rng.expovariate(1 / MEAN_GAP_SECONDS) * 10_000_000)
        second = START + timedelta(seconds=ticks // 10_000_000)
        print(f"{second}.{ticks % 10_000_000:07},{tokens(rng, CONTEXT)},{tokens(rng, GENERATED)}")


if __name__ == "__main__":
    main()
