"""Random expression trees, and files for them to read.

A tree is drawn from the root for a place (a grid and bands), and evaluated by the reference from its leaves on, so that
operations and literals are drawn for what their operands are.
"""
import os
import string
from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import rasterio
from rasterio.transform import Affine

from elementwise import NODATA
from model import DTYPES, RANGES, WHOLE, Grid, Raster, Rejected, interval_of, without
from operations import NUMBERS, OPERATIONS

SHAPES = [(1, 1), (1, 1), (1, 7), (7, 1), (2, 3), (13, 17), (13, 17), (16, 16), (31, 29), (33, 48), (64, 64), (97, 101),
          (130, 67)]
PIXELS_MAX = 40_000
NODES_MAX = 60


@dataclass(frozen=True)
class Place:
    """Where a raster is wanted: its grid, and how many bands it has if it has more than one."""
    grid: Grid
    rows: int
    columns: int
    bands: int


@dataclass(frozen=True)
class Input:
    """A file by the name that expressions call it."""
    name: str
    path: str
    raster: Raster


class Node:
    """An operation with its arguments, or an input."""

    def __init__(self, operation, arguments):
        self.operation, self.arguments = operation, arguments

    @cached_property
    def value(self):
        if isinstance(self.operation, Input):
            return self.operation.raster
        return self.operation.reference(*(a.value if isinstance(a, Node) else a for a in self.arguments))

    @property
    def children(self):
        return [a for a in self.arguments if isinstance(a, Node)]

    def all(self):
        yield self
        for child in self.children:
            yield from child.all()

    @property
    def inputs(self):
        return {node.operation.name: node.operation for node in self.all() if isinstance(node.operation, Input)}

    @property
    def depth(self):
        return 1 + max((child.depth for child in self.children), default=-1)

    def __str__(self):
        if isinstance(self.operation, Input):
            return self.operation.name
        return self.operation.write([spell(a) for a in self.arguments])


def spell(argument):
    """As the expression language has it."""
    match argument:
        case bool():
            return str(argument).lower()
        case range():
            return f"{argument.start}..{argument.stop}"
        case list():
            return f"[{', '.join(map(spell, argument))}]"
        case int() | float() if argument < 0:
            return f"({argument!r})"
        case float():
            return repr(argument)
    return str(argument)


class Kept(Exception):
    """A tree that is to be refused, and is kept for that."""


class Unsuitable(Exception):
    """What cannot be drawn here."""


class World:
    """Files that expressions share, made when they are drawn."""

    def __init__(self, rng, folder):
        self.rng, self.folder, self.inputs, self.counts = rng, folder, {}, Counter()
        os.makedirs(folder, exist_ok=True)
        rows, columns = SHAPES[rng.integers(len(SHAPES))]
        grid = Grid(600000.0, 5900040.0, 60.0, float(rng.choice([60.0, 30.0])))
        self.place = Place(grid, rows, columns, int(rng.integers(1, 5)))
        # How many of the files say where they lie.
        self.georeferenced = rng.choice([1.0, 1.0, 0.5, 0.0])

    def input(self, place, wants):
        """A file for the place that suits, or a new one."""
        known = self.inputs.setdefault(place, [])
        suitable = [node for node in known if wants(node.value)]
        if suitable and (self.rng.random() < 0.6 or len(self.counts) > 40):
            return suitable[self.rng.integers(len(suitable))]
        for _ in range(30):
            kind = self.kind()
            if wants(EXAMPLES[kind[0]].relabelled(nodata=kind[1])):
                known.append(self.made(place, *kind))
                return known[-1]
        raise Unsuitable

    def kind(self):
        """Dtype and nodata."""
        rng = self.rng
        dtype = str(rng.choice([name for name in DTYPES if name != "bool"]))
        if rng.random() < 0.5:
            return dtype, None
        if dtype in WHOLE:
            values = [np.nan, np.nan, -9999.0, 0.0, 0.1, np.inf, -1e30, float(np.finfo(DTYPES[dtype]).min)]
            return dtype, float(DTYPES[dtype](rng.choice(values)))
        low, high = RANGES[dtype]
        # Of 64 bits those that a double is: GDAL's interface for nodata that Python has here takes no others.
        return dtype, int(rng.choice(np.array([0, 0, low, high if high < 2 ** 53 else 77, 77, 5], dtype=object)))

    def made(self, place, dtype, nodata):
        rng, number = self.rng, self.counts.total()
        self.counts["files"] += 1
        bands = place.bands if rng.random() < 0.6 else 1
        pixels = self.pixels((bands, place.rows, place.columns), dtype, nodata)
        name = string.ascii_lowercase[number % 26] + (str(number // 26) if number >= 26 else "")
        path = f"{self.folder}/{name}.tif"
        grid = place.grid if rng.random() < self.georeferenced else None
        write(path, pixels, nodata, grid, self.layout())
        raster = Raster(dtype, pixels, nodata, without(interval_of(dtype), nodata), True, grid)
        return Node(Input(name, path, raster), [])

    def layout(self):
        """Tiles or strips, so that the chunks of operands differ."""
        rng = self.rng
        how = dict(interleave=str(rng.choice(["pixel", "band"])), compress=str(rng.choice(["none", "deflate", "zstd"])))
        if rng.random() < 0.6:
            return how | dict(tiled=True, blockxsize=int(16 * rng.integers(1, 17)), blockysize=int(16 * rng.integers(1, 17)))
        return how | dict(tiled=False, blockysize=int(rng.integers(1, 40)))

    def pixels(self, shape, dtype, nodata):
        """Tame ones, or any that the dtype has; then a few special ones and nodata."""
        rng, of_dtype = self.rng, DTYPES[dtype]
        is_tame = rng.random() < 0.6
        if dtype in WHOLE:
            pixels = rng.normal(size=shape) * 10.0 ** rng.integers(-2, 3 if is_tame else 9)
            if rng.random() < 0.4:
                pixels = np.round(np.abs(pixels))
            special = [0.0, 0.5, 1.0, 2.5] if is_tame else [0.0, np.nan, np.inf, -np.inf, 1e30, -1e-30, 16777216.0, 3.5]
        else:
            low, high = RANGES[dtype]
            ends = (max(low, -20), min(high, 100)) if is_tame else (low, high)
            pixels = rng.integers(ends[0], ends[1], size=shape, dtype=of_dtype, endpoint=True)
            special = [0, 1, 2] if is_tame else [low, high, high - 1, low + 1, 0, 1]
        pixels = pixels.astype(of_dtype)
        chosen = rng.random(shape) < 0.2
        pixels[chosen] = rng.choice(np.array(special, of_dtype), size=chosen.sum())
        if nodata is not None:
            pixels[rng.random(shape) < rng.choice([0.0, 0.1, 0.5])] = of_dtype(nodata)
        return pixels


def write(path, pixels, nodata, grid, layout):
    where = {}
    if grid:
        where = dict(crs="EPSG:32631", transform=Affine(grid.width, 0, grid.left, 0, -grid.height, grid.top))
    count, height, width = pixels.shape
    with rasterio.open(path, "w", driver="GTiff", count=count, height=height, width=width, dtype=pixels.dtype, nodata=nodata,
                       **where, **layout) as f:
        f.write(pixels)


class Draw:
    """Draws trees; `counts` tells which operations were drawn seldom."""

    def __init__(self, rng, world, counts, keep):
        self.rng, self.world, self.counts, self.keep, self.nodes = rng, world, counts, keep, 0
        # Nodes by place: now and then one is used again.
        self.known = {}

    def one_of(self, choices):
        return choices[self.rng.integers(len(choices))]

    def chance(self, share):
        return self.rng.random() < share

    def tree(self):
        """A tree that is accepted, or one that is to be refused."""
        # A condition below may need one more.
        depth = self.one_of([1, 2, 3, 4, 5, 6, 7, 7, 7])
        place = self.world.place
        try:
            if self.chance(0.2):
                return self.operation(place, depth, anything, self.seldom(NUMBERS), False)
            return self.node(place, depth, anything, False)
        except Kept as kept:
            return kept.args[0]

    def seldom(self, operations):
        weights = np.array([1 / (1 + self.counts[operation.name]) ** 0.7 for operation in operations])
        return operations[self.rng.choice(len(operations), p=weights / weights.sum())]

    def node(self, place, depth, wants, is_exact, bools=False):
        self.nodes += 1
        if self.chance(0.07):
            again = [node for node in self.known.get(place, []) if node.depth <= depth and wants(node.value)
                     and not (is_exact and node.value.slack is not None)]
            if again:
                return self.one_of(again)
        node = self.new_node(place, depth, wants, is_exact, bools)
        self.known.setdefault(place, []).append(node)
        return node

    def new_node(self, place, depth, wants, is_exact, bools):
        known = [operation for operation in OPERATIONS if operation.can_give_bools] if bools else OPERATIONS
        if depth > 0 and self.nodes < NODES_MAX:
            for _ in range(8):
                try:
                    return self.operation(place, depth, wants, self.seldom(known), is_exact)
                except Unsuitable:
                    pass
        if not bools:
            return self.world.input(place, wants)
        return self.simple_condition(self.world.input(place, anything))

    def simple_condition(self, x):
        values = [value for value in (self.pixel(x.value), self.pixel(x.value)) if value == value and value != x.value.nodata]
        name = self.one_of(["isin", "<", "<=", ">", ">=", "==", "!="] if values else ["isin", "valid"])
        arguments = [x, values] if name == "isin" else [x] + values[:1]
        return Node(next(operation for operation in OPERATIONS if operation.name == name), arguments)

    def operation(self, place, depth, wants, operation, is_exact):
        """A node of the operation."""
        needs_exact = is_exact or not operation.tolerant
        kinds = self.one_of(operation.arguments.split(" | ")).split()
        # One operand may be as deep as it can; the others mostly are not.
        deepest = self.one_of([index for index, kind in enumerate(kinds) if kind in RASTERS or kind in STRUCTURE])
        below = [int(below) for below in self.rng.integers(0, max(depth - 1, 1), len(kinds))]
        below[deepest] = depth - 1
        node = Node(operation, self.arguments(list(zip(kinds, below)), place, wants, needs_exact))
        try:
            value = node.value
        except Rejected:
            if self.chance(self.keep):
                raise Kept(node) from None
            raise Unsuitable from None
        if isinstance(value, Raster) and (not wants(value) or is_exact and value.slack is not None):
            raise Unsuitable
        return node

    def arguments(self, kinds, place, wants, is_exact):
        """Rasters first: literals are drawn for them."""
        if kinds[0][0].isupper():
            (kind, below), *rest = kinds
            statistic = [word for word, _ in rest]
            asked = wants if not statistic else is_bool if statistic[0] in ("any", "all") else anything
            return STRUCTURE[kind](self, place, lambda at: like(self, at, below, asked, is_exact)) + statistic
        drawn = {}
        for index, (kind, below) in enumerate(kinds):
            if kind == "fill":
                kind = self.one_of(["like", "literal", "literal", "nodata word"])
                kinds[index] = kind, below
            if kind in RASTERS:
                first = drawn[min(drawn)].value if drawn else None
                drawn[index] = RASTERS[kind](self, place, below, wants, is_exact, first)
        about = [node.value for index, node in drawn.items() if kinds[index][0] != "condition"]
        about = about[0] if about else None
        return [drawn[index] if index in drawn else OTHERS[kind](self, about) if kind in OTHERS else kind
                for index, (kind, _) in enumerate(kinds)]

    # Literals and other arguments, for a raster that is known or not.

    def pixel(self, x):
        return x.pixels.ravel()[self.rng.integers(x.pixels.size)].item()

    def literal(self, x):
        rng = self.rng
        if x is not None and x.dtype == "bool" and self.chance(0.8):
            return bool(rng.integers(2))
        if x is None or self.chance(0.45):
            return self.one_of([0, 1, 2, 3, 5, 7, 10, 100, 255, -1, -3, 0.5, 2.0, -1.5, 0.1, 1e3])
        if self.chance(0.08):
            return self.one_of([300, 65536, 16777217, -129, 2 ** 32, 2 ** 53 + 1, -2 ** 63, 2 ** 63, 2 ** 64 - 1, 2 ** 64,
                                1e300, 1e-300, float("nan"), float("inf"), float("-inf"), True])
        if x.nodata is not None and self.chance(0.08):
            return x.nodata
        if x.is_float:
            return float(np.float32(self.pixel(x))) if self.chance(0.3) else self.pixel(x)
        low, high = x.interval
        return self.one_of([self.pixel(x), self.pixel(x) + 1, self.pixel(x) - 1, low, high, self.pixel(x) + 0.5])

    def values(self, x):
        values = [self.literal(x) for _ in range(int(self.rng.integers(0, 5)))]
        if x.is_integer and self.chance(0.5):
            first = int(np.clip(self.pixel(x), *x.interval))
            values.append(range(first, min(first + int(self.rng.integers(1, 40)), x.interval[1] + 1)))
        return [v for v in values if not (isinstance(v, range) and len(v) == 0)]

    def nodata(self, x):
        """Often an end of the dtype, or one that leaves the interval."""
        ends = [float("nan"), float("nan"), -9999, 0] if x.is_float else [0, *x.interval, *RANGES[x.dtype]]
        return self.one_of([*ends, self.literal(x)])

    def exponent(self, x):
        return self.one_of([0, 1, 2, 2, 2, 3, 3, 4, 7, 20, 64])

    def number(self, x):
        return self.one_of([0.5, 2, 1, -1, 0.0001, 10, 100, 0, 3.7, -1000])

    def chunks(self, x):
        return [int(self.rng.integers(1, 80)) for _ in range(2 + x.has_bands)] + [9] * self.chance(0.03)


def anything(value):
    return True


def is_bool(value):
    return value.dtype == "bool"


def like(draw, place, depth, wants, is_exact, first=None):
    """What is wanted of the result."""
    only_bools = wants(EXAMPLES["bool"]) and not wants(EXAMPLES["u8"])
    return draw.node(place, depth, wants, is_exact, only_bools)


def raster(wants, bools=False):
    """Mostly what is wanted."""
    def drawn(draw, place, depth, _, is_exact, first):
        return draw.node(place, depth, lambda value: wants(value) or draw.chance(0.01), is_exact, bools)
    return drawn


def any_raster(draw, place, depth, wants, is_exact, first):
    """Now and then one that does not meet."""
    if draw.chance(0.004):
        place = replace(place, rows=place.rows + 1)
    return draw.node(place, depth, anything, is_exact)


def alike(draw, place, depth, wants, is_exact, first):
    """A raster that `first` can be combined with bit by bit."""
    def suits(value):
        return value.dtype == first.dtype and value.nodata is None or draw.chance(0.01)
    return draw.node(place, depth, suits, is_exact, first.dtype == "bool")


EXAMPLES = {dtype: Raster(dtype, np.zeros((1, 1, 1), DTYPES[dtype]), None, interval_of(dtype)) for dtype in DTYPES}

# Kinds of arguments that are rasters: drawn for a place, a depth and what is wanted of the result, exact or not, beside
# a first one.
RASTERS = {
    "x": any_raster,
    "like": like,
    "condition": raster(is_bool, bools=True),
    "integers": raster(lambda value: value.is_integer),
    "whole": raster(lambda value: not value.is_float),
    "plain": raster(lambda value: not value.is_float and value.nodata is None),
    "alike": alike,
}

# Other kinds: drawn for a raster among the arguments, if there is one.
OTHERS = {
    "literal": Draw.literal,
    "number": Draw.number,
    "exponent": Draw.exponent,
    "bit": lambda draw, x: int(draw.rng.integers(0, 8 * x.pixels.itemsize + draw.chance(0.1))),
    "values": Draw.values,
    "nodata": Draw.nodata,
    "nodata word": lambda draw, x: NODATA,
    "dtype": lambda draw, x: draw.one_of(list(DTYPES)),
    "bins": lambda draw, x: int(draw.rng.integers(1, 40)),
    "chunks": Draw.chunks,
}


# Arguments of what changes the grid: a raster drawn elsewhere, and how it comes to this place.

def elsewhere(place, rows, columns, bands=None, **grid):
    bands = bands or place.bands
    if rows * columns * bands > PIXELS_MAX:
        raise Unsuitable
    return Place(replace(place.grid, **grid), rows, columns, bands)


def around(draw, place):
    """A larger place, and where in it this one lies."""
    row, column, below, right = (int(draw.rng.integers(0, 12)) * draw.chance(0.7) for _ in range(4))
    grid = place.grid
    outer = elsewhere(place, row + place.rows + below, column + place.columns + right,
                      left=grid.left - column * grid.width, top=grid.top + row * grid.height)
    return outer, row, column


def window_arguments(draw, place, x):
    outer, row, column = around(draw, place)
    beyond = draw.chance(0.02) * 99
    return [x(outer), row, row + place.rows + beyond, column, column + place.columns]


def clip_box_arguments(draw, place, x):
    outer, row, column = around(draw, place)
    inset = [float(draw.one_of([0, 0, 0.25, 0.5, 0.9])) for _ in range(4)]
    grid, rows, columns = place.grid, place.rows, place.columns
    # Within its outer pixels, on either side.
    left, right = inset[0], columns - 1 + max(inset[1], 0.1)
    top, bottom = inset[2], rows - 1 + max(inset[3], 0.1)
    if left >= right or top >= bottom:
        raise Unsuitable
    return [x(outer), grid.left + left * grid.width, grid.top - bottom * grid.height,
            grid.left + right * grid.width, grid.top - top * grid.height]


def slice_arguments(draw, place, x):
    dim = draw.one_of(["y", "x", "band", "band"] if not draw.chance(0.02) else ["time"])
    if dim == "band":
        more = int(draw.rng.integers(0, 3))
        first = int(draw.rng.integers(0, more + 1))
        return [x(elsewhere(place, place.rows, place.columns, place.bands + more)), dim, first, first + place.bands]
    outer, row, column = around(draw, place)
    # The other axis is as this place has it.
    if dim == "y":
        outer = replace(outer, columns=place.columns, grid=replace(outer.grid, left=place.grid.left))
        return [x(outer), dim, row, row + place.rows]
    outer = replace(outer, rows=place.rows, grid=replace(outer.grid, top=place.grid.top))
    return [x(outer), dim, column, column + place.columns]


def band_arguments(draw, place, x):
    bands = int(draw.rng.integers(1, 5))
    return [x(elsewhere(place, place.rows, place.columns, bands)), int(draw.rng.integers(0, bands))]


def over_arguments(draw, place, x):
    bands = int(draw.rng.integers(1, 5))
    return [x(elsewhere(place, place.rows, place.columns, bands)), "band" if not draw.chance(0.02) else "time"]


def repeat_arguments(draw, place, x):
    factors = [draw.one_of([k for k in (1, 2, 4, 7, 13) if length % k == 0]) for length in (place.rows, place.columns)]
    bands = draw.one_of([k for k in (1, 2, 3) if place.bands % k == 0])
    grid = place.grid
    coarse = elsewhere(place, place.rows // factors[0], place.columns // factors[1], place.bands // bands,
                       height=grid.height * factors[0], width=grid.width * factors[1])
    return [x(coarse), [bands, *factors]]


def coarsen_arguments(draw, place, x):
    bands, y, across = draw.one_of([1, 1, 2, 3]), *(draw.one_of([1, 2, 3, 5]) for _ in range(2))
    fill = lambda length, k: (length - 1) * k + int(draw.rng.integers(1, k + 1))
    grid = place.grid
    fine = elsewhere(place, fill(place.rows, y), fill(place.columns, across), fill(place.bands, bands),
                     height=grid.height / y, width=grid.width / across)
    return [x(fine), [bands, y, across]]


def focal_arguments(draw, place, x):
    sizes = [draw.one_of([1, 3, 3, 5]) for _ in range(2)]
    return [x(place), [*sizes[:1], sizes[1] + draw.chance(0.01)]]


STRUCTURE = {
    "SLICE": slice_arguments, "WINDOW": window_arguments, "CLIP_BOX": clip_box_arguments, "BAND": band_arguments,
    "REPEAT": repeat_arguments, "COARSEN": coarsen_arguments, "FOCAL": focal_arguments, "OVER": over_arguments,
}
