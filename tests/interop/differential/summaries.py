"""Numbers: one of each band, or what is told of it."""
import math
from collections import Counter
from fractions import Fraction

import numpy as np

from model import require


def by_band(one):
    """`one` of the valid pixels of each band, as Python's numbers, and the raster."""
    def reference(x):
        if x.fails is not None and x.fails.any():
            return None
        return [one(band[~gone].tolist(), x) for band, gone in zip(x.pixels, x.missing)]
    return reference


def exact(values):
    """Sum, mean and variance, each rounded once; of floats that are not finite as IEEE has it."""
    if not all(map(math.isfinite, values)):
        with np.errstate(all="ignore"):
            total = float(np.sum(np.array([v for v in values if not math.isfinite(v)])))
        return total, total, float("nan")
    total, squares = sum(map(Fraction, values)), sum(Fraction(v) ** 2 for v in values)
    if not values:
        return total, None, None
    return total, total / len(values), squares / len(values) - (total / len(values)) ** 2


def rounded(value):
    try:
        return None if value is None else float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def number_sum(values, x):
    return rounded(exact(values)[0]) if x.is_float else sum(map(int, values))


def number_std(values, _):
    variance = rounded(exact(values)[2])
    return None if variance is None else math.sqrt(variance)


def ranked(function):
    def one(values, x):
        require(not x.is_float, "values of floats are not counted")
        return function(sorted(map(int, values))) if values else None
    return one


def number_median(values):
    low, high = values[(len(values) - 1) // 2], values[len(values) // 2]
    low, high = float(low), float(high)
    return high - (high - low) * 0.5


def number_quantile(x, share):
    """As NumPy's linear."""
    require(0 <= share <= 1, "a share beyond 0 and 1")

    def one(values):
        position = share * (len(values) - 1)
        below, part = math.floor(position), position - math.floor(position)
        low, high = float(values[below]), float(values[min(below + 1, len(values) - 1)])
        return high - (high - low) * (1 - part) if part >= 0.5 else low + (high - low) * part
    return by_band(ranked(one))(x)


def number_place(function):
    """Row and column of the first extreme, and of the first NaN before it; -0 is less than 0."""
    sign = 1 if function is min else -1

    def one(band, gone):
        places = [(row, column) for row, column in np.ndindex(band.shape) if not gone[row, column]]
        if not places:
            return None
        key = lambda at: (sign * band[at].item(), sign * math.copysign(1, band[at]))
        nan = [at for at in places if band[at] != band[at]]
        return list(nan[0] if nan else min(places, key=key))

    def reference(x):
        if x.fails is not None and x.fails.any():
            return None
        return [one(band, gone) for band, gone in zip(x.pixels, x.missing)]
    return reference


def number_mode(values):
    counts = Counter(values)
    most = max(counts.values())
    return min(value for value, count in counts.items() if count == most)


def number_extreme(function):
    def one(values, x):
        if not values:
            return None
        return math.nan if any(v != v for v in values) else function(values)
    return one


def statistics(x):
    told = dict(valid=lambda values, _: len(values), min=number_extreme(min), max=number_extreme(max), sum=number_sum,
                mean=lambda values, _: rounded(exact(values)[1]), std=number_std)
    columns = {key: by_band(one)(x) for key, one in told.items()}
    if columns["valid"] is None:
        return None
    bands = [dict(zip(columns, row)) for row in zip(*columns.values())]
    return [band | dict(missing=x.pixels[0].size - band["valid"]) for band in bands]


def histogram(x, bins, low, high):
    require(bins > 0 and low < high and math.isfinite(high - low), "bins without width")
    bands = statistics(x)
    if bands is None:
        return None
    edges = np.linspace(float(low), float(high), bins + 1)
    for told, pixels, gone in zip(bands, x.pixels, x.missing):
        values = pixels[~gone].astype(np.float64)
        counts = np.histogram(values[np.isfinite(values)], bins, (float(low), float(high)))[0].tolist()
        below, above = int((values < low).sum()), int((values > high).sum())
        told["histogram"] = dict(edges=edges.tolist(), counts=counts, below=below, above=above)
    return bands
