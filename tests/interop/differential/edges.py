"""What lies beyond the edges of a raster: more pixels, pixels that move over them, and weights around each pixel."""
import math

import numpy as np

from elementwise import NODATA
from model import DTYPES, Grid, Raster, fit, interval_fits, require, same, union
from structure import window

# As NumPy calls them.
MODES = {"nearest": "edge", "reflect": "symmetric"}


def pad(x, amounts, boundary):
    """So many rows above and below, and columns left and right."""
    top, bottom, left, right = amounts
    widths, grid = ((0, 0), (top, bottom), (left, right)), x.grid
    if grid:
        grid = Grid(grid.left - left * grid.width, grid.top + top * grid.height, grid.width, grid.height)
    if boundary in MODES:
        _, rows, columns = x.pixels.shape
        is_enough = max(top, bottom) <= rows and max(left, right) <= columns
        require(boundary == "nearest" or is_enough, "more pixels reflected than there are")
        return x.moved(lambda pixels: np.pad(pixels, widths, MODES[boundary]), grid=grid)
    require(boundary != NODATA or x.nodata is not None, "nodata of a raster without")
    value = x.nodata if boundary == NODATA else fit(boundary, x.dtype)
    interval = x.interval
    if interval is not None and not same(x.nodata, value):
        interval = union(interval, (int(value), int(value)))
    # Of what is new, nothing is inexact, and nothing fails.
    padded = x.moved(lambda pixels: np.pad(pixels, widths), grid=grid, interval=interval)
    pixels = np.pad(x.pixels, widths, constant_values=x.pixels.dtype.type(value))
    return padded.relabelled(pixels=pixels)


def shift(x, rows, columns, boundary):
    amounts = max(rows, 0), max(-rows, 0), max(columns, 0), max(-columns, 0)
    padded, (_, height, width) = pad(x, amounts, boundary), x.pixels.shape
    return window(padded, amounts[1], amounts[1] + height, amounts[3], amounts[3] + width).relabelled(grid=x.grid)


def convolve(x, weights, boundary):
    """The sum of the pixels around each times the weights from the last to the first, in f64."""
    require(len({len(row) for row in weights}) == 1, "rows of weights that differ")
    height, width = len(weights), len(weights[0])
    require(height % 2 and width % 2, "weights without a middle")
    require(all(math.isfinite(weight) for row in weights for weight in row), "a weight that is not finite")
    padded, (_, rows, columns) = pad(x, (height // 2, height // 2, width // 2, width // 2), boundary), x.pixels.shape
    total, missing, fails, pixels = 0.0, False, False, padded.pixels.astype(np.float64)
    with np.errstate(all="ignore"):
        for row, column in np.ndindex(height, width):
            part = (slice(None), slice(row, row + rows), slice(column, column + columns))
            total = total + float(weights[height - 1 - row][width - 1 - column]) * pixels[part]
            missing = missing | padded.missing[part]
            fails = fails | (False if padded.fails is None else padded.fails[part])
        is_narrow = x.dtype == "f32" or padded.interval and interval_fits(padded.interval, "f32")
        dtype, nodata = "f32" if is_narrow else "f64", None if x.nodata is None else math.nan
        total = np.where(missing, np.nan, total).astype(DTYPES[dtype])
    return Raster(dtype, total, nodata, None, x.has_bands, x.grid, fails=None if padded.fails is None else fails)
