"""Arithmetic, and functions of one raster."""
import numpy as np

from model import (DTYPES, Raster, as_floats, as_integers, boolean, check_terms, combined, float_dtype, holds, is_wide, meet,
                   missing_of, require, smallest, term_interval, union)


def of_integers(interval_of_result, function, operands_meet=False, by_zero=False):
    """Reference of two terms that are integers."""
    def reference(a, b):
        ends = term_interval(a), term_interval(b)
        if by_zero:
            require(ends[1] != (0, 0), "a divisor that is 0 everywhere")
        interval = interval_of_result(*ends)
        dtype = smallest(interval)
        if operands_meet:
            smallest(union(interval, *ends))
        meet(*(term for term in (a, b) if isinstance(term, Raster)))
        missing, has_nodata = missing_of(a, b)
        divides_by_zero = by_zero and holds(ends[1], 0)
        if divides_by_zero:
            missing = missing | (b.pixels == 0)
        wide = is_wide(interval, *ends)
        left, right = as_integers(a, missing, wide), as_integers(b, missing, wide)
        if divides_by_zero:
            right = np.where(right == 0, ends[1][1] or ends[1][0], right)
        return combined((a, b), dtype, interval, function(left, right), missing, has_nodata or divides_by_zero)
    return reference


def of_floats(function, a, b, is_exact=True):
    """What two terms give of which one is a float, or whose result is one."""
    dtype = float_dtype(a, b)
    left, right = as_floats(a, dtype), as_floats(b, dtype)
    meet(*(term for term in (a, b) if isinstance(term, Raster)))
    missing, has_nodata = missing_of(a, b)
    pixels, slack = computed(function, dtype, is_exact, left, right)
    return combined((a, b), dtype, None, pixels, missing, has_nodata, slack)


def computed(function, dtype, is_exact, *operands):
    """Pixels in their dtype; of functions that are not exact by a wider one, and 4 units in the last place."""
    with np.errstate(all="ignore"):
        if is_exact:
            return function(*operands), None
        wider = np.float64 if dtype == "f32" else np.longdouble
        pixels = np.asarray(function(*(wider(operand) for operand in operands))).astype(DTYPES[dtype])
        return pixels, 4 * np.abs(np.spacing(pixels)).astype(np.float64)


def binary(integers, floats, is_exact=True):
    def reference(a, b):
        check_terms(a, b)
        if integers and term_interval(a) is not None and term_interval(b) is not None:
            return integers(a, b)
        return of_floats(floats, a, b, is_exact)
    return reference


def products(a, b):
    ends = [x * y for x in a for y in b]
    return min(ends), max(ends)


def quotients(a, b):
    ends = [x // y for x in a for y in (*b, -1, 1) if y and b[0] <= y <= b[1]]
    return min(ends), max(ends)


def rests(a, b):
    """From 0 towards the divisor, without it; a dividend of the same sign leaves no more than it is."""
    low = max(a[0], b[0] + 1) if a[1] <= 0 else b[0] + 1
    high = min(a[1], b[1] - 1) if a[0] >= 0 else b[1] - 1
    return min(low, 0), max(high, 0)


def powers(a, b):
    ends = [x ** b[0] for x in a] + ([0 ** b[0]] if a[0] < 0 < a[1] else [])
    return min(ends), max(ends)


add = binary(of_integers(lambda a, b: (a[0] + b[0], a[1] + b[1]), np.add), np.add)
subtract = binary(of_integers(lambda a, b: (a[0] - b[1], a[1] - b[0]), np.subtract), np.subtract)
multiply = binary(of_integers(products, np.multiply), np.multiply)
divide = binary(None, np.divide)
hypot, atan2 = binary(None, np.hypot, is_exact=False), binary(None, np.arctan2, is_exact=False)
minimum = binary(of_integers(lambda a, b: (min(a[0], b[0]), min(a[1], b[1])), np.minimum, operands_meet=True), np.minimum)
maximum = binary(of_integers(lambda a, b: (max(a[0], b[0]), max(a[1], b[1])), np.maximum, operands_meet=True), np.maximum)
floor_divide = binary(of_integers(quotients, np.floor_divide, operands_meet=True, by_zero=True), np.floor_divide)
integer_rest = of_integers(rests, np.remainder, operands_meet=True, by_zero=True)
integer_rest_of_power_of_two = of_integers(rests, np.remainder, by_zero=True)


def remainder(a, b):
    is_power = isinstance(b, int) and not isinstance(b, bool) and b > 0 and b & (b - 1) == 0
    return binary(integer_rest_of_power_of_two if is_power else integer_rest, np.remainder)(a, b)


def power(a, b):
    is_exact = isinstance(b, int) and not isinstance(b, bool) and 0 <= b <= 64
    return binary(of_integers(powers, np.power) if is_exact else None, np.power, is_exact=False)(a, b)


def shift(by):
    def reference(x, bits):
        require(x.is_integer, "shifts of what are no integers")
        return by(x, 2 ** bits)
    return reference


def shifted_down(x, divisor):
    # Not even 64 bits hold 2 ** 63 and negative integers.
    return floor_divide(floor_divide(x, 2 ** 62), 2) if (x.dtype, divisor) == ("i64", 2 ** 63) else floor_divide(x, divisor)


shift_left, shift_right = shift(multiply), shift(shifted_down)


def bits(x, first, end):
    require(x.is_integer, "bits of what are no integers")
    width = 8 * x.pixels.dtype.itemsize
    require(first < end <= width and end - first <= 63, "bits that there are not")
    return remainder(shift_right(x, first) if first else x, 2 ** (end - first))


def bit(x, index):
    field = bits(x, index, index + 1)
    return boolean((field.pixels == 1) & ~field.missing, field, is_decided=field.interval != (0, 1))


def clamp(x, low, high):
    check_terms(low, high)
    if not isinstance(low, Raster) and not isinstance(high, Raster):
        require(not low > high, "ends of a clamp the wrong way round")
    return minimum(maximum(x, low), high)


def scale_offset(x, scale, offset):
    return add(multiply(x, float(scale)), float(offset))


def normalized_difference(a, b):
    return divide(subtract(a, b), add(a, b))


# Functions of one raster.

def unary(interval, integers, floats):
    def reference(x):
        if x.interval is None:
            return kept_float(x, floats)
        found = interval(*x.interval)
        missing, has_nodata = missing_of(x)
        pixels = integers(as_integers(x, missing, is_wide(x.interval, found)))
        return combined((x,), smallest(found), found, pixels, missing, has_nodata)
    return reference


def kept_float(x, function):
    with np.errstate(all="ignore"):
        missing, has_nodata = missing_of(x)
        return combined((x,), x.dtype, None, function(x.pixels), missing, has_nodata, x.slack)


def rounding(function):
    def reference(x):
        if x.is_integer:
            return x
        return unary(lambda low, high: (low, high), lambda pixels: pixels, function)(x)
    return reference


def mathematical(function, is_exact=False):
    def reference(x):
        dtype = float_dtype(x)
        pixels, slack = computed(function, dtype, is_exact, as_floats(x, dtype))
        missing, has_nodata = missing_of(x)
        return combined((x,), dtype, None, pixels, missing, has_nodata, slack)
    return reference


def signs(pixels):
    return (pixels > 0).astype(int) - (pixels < 0).astype(int)


def distances(low, high):
    return 0 if low <= 0 <= high else min(abs(low), abs(high)), max(abs(low), abs(high))


negative = unary(lambda low, high: (-high, -low), np.negative, np.negative)
absolute = unary(distances, np.abs, np.abs)
sign = unary(lambda low, high: ((low > 0) - (low < 0), (high > 0) - (high < 0)), signs, np.sign)
