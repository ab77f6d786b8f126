"""Places, files that lie there, and the nodes of expressions that read them."""
import os
import string
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import rasterio
from rasterio.transform import Affine

from model import DTYPES, RANGES, WHOLE, Grid, Raster, interval_of, without

SHAPES = [(1, 1), (1, 1), (1, 7), (7, 1), (2, 3), (13, 17), (13, 17), (16, 16), (31, 29), (33, 48), (64, 64), (97, 101),
          (130, 67)]
PIXELS_MAX = 40_000
# Without those of axes, which a raster of that name would hide.
NAMES = string.ascii_lowercase.replace("x", "").replace("y", "")


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
    # How rasterio is to write it.
    layout: dict

    def write(self):
        """Where it is read: of many that are drawn, that is not known before."""
        if not os.path.exists(self.path):
            write(self.path, self.raster.pixels, self.raster.nodata, self.raster.grid, self.layout)


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
        case int() | float() if repr(argument).startswith("-"):  # -0.0, too
            return f"({argument!r})"
        case float():
            return repr(argument)
    return str(argument)


EXAMPLES = {dtype: Raster(dtype, np.zeros((1, 1, 1), DTYPES[dtype]), None, interval_of(dtype)) for dtype in DTYPES}


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
            kind = self.kind(place)
            if wants(kind):
                known.append(self.made(place, kind))
                return known[-1]
        raise Unsuitable

    def kind(self, place):
        """What a file could be, with one pixel in each band."""
        rng = self.rng
        dtype, nodata = self.dtype_and_nodata()
        pixels = np.zeros((place.bands if rng.random() < 0.6 else 1, 1, 1), DTYPES[dtype])
        grid = place.grid if rng.random() < self.georeferenced else None
        return Raster(dtype, pixels, nodata, without(interval_of(dtype), nodata), True, grid)

    def dtype_and_nodata(self):
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

    def made(self, place, kind):
        number = self.counts.total()
        self.counts["files"] += 1
        pixels = self.pixels((len(kind.pixels), place.rows, place.columns), kind.dtype, kind.nodata)
        name = NAMES[number % len(NAMES)] + (str(number // len(NAMES)) if number >= len(NAMES) else "")
        path = f"{self.folder}/{name}.tif"
        return Node(Input(name, path, kind.relabelled(pixels=pixels), self.layout()), [])

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
