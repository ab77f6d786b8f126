"""Rasters as docs/semantics.md describes them, in NumPy and in Python's integers, and the rules that operations share.

Nothing here is taken from swath's code: where both disagree, one of them, or the documentation, is wrong.
"""
from dataclasses import astuple, dataclass, replace

import numpy as np

# In the order in which the first that fits is taken.
DTYPES = {"bool": np.bool_, "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64,
          "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64, "f32": np.float32, "f64": np.float64}
INTEGERS = [name for name in DTYPES if name[0] in "ui"]
RANGES = {"bool": (0, 1)} | {name: (int(np.iinfo(DTYPES[name]).min), int(np.iinfo(DTYPES[name]).max)) for name in INTEGERS}
# Integers within these are floats exactly.
WHOLE = {"f32": 2 ** 24, "f64": 2 ** 53}


class Rejected(Exception):
    """A documented rule refuses the expression when it is built."""


def require(holds, rule):
    if not holds:
        raise Rejected(rule)


@dataclass(frozen=True)
class Grid:
    """Where the upper left corner lies, and how large a pixel is; all have one CRS."""
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Raster:
    """Pixels by band, row and column, and what is known of them."""
    dtype: str
    pixels: np.ndarray
    nodata: int | float | None = None
    # The least and the greatest valid integer; of floats none.
    interval: tuple | None = None
    has_bands: bool = True
    grid: Grid | None = None
    # How far each pixel may be from the true result; none where it must be equal.
    slack: np.ndarray | None = None
    # Pixels at which a run fails.
    fails: np.ndarray | None = None
    # Whether its bools follow from intervals, so that none of its operands may be computed.
    is_decided: bool = False

    @property
    def is_float(self):
        return self.dtype in WHOLE

    @property
    def is_integer(self):
        return self.dtype in INTEGERS

    @property
    def missing(self):
        if self.nodata is None:
            return np.zeros(self.pixels.shape, bool)
        return is_value(self.pixels, self.nodata) | (np.isnan(self.pixels) if self.is_float else False)

    def relabelled(self, **changes):
        return replace(self, **changes)

    def moved(self, move, **changes):
        """Its pixels elsewhere, and what is known of each with them."""
        slack, fails = (None if part is None else move(part) for part in (self.slack, self.fails))
        return replace(self, pixels=move(self.pixels), slack=slack, fails=fails, **changes)


def is_value(pixels, value):
    """Which pixels are a literal that fits their dtype; NaN is NaN."""
    if isinstance(value, float) and np.isnan(value):
        return np.isnan(pixels)
    return pixels == pixels.dtype.type(value)


# Literals: bool, int and float of Python.

def is_whole(literal):
    return not isinstance(literal, bool) and (isinstance(literal, int) or float(literal).is_integer())


def fit(literal, dtype):
    """The literal as a value of the dtype."""
    rule = "a literal that the dtype cannot hold"
    require(isinstance(literal, bool) == (dtype == "bool"), rule)
    if dtype == "bool":
        return literal
    if dtype in WHOLE:
        if isinstance(literal, int):
            nearest = to_float(literal, dtype)
            require(np.isfinite(nearest) and int(nearest) == literal, rule)
        value = float(to_float(literal, dtype))
        require(np.isfinite(value) or not np.isfinite(literal), rule)
        return value
    require(is_whole(literal), rule)
    low, high = RANGES[dtype]
    require(low <= int(literal) <= high, rule)
    return int(literal)


def fits(literal, dtype):
    try:
        fit(literal, dtype)
        return True
    except Rejected:
        return False


def to_float(literal, dtype):
    with np.errstate(over="ignore"):
        return DTYPES[dtype](float(literal))


def same(a, b):
    """Whether two nodata values are one."""
    return a is not None and b is not None and (a == b or (a != a and b != b))


# Intervals.

def interval_of(dtype):
    return RANGES.get(dtype)


def union(*intervals):
    if any(interval is None for interval in intervals):
        return None
    return min(low for low, _ in intervals), max(high for _, high in intervals)


def without(interval, nodata):
    """What is left beside a nodata that is an end."""
    if interval is None or nodata is None or interval[0] == interval[1]:
        return interval
    low, high = interval
    return (low + 1, high) if nodata == low else (low, high - 1) if nodata == high else interval


def interval_fits(interval, dtype):
    if interval is None:
        return dtype == "f64"
    low, high = RANGES.get(dtype) or (-WHOLE[dtype], WHOLE[dtype])
    return low <= interval[0] and interval[1] <= high


def holds(interval, value):
    """Whether a pixel could have this value."""
    return interval is None or (is_whole(value) and interval[0] <= value <= interval[1])


def smallest(interval):
    """The smallest integer dtype, unsigned where it can be."""
    for dtype in INTEGERS:
        if interval_fits(interval, dtype):
            return dtype
    raise Rejected("an integer beyond 64 bits")


# How operands meet.

def meet(*rasters):
    """Bands, band axis and grid of what they are put together to."""
    sizes = {raster.pixels.shape[1:] for raster in rasters}
    require(len(sizes) == 1, "rows or columns that differ")
    grids = [raster.grid for raster in rasters if raster.grid]
    require(all(np.allclose(astuple(grid), astuple(grids[0])) for grid in grids), "grids that differ")
    bands = {len(raster.pixels) for raster in rasters} - {1}
    require(len(bands) <= 1, "bands that differ")
    return dict(has_bands=any(r.has_bands for r in rasters), grid=grids[0] if grids else None)


def spread(*arrays):
    """Arrays with the bands of all of them; none stays none."""
    shape = np.broadcast_shapes(*(a.shape for a in arrays if a is not None))
    return [None if a is None else np.broadcast_to(a, shape) for a in arrays]


def any_fails(*rasters):
    """Where one of them, all of which are computed, makes a run fail."""
    fails = [raster.fails for raster in rasters if raster.fails is not None]
    shape = np.broadcast_shapes(*(raster.pixels.shape for raster in rasters))
    return np.broadcast_to(np.logical_or.reduce(np.broadcast_arrays(*fails)), shape) if fails else None


def nodata_of_result(dtype, interval, nodatas):
    """Dtype and nodata of what has pixels without value: an operand's nodata, or an end of the dtype."""
    if dtype in WHOLE:
        return dtype, float("nan")
    for nodata in nodatas:
        if nodata is not None and fits(nodata, dtype) and not holds(interval, nodata):
            return dtype, int(nodata)
    alike = [name for name in INTEGERS if name[0] == dtype[0]]
    for wider in alike[alike.index(dtype):]:
        end = RANGES[wider][0 if wider[0] == "i" else 1]
        if not holds(interval, end):
            return wider, end
    raise Rejected("no value left for nodata")


# Terms: operands of arithmetic, each a raster or a literal.

def term_interval(term):
    if isinstance(term, Raster):
        return term.interval
    return (term, term) if isinstance(term, int) else None


def check_terms(*terms):
    for term in terms:
        require(not isinstance(term, bool), "a bool literal in arithmetic")
        if isinstance(term, int):
            require(-2 ** 63 <= term < 2 ** 64, "an integer literal beyond 64 bits")


def float_dtype(*terms):
    """f64 if one is f64, or an integer beyond 24 bits; else f32."""
    def is_wide(term):
        interval = term_interval(term)
        is_double = isinstance(term, Raster) and term.dtype == "f64"
        return is_double or (interval is not None and not interval_fits(interval, "f32"))
    return "f64" if any(map(is_wide, terms)) else "f32"


def as_floats(term, dtype):
    if isinstance(term, Raster):
        return term.pixels.astype(DTYPES[dtype])
    value = to_float(term, dtype)
    require(np.isfinite(value) or not np.isfinite(term), "a float literal beyond the result")
    return value


def as_integers(term, missing, wide):
    """Valid pixels; in the place of others one that a valid pixel could have. Python's integers where 64 bits are few."""
    if not isinstance(term, Raster):
        return np.full(missing.shape, term, dtype=object if wide else np.int64)
    pixels = np.broadcast_to(term.pixels, missing.shape).astype(object if wide else np.int64)
    return np.where(missing, term.interval[0], pixels)


def is_wide(*intervals):
    return not all(interval_fits(interval, "i64") for interval in intervals)


def combined(terms, dtype, interval, pixels, missing, has_nodata, slack=None):
    """The raster that arithmetic gives, blank where an operand is missing."""
    rasters = [term for term in terms if isinstance(term, Raster)]
    nodata = None
    if has_nodata:
        dtype, nodata = nodata_of_result(dtype, interval, [r.nodata for r in rasters])
    pixels = np.array(pixels).astype(DTYPES[dtype])
    if has_nodata:
        pixels[missing] = DTYPES[dtype](nodata)
    if interval is not None:
        valid = pixels if nodata is None else pixels[~missing]
        assert valid.size == 0 or interval[0] <= valid.min() and valid.max() <= interval[1], "the model's interval is wrong"
    return Raster(dtype, pixels, nodata, interval, slack=slack, fails=any_fails(*rasters), **meet(*rasters))


def missing_of(*terms):
    rasters = [term for term in terms if isinstance(term, Raster)]
    missing = np.logical_or.reduce(spread(*(raster.missing for raster in rasters)))
    return missing, any(raster.nodata is not None for raster in rasters)


# What gives bools.

def boolean(pixels, *operands, is_decided=False):
    known = dict(fails=any_fails(*operands), is_decided=is_decided) | meet(*operands)
    return Raster("bool", np.asarray(pixels), None, (0, 1), **known)
