"""Tables, edges and classes of values."""
import math
from dataclasses import dataclass

import numpy as np

from elementwise import NODATA, if_else
from model import (DTYPES, INTEGERS, RANGES, WHOLE, Raster, Rejected, boolean, fit, fits, is_value, nodata_of_result,
                   require, same)


@dataclass(frozen=True)
class ValueRange:
    """`low..high`, or `low..=high` with its end."""
    low: int | float
    high: int | float
    has_end: bool

    def __str__(self):
        return f"{self.low!r}..{'=' if self.has_end else ''}{self.high!r}"


def lookup(x, table):
    require(not x.is_float, "a table for floats")
    low, high = x.interval
    require(0 <= low and high < len(table), "values that a table has no entry for")
    places = np.where(x.missing, 0, x.pixels.astype(np.int64))
    members = [(places == place) & ~x.missing for place in range(len(table))]
    return entries(x, members, table, table, x.missing, x.nodata is not None)


def entries(x, members, values, reached, missing, has_nodata):
    """A value for each set of pixels, in the first dtype that holds all of them; then pixels without value.

    `reached` are the values that a valid pixel can have by the interval.
    """
    dtype = first_dtype(values)
    fitted, reached = ([fit(value, dtype) for value in part] for part in (values, reached or values[:1]))
    interval = None if dtype in WHOLE else (0, 1) if dtype == "bool" else (min(reached), max(reached))
    nodata = None
    if dtype != "bool" and has_nodata:
        dtype, nodata = nodata_of_result(dtype, interval, [x.nodata])
    pixels = np.zeros(x.pixels.shape, DTYPES[dtype])
    for pixels_of_value, value in zip(members, fitted):
        pixels[pixels_of_value] = DTYPES[dtype](value)
    # Bools are false where there is no value.
    pixels[missing] = False if nodata is None else DTYPES[dtype](nodata)
    return x.relabelled(dtype=dtype, pixels=pixels, nodata=nodata, interval=interval)


def first_dtype(values):
    for dtype in DTYPES:
        if all(fits(value, dtype) for value in values):
            return dtype
    raise Rejected("entries that no dtype holds all of")


def digitize(x, edges):
    require(x.dtype != "bool", "edges for bools")
    check_numbers(edges)
    require(all(a < b for a, b in zip(edges, edges[1:])), "edges that do not increase")
    counts, possible = counted(x, edges), counted(extremes(x, edges), edges)
    interval = int(possible.min()), int(possible.max())
    dtype, nodata = next(name for name in INTEGERS if len(edges) <= RANGES[name][1]), None
    if x.nodata is not None:
        dtype, nodata = nodata_of_result(dtype, interval, [x.nodata])
        counts[x.missing] = nodata
    return x.relabelled(dtype=dtype, pixels=counts.astype(DTYPES[dtype]), nodata=nodata, interval=interval)


def counted(x, edges):
    """NaN is above all edges, as NumPy sorts it there."""
    nan = np.isnan(x.pixels) if x.is_float else False
    return sum((reaches(x, edge) | nan for edge in edges), np.zeros(x.pixels.shape, int))


def extremes(x, cuts):
    """Valid values on either side of each cut, and the ends of the interval: no others are told apart."""
    of_dtype = DTYPES[x.dtype]
    if x.is_float:
        ends = [-math.inf, math.inf]
        with np.errstate(all="ignore"):
            nearest = np.array([*map(float, cuts), *ends], of_dtype)
            pixels = [nearest, *(np.nextafter(nearest, of_dtype(end)) for end in ends)]
        pixels = np.concatenate([*pixels, np.array([] if x.nodata is not None else [math.nan], of_dtype)])
    else:
        low, high = x.interval
        finite = [math.floor(cut) + step for cut in cuts if math.isfinite(cut) for step in (-1, 0, 1, 2)]
        pixels = np.array([low, high, *(one for one in finite if low <= one <= high)], of_dtype)
    return x.relabelled(pixels=pixels[None, None], nodata=None)


def check_numbers(values):
    for value in values:
        require(not isinstance(value, bool), "a bool among numbers")
        require(value == value, "NaN among edges or ends")


def reaches(x, value, beyond=False):
    """Which pixels are at least a number, or `beyond` it; exactly, whatever the dtype."""
    if not x.is_float:
        if math.isinf(value):
            return np.full(x.pixels.shape, value < 0)
        least = math.floor(value) + 1 if beyond else math.ceil(value)
        low, high = RANGES[x.dtype]
        return np.full(x.pixels.shape, least <= low) if not low < least <= high else x.pixels >= x.pixels.dtype.type(least)
    if x.dtype == "f32" and math.isfinite(value) and value != math.floor(value):
        # As other literals with a fraction.
        value = float(np.float32(value))
    nearest, pixels = float(value), x.pixels.astype(np.float64)
    if nearest != value:
        # No float lies between the number and the one nearest to it.
        return pixels >= nearest if nearest > value else pixels > nearest
    return pixels > nearest if beyond else pixels >= nearest


def has(x, one):
    """Which pixels are of a class: of one value, or in a range."""
    if isinstance(one, ValueRange) and one.low == one.high:
        one = one.low
    if isinstance(one, ValueRange):
        within = reaches(x, one.low) & ~reaches(x, one.high, one.has_end)
        return within & ~np.isnan(x.pixels) if x.is_float else within
    value = fit(one, x.dtype)
    require(not same(x.nodata, value), "a class of nodata")
    return is_value(x.pixels, value)


def reclassify(x, classes, values, otherwise):
    require(x.dtype != "bool", "classes of bools")
    require(classes and len(classes) == len(values), "no class, or not a value for each")
    for one in classes:
        ends = (one.low, one.high) if isinstance(one, ValueRange) else (one,)
        check_numbers(ends)
        require(ends[0] < ends[-1] or ends[0] == ends[-1] and getattr(one, "has_end", True), "a range that is empty")
    cuts = [end for one in classes for end in ((one.low, one.high) if isinstance(one, ValueRange) else (one,))]
    *members, left = first_of(x, classes)
    *reached, is_left = (bool(pixels.any()) for pixels in first_of(extremes(x, cuts), classes))
    reached = [value for value, is_reached in zip(values, reached) if is_reached]
    if isinstance(otherwise, Raster):
        classified = entries(x, members, values, reached, x.missing | left, x.nodata is not None)
        return if_else(boolean(~left, x), classified, otherwise)
    if otherwise == NODATA:
        return entries(x, members, values, reached, x.missing | left, x.nodata is not None or is_left)
    reached += [otherwise] * is_left
    return entries(x, [*members, left], [*values, otherwise], reached, x.missing, x.nodata is not None)


def first_of(x, classes):
    """The pixels of each class that are in none before, and those in none."""
    members, left = [], ~x.missing
    for one in classes:
        members.append(left & has(x, one))
        left = left & ~members[-1]
    return [*members, left]
