"""What moves pixels."""
import math

import numpy as np

from model import Grid, require


def part(x, axis, start, end):
    require(start < end <= x.pixels.shape[axis], "a range that is empty or beyond the axis")
    index = tuple(slice(start, end) if a == axis else slice(None) for a in range(3))
    grid = x.grid
    if grid and axis == 1:
        grid = Grid(grid.left, grid.top - start * grid.height, grid.width, grid.height)
    if grid and axis == 2:
        grid = Grid(grid.left + start * grid.width, grid.top, grid.width, grid.height)
    return x.moved(lambda pixels: pixels[index], grid=grid)


def slice_(x, dim, start, end):
    return part(x, axis_of(x, dim), start, end)


def axis_of(x, dim):
    require(dim != "time" and (dim != "band" or x.has_bands), "an axis that there is not")
    return ["band", "y", "x"].index(dim)


def window(x, row0, row1, column0, column1):
    return part(part(x, 1, row0, row1), 2, column0, column1)


def clip_box(x, left, bottom, right, top):
    require(x.grid is not None, "a box without grid")
    require(left < right and bottom < top, "a box that is empty")
    grid, (_, rows, columns) = x.grid, x.pixels.shape
    # Rows or columns may run the other way.
    across = sorted((x - grid.left) / grid.width for x in (left, right))
    down = sorted((grid.top - y) / grid.height for y in (top, bottom))
    (row0, row1), (column0, column1) = covering(*down, rows), covering(*across, columns)
    require(row0 < row1 and column0 < column1, "a box that misses the raster")
    return window(x, row0, row1, column0, column1)


def covering(start, end, length):
    return max(math.floor(start + 1e-6), 0), min(math.ceil(end - 1e-6), length)


def band(x, index):
    require(x.has_bands, "an axis that there is not")
    return part(x, 0, index, index + 1).relabelled(has_bands=False)


def squeeze(x):
    return x.relabelled(has_bands=x.has_bands and len(x.pixels) > 1)


def repeat(x, factors):
    require(0 not in factors, "a factor of 0")
    bands, y, across = factors
    require(bands == 1 or x.has_bands, "an axis that there is not")
    grid = x.grid and Grid(x.grid.left, x.grid.top, x.grid.width / across, x.grid.height / y)
    return x.moved(lambda pixels: pixels.repeat(bands, 0).repeat(y, 1).repeat(across, 2), grid=grid)


def flip(x, dim):
    """Each pixel stays where it is on the ground."""
    axis, grid = axis_of(x, dim), x.grid
    _, rows, columns = x.pixels.shape
    if grid and axis == 1:
        grid = Grid(grid.left, grid.top - rows * grid.height, grid.width, -grid.height)
    if grid and axis == 2:
        grid = Grid(grid.left + columns * grid.width, grid.top, -grid.width, grid.height)
    return x.moved(lambda pixels: np.flip(pixels, axis), grid=grid)


def step_by(x, dim, step):
    """Larger pixels around the same middles."""
    axis, grid = axis_of(x, dim), x.grid
    require(step > 0, "a step of 0")
    if grid and axis == 1:
        grid = Grid(grid.left, grid.top + (step - 1) / 2 * grid.height, grid.width, grid.height * step)
    if grid and axis == 2:
        grid = Grid(grid.left - (step - 1) / 2 * grid.width, grid.top, grid.width * step, grid.height)
    index = tuple(slice(None, None, step if a == axis else None) for a in range(3))
    return x.moved(lambda pixels: pixels[index], grid=grid)


def rechunk(x, lengths):
    require(len(lengths) == 2 + x.has_bands and 0 not in lengths, "chunks that are not lengths of the axes")
    return x
