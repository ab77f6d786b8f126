"""What gives bools, selection, casts and nodata."""
import numpy as np

from model import (DTYPES, RANGES, WHOLE, Raster, Rejected, any_fails, boolean, fit, fits, holds, interval_fits, interval_of,
                   is_value, meet, missing_of, require, same, spread, union, without)


# What gives bools.

def comparable(x, literal):
    value = fit(literal, x.dtype)
    require(not same(x.nodata, value), "a comparison with nodata")
    return x.pixels.dtype.type(value)


def comparison(function):
    def reference(a, b):
        if not isinstance(a, Raster):
            return boolean(function(comparable(b, a), b.pixels) & ~b.missing, b, is_decided=is_decided(function, a, b))
        if not isinstance(b, Raster):
            return boolean(function(a.pixels, comparable(a, b)) & ~a.missing, a, is_decided=is_decided(function, b, a))
        if a.dtype != b.dtype:
            require("bool" not in (a.dtype, b.dtype), "a comparison of bools and numbers")
            require(any(all(holds_all(dtype, x) for x in (a, b)) for dtype in DTYPES if dtype != "bool"),
                    "a comparison that no dtype holds both sides of")
        meet(a, b)
        missing, _ = missing_of(a, b)
        return boolean(function(*by_value(a, b)) & ~missing, a, b)
    return reference


def is_decided(function, literal, x):
    """Whether all that the raster can hold compares alike."""
    if x.interval is None:
        return False
    interval = without_nodata(x).interval
    return not holds(interval, literal) or literal in interval


def holds_all(dtype, x):
    """Whether a dtype holds all pixels of a raster exactly."""
    return dtype == x.dtype or np.can_cast(DTYPES[x.dtype], DTYPES[dtype]) and (dtype, x.dtype) not in NOT_EXACT \
        or x.interval is not None and interval_fits(x.interval, dtype)


# NumPy calls these safe.
NOT_EXACT = [("f64", "i64"), ("f64", "u64")]


def by_value(a, b):
    if a.is_float != b.is_float:
        return a.pixels.astype(float), b.pixels.astype(float)
    return a.pixels, b.pixels


def isin(x, values):
    values = [one for value in values for one in (value if isinstance(value, range) else [value])]
    found = [comparable(x, value) for value in values]
    return boolean(np.logical_or.reduce([x.pixels == value for value in found] or [np.zeros(x.pixels.shape, bool)]), x,
                   is_decided=not any(holds(x.interval, value) for value in values))


def valid(x):
    return boolean(~x.missing, x, is_decided=x.nodata is None)


def is_nan(x):
    return boolean(np.isnan(x.pixels) & ~x.missing if x.is_float else np.zeros(x.pixels.shape, bool), x)


def is_finite(x):
    finite = ~x.missing & (np.isfinite(x.pixels) if x.is_float else True)
    return boolean(finite, x, is_decided=not x.is_float and x.nodata is None)


def logic(function, only_bools=False):
    def reference(*operands):
        for x in operands:
            require(not only_bools or x.dtype == "bool", "words of logic on what is not bool")
            require(not x.is_float, "bits of floats")
            require(x.nodata is None, "bits of a raster with nodata")
        require(len({x.dtype for x in operands}) == 1, "bits of two dtypes")
        meet(*operands)
        return boolean(function(*(x.pixels for x in operands)), *operands).relabelled(
            dtype=operands[0].dtype, interval=interval_of(operands[0].dtype))
    return reference


# Selection.

NODATA = "nodata"


def chosen(x, condition, other, when):
    """`x`, and `other` where the condition is `when`; `other` is a literal, a raster or nodata."""
    require(condition.dtype == "bool", "a condition that is not bool")
    rasters = [x, condition] + ([other] if isinstance(other, Raster) else [])
    known = meet(*rasters)
    interval, slack = x.interval, None
    if isinstance(other, Raster):
        other = fitted(x, other)
        interval, filled = union(interval, other.interval), other.pixels
    elif other == NODATA:
        require(x.nodata is not None, "nodata of a raster without")
        filled = x.pixels.dtype.type(x.nodata)
    else:
        value = fit(other, x.dtype)
        if x.interval is not None and not same(x.nodata, value):
            interval = union(interval, (int(value), int(value)))
        filled = x.pixels.dtype.type(value)
    takes = condition.pixels == when
    slacks = x.slack, other.slack if isinstance(other, Raster) else None
    if any(one is not None for one in slacks):
        ours, theirs = (0 if one is None else one for one in slacks)
        slack = np.where(takes, theirs, ours)
    pixels = np.where(takes, filled, x.pixels)
    _, slack = spread(pixels, slack)
    return Raster(x.dtype, pixels, x.nodata, interval, slack=slack, fails=any_fails(*rasters), **known)


def fitted(first, other):
    """Another raster with dtype and nodata of the first."""
    fits_dtype = other.dtype == first.dtype or other.dtype != "bool" and interval_fits(other.interval, first.dtype)
    require(fits_dtype, "pixels of another raster that the dtype cannot hold")
    require(first.nodata is not None or other.nodata is None, "nodata of another raster where the first has none")
    if first.nodata is not None and not same(first.nodata, other.nodata):
        require(not holds(other.interval, first.nodata), "pixels of another raster that could be taken for nodata")
    with np.errstate(all="ignore"):
        pixels = other.pixels.astype(DTYPES[first.dtype])
    if other.nodata is not None and not same(first.nodata, other.nodata):
        pixels[other.missing] = first.pixels.dtype.type(first.nodata)
    return other.relabelled(dtype=first.dtype, pixels=pixels, nodata=first.nodata)


def mask(x, condition, fill):
    return chosen(x, condition, fill, True)


def where(x, condition, other):
    return chosen(x, condition, other, False)


def if_else(condition, a, b):
    require(condition.dtype == "bool", "a condition that is not bool")
    if isinstance(a, Raster) and isinstance(b, Raster):
        dtype = common(a, b)
        return chosen(widened(a, dtype), condition, widened(b, dtype), False)
    if isinstance(a, Raster):
        return chosen(a, condition, b, False)
    if isinstance(b, Raster):
        return chosen(b, condition, a, True)
    return literals(condition, [a, b], lambda value_a, value_b: np.where(condition.pixels, value_a, value_b))


def common(*rasters):
    dtypes = {x.dtype for x in rasters}
    if len(dtypes) == 1:
        return rasters[0].dtype
    require("bool" not in dtypes, "a choice of bools and numbers")
    for dtype in DTYPES:
        if dtype != "bool" and all(x.dtype == dtype or interval_fits(x.interval, dtype) for x in rasters):
            return dtype
    raise Rejected("a choice that no dtype holds both of")


def widened(x, dtype):
    return x if x.dtype == dtype else cast(x, dtype)


def literals(condition, values, choose):
    """A choice among literals: the first dtype that holds all."""
    require(NODATA not in values, "nodata without a raster that has one")
    for dtype in DTYPES:
        if all(fits(value, dtype) for value in values):
            fitted_values = [fit(value, dtype) for value in values]
            interval = None if dtype in WHOLE else (min(fitted_values), max(fitted_values)) if dtype != "bool" else (0, 1)
            pixels = np.asarray(choose(*(DTYPES[dtype](value) for value in fitted_values)))
            return condition.relabelled(dtype=dtype, pixels=pixels, interval=interval)
    raise Rejected("literals that no dtype holds")


def when(*arguments):
    """Pairs of condition and value, and what is left."""
    *pairs, otherwise = arguments
    conditions, values = pairs[::2], pairs[1::2]
    require(all(condition.dtype == "bool" for condition in conditions), "a condition that is not bool")
    if not any(isinstance(value, Raster) or value == NODATA for value in (*values, otherwise)):
        known = meet(*conditions)
        shape = spread(*(condition.pixels for condition in conditions))
        first = conditions[0].relabelled(pixels=shape[0], fails=any_fails(*conditions), **known)
        return literals(first, [*values, otherwise], lambda *pixels: np.select(shape, pixels[:-1], pixels[-1]))
    for condition, value in reversed(list(zip(conditions, values))):
        otherwise = if_else(condition, value, otherwise)
    return otherwise


# Dtype and nodata.

def cast(x, dtype, overflow="error"):
    nodata, of_dtype = x.nodata, DTYPES[dtype]
    if nodata is not None:
        require(dtype != "bool" and fits(nodata, dtype), "a nodata that the new dtype cannot hold")
        nodata = fit(nodata, dtype)
        if not interval_fits(x.interval, dtype) and dtype not in WHOLE:
            require(overflow != "wrap", "a cast that could wrap to nodata")
            lands = overflow == "saturate" and nodata in saturates_at(x.interval, dtype)
            require(not lands, "a cast that could saturate to nodata")
    pixels, fails = converted(x, dtype, overflow)
    if nodata is not None:
        fails = (fails | is_value(pixels, nodata)) & ~x.missing
        pixels[x.missing] = of_dtype(nodata)
    interval = x.interval if interval_fits(x.interval, dtype) and dtype not in WHOLE else interval_of(dtype)
    if x.fails is not None:
        fails = fails | x.fails
    return x.relabelled(dtype=dtype, pixels=pixels, nodata=nodata, interval=interval, fails=fails if fails.any() else None)


def saturates_at(interval, dtype):
    low, high = RANGES[dtype]
    if interval is None:
        return [low, high, 0]
    return [low] * (interval[0] < low) + [high] * (interval[1] > high)


def converted(x, dtype, overflow):
    """Pixels in the new dtype, and those that do not fit where that is an error."""
    nothing = np.zeros(x.pixels.shape, bool)
    with np.errstate(all="ignore"):
        if dtype == "bool":
            return x.pixels != 0, nothing
        if dtype in WHOLE:
            pixels = x.pixels.astype(DTYPES[dtype])
            lost = np.isfinite(x.pixels) & ~np.isfinite(pixels)
            if overflow == "saturate":
                pixels = np.where(lost, np.copysign(np.finfo(pixels.dtype).max, pixels), pixels)
            return pixels, lost if overflow == "error" else nothing
        low, high = RANGES[dtype]
        source = x.pixels.astype(np.uint8) if x.dtype == "bool" else x.pixels
        if x.is_float:
            nan = np.isnan(source)
            # Cut towards zero, and to 128 bits.
            whole = np.array([cut(value) for value in source.ravel().tolist()], dtype=object).reshape(source.shape)
        else:
            nan, whole = nothing, source.astype(object)
        beyond = ((whole < low) | (whole > high)).astype(bool)
        whole = np.clip(whole, low, high) if overflow == "saturate" else (whole - low) % (high - low + 1) + low
        return whole.astype(DTYPES[dtype]), (beyond | nan) if overflow == "error" else nothing


def cut(value):
    if value != value:
        return 0
    return (2 ** 127 - 1 if value > 0 else -2 ** 127) if abs(value) >= 2 ** 127 else int(value)


def with_nodata(x, literal):
    require(x.dtype != "bool", "nodata of bools")
    value = fit(literal, x.dtype)
    interval = without(without_nodata(x).interval, value)
    return x.relabelled(nodata=value, interval=interval)


def without_nodata(x):
    interval = x.interval
    if interval is not None and x.nodata is not None:
        interval = union(interval, (x.nodata, x.nodata))
    return x.relabelled(nodata=None, interval=interval)


def fill_nodata(x, literal):
    fit(literal, x.dtype)
    return x if x.nodata is None else where(without_nodata(x), valid(x), literal)
