"""Rasters beside, behind and over each other."""
from dataclasses import astuple, replace

import numpy as np

from elementwise import common, fitted, widened
from model import Grid, require, union
from windows import STATISTICS, Windows

AXES = {"band": 0, "y": 1, "x": 2}


def unified(rasters):
    """Rasters with a dtype that holds the pixels of all, and the nodata of the first."""
    first = widened(rasters[0], common(*rasters))
    return [first, *(fitted(first, other) for other in rasters[1:])]


def joined(rasters, axis, **known):
    parts = unified(rasters)

    def known_of_pixels(arrays, dtype):
        if all(array is None for array in arrays):
            return None
        shapes = [part.pixels.shape for part in parts]
        return np.concatenate([np.zeros(shape, dtype) if array is None else array
                               for array, shape in zip(arrays, shapes)], axis)

    return replace(parts[0], pixels=np.concatenate([part.pixels for part in parts], axis),
                   interval=union(*(part.interval for part in parts)), is_decided=False,
                   slack=known_of_pixels([part.slack for part in parts], float),
                   fails=known_of_pixels([part.fails for part in parts], bool), **known)


def check_grids(grids):
    """That grids are one where rasters have any."""
    grids = [astuple(grid) for grid in grids if grid]
    require(all(np.allclose(grid, grids[0]) for grid in grids), "grids that differ")


def check_shapes(rasters, axis):
    shapes = {tuple(np.delete(raster.pixels.shape, axis)) for raster in rasters}
    require(len(shapes) == 1, "shapes that differ")


def stack(*arguments):
    """One after the other as bands: those of a raster that has some, and one that has none as one."""
    rasters = [argument for argument in arguments if not isinstance(argument, str)]
    check_shapes(rasters, 0)
    check_grids([raster.grid for raster in rasters])
    return joined(rasters, 0, has_bands=True)


def concat(*arguments):
    *rasters, dim = arguments
    require(dim != "band" or all(raster.has_bands for raster in rasters), "an axis that there is not")
    require(len({raster.has_bands for raster in rasters}) == 1, "axes that differ")
    axis = AXES[dim]
    check_shapes(rasters, axis)
    # Where the first would lie, had it begun where each begins.
    starts = np.cumsum([0, *(raster.pixels.shape[axis] for raster in rasters[:-1])])
    check_grids([raster.grid and Grid(raster.grid.left - (dim == "x") * start * raster.grid.width,
                                      raster.grid.top + (dim == "y") * start * raster.grid.height,
                                      raster.grid.width, raster.grid.height) for raster, start in zip(rasters, starts)])
    return joined(rasters, axis)


def layers(rasters, inside, **known):
    """Windows of the pixels that rasters of one shape have in the same place, where they are inside."""
    x = joined(rasters, 0)
    bands, rows, columns = rasters[0].pixels.shape
    places = np.arange(len(rasters))[:, None] * bands + np.arange(bands)
    windows = Windows.of(x, [places, np.arange(rows)[None], np.arange(columns)[None]], **known)
    return replace(windows, inside=inside, count_max=int(inside.sum((0, 1, 2)).max()))


def over_time(*arguments):
    """A statistic over rasters that are stacked as times."""
    rasters = [argument for argument in arguments if not isinstance(argument, (str, int, float))]
    statistic, *numbers = arguments[len(rasters):]
    require(len({raster.has_bands for raster in rasters}) == 1, "axes that differ")
    check_shapes(rasters, [])
    check_grids([raster.grid for raster in rasters])
    shape = rasters[0].pixels.shape
    inside = np.ones((len(rasters), 1, 1, *shape), bool)
    return STATISTICS[statistic](layers(rasters, inside), *numbers)


def mosaic(*arguments):
    rasters = [argument for argument in arguments if not isinstance(argument, str)]
    (how,) = arguments[len(rasters):] or ("first",)
    require(all(raster.grid for raster in rasters), "a mosaic of what has no grid")
    require(len({raster.has_bands for raster in rasters}) == 1, "axes that differ")
    require(len({len(raster.pixels) for raster in rasters}) == 1, "bands that differ")
    corners, grid = placed(rasters), rasters[0].grid
    ends = corners + [raster.pixels.shape[1:] for raster in rasters]
    start, end = corners.min(0), ends.max(0)
    grid = Grid(grid.left + start[1] * grid.width, grid.top - start[0] * grid.height, grid.width, grid.height)
    shape = len(rasters[0].pixels), *(end - start)
    whole, inside = [], np.zeros((len(rasters), 1, 1, *shape), bool)
    for index, (raster, (row, column)) in enumerate(zip(rasters, corners - start)):
        _, rows, columns = raster.pixels.shape
        widths = (0, 0), (row, shape[1] - row - rows), (column, shape[2] - column - columns)
        whole.append(raster.moved(lambda pixels: np.pad(pixels, widths)))
        inside[index, ..., row:row + rows, column:column + columns] = True
    if unified(rasters)[0].nodata is None:
        require(inside.any(0).all(), "pixels that no raster covers, without nodata")
        is_one = how in ("first", "last")
        require(is_one or inside.sum(0).max() == 1, "an overlap without nodata that is neither first nor last")
        if is_one:
            inside = seen(inside, how == "last")
    windows = layers(whole, inside, grid=grid)
    result = STATISTICS[how](windows)
    return with_slack(result, windows, how) if result.is_float and how in ("mean", "sum") and len(rasters) > 2 else result


def placed(rasters):
    """The row and column at which each begins, from those of the first on."""
    first, corners = rasters[0].grid, []
    for grid in (raster.grid for raster in rasters):
        require(np.allclose((grid.width, grid.height), (first.width, first.height)), "pixels of another size")
        corner = np.array([(first.top - grid.top) / first.height, (grid.left - first.left) / first.width])
        require(np.abs(corner - np.round(corner)).max() < 1e-6, "another lattice")
        corners.append(np.round(corner).astype(int))
    return np.array(corners)


def seen(inside, last):
    """What others do not hide: that is all that is read where all pixels are valid."""
    order = inside[::-1] if last else inside
    is_top = order & (order.cumsum(0) == 1)
    return is_top[::-1] if last else is_top


def with_slack(result, windows, how):
    """In which order floats are summed that lie over each other is not said."""
    pixels, is_valid = windows.gathered()
    if not windows.x.is_float:
        return result
    with np.errstate(all="ignore"):
        total = np.where(is_valid & np.isfinite(pixels), np.abs(pixels.astype(float)), 0).sum((0, 1, 2))
        slack = total * 1e-15 + np.abs(np.spacing(result.pixels)).astype(float)
    return result.relabelled(slack=np.where(np.isfinite(slack), slack, 0))
