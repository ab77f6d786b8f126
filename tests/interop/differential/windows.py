"""Statistics of windows."""
import math
from dataclasses import dataclass

import numpy as np

from edges import pad
from model import DTYPES, RANGES, Grid, Raster, interval_fits, nodata_of_result, require, smallest


@dataclass(frozen=True)
class Windows:
    """Of each pixel of the result the pixels of its window along a first axis, by band, row and column."""
    x: Raster
    # Which pixels of the input: window's band, row and column, then result's band, row and column.
    positions: tuple
    inside: np.ndarray
    # The most pixels that a window has.
    count_max: int
    known: dict

    @staticmethod
    def of(x, axes, **known):
        """`axes` has for each axis the positions by place in the window and by place in the result; some may be outside."""
        shape, positions, inside = x.pixels.shape, [], True
        count_max = math.prod(min(len(table), length) for table, length in zip(axes, shape))
        for axis, table in enumerate(axes):
            view = [1] * 6
            view[axis], view[axis + 3] = table.shape
            table = table.reshape(view)
            inside = inside & (table >= 0) & (table < shape[axis])
            positions.append(np.clip(table, 0, shape[axis] - 1))
        return Windows(x, tuple(positions), inside, count_max, dict(has_bands=x.has_bands, grid=x.grid) | known)

    def gathered(self):
        """Pixels, and which are valid; the window's are the first three axes."""
        return self.x.pixels[self.positions], self.inside & ~self.x.missing[self.positions]

    def listed(self):
        pixels, is_valid = self.gathered()
        return tuple(a.reshape(-1, *a.shape[3:]) for a in (pixels, is_valid))

    def result(self, dtype, pixels, nodata, interval, slack=None):
        fails = self.x.fails
        if fails is not None:
            fails = (fails[self.positions] & self.inside).any((0, 1, 2))
        return Raster(dtype, pixels, nodata, interval, slack=slack, fails=fails, **self.known)

    def like_input(self, pixels, is_empty):
        x = self.x
        pixels = pixels.astype(x.pixels.dtype)
        if x.nodata is not None:
            pixels = np.where(is_empty, x.pixels.dtype.type(x.nodata), pixels)
        return self.result(x.dtype, pixels, x.nodata, x.interval)

    def integer(self, pixels, is_empty, interval, nodata):
        dtype = smallest(interval)
        if nodata is not None:
            dtype, nodata = nodata_of_result(dtype, interval, [nodata])
            pixels = np.where(is_empty, nodata, pixels.astype(object))
        return self.result(dtype, pixels.astype(DTYPES[dtype]), nodata, interval)

    def own_float(self, pixels, is_empty):
        """A result in the dtype of the floats of the windows."""
        with np.errstate(all="ignore"):
            pixels = np.where(is_empty, np.nan, pixels).astype(self.x.pixels.dtype)
        return self.result(self.x.dtype, pixels, None if self.x.nodata is None else float("nan"), None)

    def float(self, pixels, is_empty, slack=None, has_nodata=False):
        """A result that is f32 of what is, or of integers that it holds; else f64."""
        dtype = "f32" if self.x.dtype == "f32" or self.x.interval and interval_fits(self.x.interval, "f32") else "f64"
        nodata = None if self.x.nodata is None and not has_nodata else float("nan")
        with np.errstate(all="ignore"):
            pixels = np.where(is_empty, np.nan, pixels).astype(DTYPES[dtype])
            if slack is not None:
                relative = 1e-6 if dtype == "f32" else 1e-12
                slack = np.where(np.isfinite(slack), slack, 0) + relative * np.abs(pixels.astype(float))
        return self.result(dtype, pixels, nodata, None, slack)


def coarsen(x, factors, statistic, *numbers):
    require(0 not in factors, "a factor of 0")
    require(factors[0] == 1 or x.has_bands, "an axis that there is not")
    axes = [np.arange(k)[:, None] + k * np.arange(-(-n // k)) for k, n in zip(factors, x.pixels.shape)]
    grid = x.grid and Grid(x.grid.left, x.grid.top, x.grid.width * factors[2], x.grid.height * factors[1])
    require(statistic not in ONLY_OVER, "a place in a window of two axes")
    return STATISTICS[statistic](Windows.of(x, axes, grid=grid), *numbers)


def focal(x, sizes, statistic, *behind):
    """Behind the statistic stand its number, if it has one, and a boundary, if there is to be one."""
    require(all(size % 2 for size in sizes), "a window without a middle")
    require(statistic not in ONLY_OVER, "a place in a window of two axes")
    count = int(statistic in NUMBERED and len(behind) > 0 and not isinstance(behind[0], str))
    numbers, boundary = behind[:count], behind[count:]
    around = [0, *(size // 2 for size in sizes)]
    # With a boundary, windows begin at the pixels that it adds, and end at them.
    first = [0, 0, 0] if boundary else around
    axes = [np.arange(k)[:, None] - before + np.arange(n) for k, before, n in zip((1, *sizes), first, x.pixels.shape)]
    padded = pad(x, (around[1], around[1], around[2], around[2]), *boundary) if boundary else x
    return STATISTICS[statistic](Windows.of(padded, axes, grid=x.grid), *numbers)


def over(x, dim, statistic, *numbers):
    require(dim == "band" and x.has_bands, "an axis that there is not")
    bands, rows, columns = x.pixels.shape
    axes = [np.arange(bands)[:, None], np.arange(rows)[None], np.arange(columns)[None]]
    return STATISTICS[statistic](Windows.of(x, axes, has_bands=False), *numbers)


def sums(windows):
    """Sums and counts: integers exactly, floats as f64, each column from above, then the columns from the left."""
    pixels, is_valid = windows.gathered()
    count = is_valid.sum((0, 1, 2))
    if not windows.x.is_float:
        return exact_sum(pixels, is_valid), count
    return in_columns(np.where(is_valid, pixels, 0), np.add), count


def in_columns(pixels, function):
    """Floats as f64, put together in each column from above, then the columns from the left."""
    def from_first(parts):
        together = next(parts)
        for part in parts:
            together = function(together, part)
        return together

    values = pixels.astype(np.float64)
    with np.errstate(all="ignore"):
        return from_first(from_first(values[(*place, column)] for place in np.ndindex(values.shape[:2]))
                          for column in range(values.shape[2]))


def exact_sum(pixels, is_valid):
    """Of integers, as Python's: of their upper and their lower 32 bits."""
    values = np.where(is_valid, pixels, pixels.dtype.type(0))
    values = values.astype(np.uint64 if values.dtype == np.uint64 else np.int64)
    half = values.dtype.type(32)
    upper, lower = (values >> half).sum((0, 1, 2)), (values & values.dtype.type(2 ** 32 - 1)).sum((0, 1, 2))
    return upper.astype(object) * 2 ** 32 + lower.astype(object)


def window_sum(windows):
    total, count = sums(windows)
    if windows.x.interval is None:
        return windows.own_float(total, count == 0)
    (low, high), most = windows.x.interval, windows.count_max
    return windows.integer(total, count == 0, (min(low, low * most), max(high, high * most)), windows.x.nodata)


def window_product(windows):
    pixels, is_valid = windows.gathered()
    is_empty = ~is_valid.any((0, 1, 2))
    if windows.x.interval is None:
        return windows.own_float(in_columns(np.where(is_valid, pixels, 1), np.multiply), is_empty)
    interval = of_one_to_all(windows.x.interval, windows.count_max)
    # Before any pixel is computed: what does not fit may be huge.
    smallest(interval)
    product = np.where(is_valid, pixels, 1).astype(object).prod((0, 1, 2))
    return windows.integer(product, is_empty, interval, windows.x.nodata)


def of_one_to_all(interval, count):
    """What products of one value to all of a window can be."""
    hull = low, high = interval
    for _ in range(count - 1):
        ends = [a * b for a in (low, high) for b in interval]
        low, high = min(ends), max(ends)
        hull = min(hull[0], low), max(hull[1], high)
    return hull


def place(reduce, least):
    """Where along the axis the least or the greatest is, the first of several; or the first NaN."""
    def reference(windows):
        pixels, is_valid = windows.listed()
        ends = (-np.inf, np.inf) if windows.x.is_float else RANGES[windows.x.dtype]
        best = reduce(np.where(is_valid, pixels, pixels.dtype.type(ends[1] if least else ends[0])), axis=0)
        is_best = is_valid & ((pixels == best) | (pixels != pixels))
        interval = 0, windows.count_max - 1
        return windows.integer(is_best.argmax(0), ~is_valid.any(0), interval, windows.x.nodata)
    return reference


def window_count(windows):
    _, is_valid = windows.gathered()
    return windows.integer(is_valid.sum((0, 1, 2)), None, (0, windows.count_max), None)


def window_mean(windows):
    total, count = sums(windows)
    with np.errstate(all="ignore"):
        return windows.float(total.astype(np.float64) / count, count == 0)


def extreme(reduce, least):
    def reference(windows):
        pixels, is_valid = windows.listed()
        ends = (-np.inf, np.inf) if windows.x.is_float else RANGES[windows.x.dtype]
        other = pixels.dtype.type(ends[1] if least else ends[0])
        return windows.like_input(reduce(np.where(is_valid, pixels, other), axis=0), ~is_valid.any(0))
    return reference


def first_or_last(last):
    def reference(windows):
        pixels, is_valid = windows.listed()
        place = len(is_valid) - 1 - is_valid[::-1].argmax(0) if last else is_valid.argmax(0)
        return windows.like_input(np.take_along_axis(pixels, place[None], 0)[0], ~is_valid.any(0))
    return reference


def window_mode(windows):
    """The most frequent; the least of several, and NaN where one is."""
    pixels, is_valid = windows.listed()
    counts = np.stack([((pixels == one) & is_valid).sum(0) for one in pixels])
    candidates = is_valid & (counts == np.where(is_valid, counts, 0).max(0))
    other = np.inf if windows.x.is_float else RANGES[windows.x.dtype][1]
    best = np.where(candidates, pixels, pixels.dtype.type(other)).min(0)
    if windows.x.is_float:
        best = np.where((np.isnan(pixels) & is_valid).any(0), np.nan, best)
    return windows.like_input(best, ~is_valid.any(0))


def window_median(windows):
    return window_quantile(windows, 0.5)


def window_quantile(windows, share):
    """As NumPy's linear quantile, in f64; by shares of both where their distance is no number."""
    require(0 <= share <= 1, "a share that does not lie from 0 to 1")
    pixels, is_valid = windows.listed()
    other = np.inf if windows.x.is_float else RANGES[windows.x.dtype][1]
    has_nan = (np.isnan(pixels) & is_valid).any(0) if windows.x.is_float else False
    ranked, count = np.sort(np.where(is_valid, pixels, pixels.dtype.type(other)), 0), is_valid.sum(0)
    rank = np.maximum(count - 1, 0) * float(share)
    below = np.floor(rank).astype(int)
    part = rank - below
    low, high = (np.take_along_axis(ranked, place[None], 0)[0].astype(np.float64)
                 for place in (below, np.ceil(rank).astype(int)))
    with np.errstate(all="ignore"):
        distance = high - low
        linear = np.where(part < 0.5, low + distance * part, high - distance * (1 - part))
        between = np.where(np.isfinite(distance), linear, low * (1 - part) + high * part)
        between = np.where(low == high, low, between)
    return windows.float(np.where(has_nan, np.nan, between), count == 0)


def window_variance(windows, less=0, root=False):
    """Divided by the count less so many; nodata where that leaves none."""
    pixels, is_valid = windows.gathered()
    count, x = is_valid.sum((0, 1, 2)), windows.x
    divisor = np.maximum(count - less, 0)
    with np.errstate(all="ignore"):
        if not x.is_float and x.pixels.dtype.itemsize <= 4:
            squares = exact_sum((np.abs(pixels.astype(np.int64)).astype(np.uint64)) ** np.uint64(2), is_valid)
            total = exact_sum(pixels, is_valid)
            variance = (count.astype(object) * squares - total * total).astype(np.float64) / count / divisor
            slack = None
        else:
            values = np.where(is_valid, pixels, 0).astype(np.longdouble)
            mean = values.sum((0, 1, 2)) / count
            apart = np.where(is_valid, values - mean, 0)
            variance = ((apart ** 2).sum((0, 1, 2)) / divisor).astype(np.float64)
            # What rounding the mean may cost.
            slack = np.abs(values).max((0, 1, 2)).astype(np.float64) * 1e-15
            slack = np.sqrt(count) * slack if root else count * slack ** 2
        return windows.float(np.sqrt(variance) if root else variance, divisor == 0, slack, has_nodata=less > 0)


def of_bools(reference):
    def checked(windows):
        require(windows.x.dtype == "bool", "any and all of what is not bool")
        return reference(windows)
    return checked


least, greatest = extreme(np.min, True), extreme(np.max, False)
STATISTICS = {
    "mean": window_mean, "sum": window_sum, "count": window_count, "min": least, "max": greatest,
    "median": window_median, "mode": window_mode, "var": window_variance,
    "std": lambda windows, less=0: window_variance(windows, less, root=True), "product": window_product,
    "quantile": window_quantile, "first": first_or_last(False), "last": first_or_last(True), "argmin": place(np.min, True),
    "argmax": place(np.max, False), "any": of_bools(greatest), "all": of_bools(least),
}
# Those behind which a number stands, or may; and those of windows along an axis.
NUMBERED, ONLY_OVER = ("quantile", "std", "var"), ("argmin", "argmax")
# Those whose results are pixels of the raster's dtype; also of a lower resolution.
KEPT = ("min", "max", "mode", "first", "last", "nearest", "average", "bilinear", "rms")

