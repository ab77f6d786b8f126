"""Arguments that are drawn together: a raster elsewhere and how it comes to this place, or many rasters."""
from dataclasses import replace

import numpy as np

from join import unified
from model import Rejected
from operations import OPERATIONS
from world import PIXELS_MAX, Node, Place, Unsuitable


def anything(value):
    return True


def made_of(name, *arguments):
    """A node of an operation by its name."""
    return Node(next(operation for operation in OPERATIONS if operation.name == name), list(arguments))


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
    # Rows or columns may run the other way.
    left, right = sorted(grid.left + column * grid.width for column in (left, right))
    bottom, top = sorted(grid.top - row * grid.height for row in (top, bottom))
    return [x(outer), left, bottom, right, top]


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


def downsample_arguments(draw, place, x):
    grid = place.grid
    longer = lambda length: draw.one_of([2 * length, length + int(draw.rng.integers(0, 2 * length + 1))])
    rows, columns = longer(place.rows), longer(place.columns)
    fine = elsewhere(place, rows, columns, height=grid.height * place.rows / rows, width=grid.width * place.columns / columns)
    return [x(fine), [place.rows, place.columns + draw.chance(0.01) * 2 * columns]]


def focal_arguments(draw, place, x):
    sizes = [draw.one_of([1, 3, 3, 5]) for _ in range(2)]
    return [x(place), [*sizes[:1], sizes[1] + draw.chance(0.01)]]


def has_axis(draw, dim):
    return lambda value: dim != "band" or value.has_bands or draw.chance(0.03)


def flip_arguments(draw, place, x):
    dim, grid = draw.one_of(["y", "x", "band"]) if not draw.chance(0.02) else "time", place.grid
    if dim == "y":
        place = elsewhere(place, place.rows, place.columns, top=grid.top - place.rows * grid.height, height=-grid.height)
    if dim == "x":
        place = elsewhere(place, place.rows, place.columns, left=grid.left + place.columns * grid.width, width=-grid.width)
    return [x(place, has_axis(draw, dim)), dim]


def step_by_arguments(draw, place, x):
    dim, step, grid = draw.one_of(["y", "x", "band"]), draw.one_of([1, 2, 2, 3, 5, 40]), place.grid
    longer = lambda length: (length - 1) * step + int(draw.rng.integers(1, step + 1))
    # The middles of pixels stay.
    if dim == "y":
        height = grid.height / step
        place = elsewhere(place, longer(place.rows), place.columns, top=grid.top - (step - 1) / 2 * height, height=height)
    elif dim == "x":
        width = grid.width / step
        place = elsewhere(place, place.rows, longer(place.columns), left=grid.left + (step - 1) / 2 * width, width=width)
    else:
        place = elsewhere(place, place.rows, place.columns, longer(place.bands))
    return [x(place, has_axis(draw, dim)), dim, step if not draw.chance(0.01) else 0]


def pad_arguments(draw, place, x):
    """The raster lies within this place."""
    grid = place.grid
    top, left = (int(draw.rng.integers(0, min(length, 9))) for length in (place.rows, place.columns))
    bottom, right = (int(draw.rng.integers(0, min(length - before, 9)))
                     for length, before in ((place.rows, top), (place.columns, left)))
    inner = elsewhere(place, place.rows - top - bottom, place.columns - left - right,
                      left=grid.left + left * grid.width, top=grid.top - top * grid.height)
    return [x(inner), [top, bottom, left, right]]


def shift_arguments(draw, place, x):
    """Now and then as far as the raster reaches, or beyond."""
    lengths = place.rows, place.columns
    near = [int(draw.rng.integers(-min(n, 5), min(n, 5) + 1)) for n in lengths]
    return [x(place), *([near[0], draw.one_of([-1, 1]) * (lengths[1] + int(draw.rng.integers(0, 3)))]
                        if draw.chance(0.1) else near)]


def convolve_arguments(draw, place, x):
    return [x(place), draw.weights()]


def one_by_one(draw, x, places):
    """A raster at each place, of a dtype and nodata that go with those before; the first may be as deep as it can."""
    nodes = []
    for place in places:
        suits = lambda value: goes_with([node.value for node in nodes], value) or draw.chance(0.01)
        nodes.append(x(place, suits, shallow=bool(nodes)))
    return nodes


def together(draw, x, places):
    """Of all as many bands, and either all of them with an axis of these or none."""
    nodes = one_by_one(draw, x, places)
    bands, has_bands = max(len(node.value.pixels) for node in nodes), any(node.value.has_bands for node in nodes)
    return [with_bands(node, bands, has_bands) for node in nodes]


def goes_with(before, value):
    try:
        unified([*before, value])
        return True
    except Rejected:
        return False


def with_bands(node, bands, has_bands):
    if has_bands and not node.value.has_bands:
        node = made_of("stack", node)
    return node if len(node.value.pixels) == bands else made_of("repeat", node, [bands, 1, 1])


def cut(draw, length, most=3):
    """A length in parts: of two ends each, from 0."""
    count = int(draw.rng.integers(2, most + 1))
    if length < count:
        raise Unsuitable
    inner = sorted(draw.rng.choice(np.arange(1, length), count - 1, replace=False).tolist())
    return list(zip([0, *inner], [*inner, length]))


def part_of(place, rows, columns):
    """The place of some of the rows and columns."""
    grid = place.grid
    return elsewhere(place, rows[1] - rows[0], columns[1] - columns[0],
                     left=grid.left + columns[0] * grid.width, top=grid.top - rows[0] * grid.height)


def concat_arguments(dim):
    def arguments(draw, place, x):
        rows, columns = (0, place.rows), (0, place.columns)
        if dim == "band":
            parts = [replace(place, bands=end - start) for start, end in cut(draw, place.bands)]
            return [*as_bands(draw, x, parts), dim]
        if dim == "y":
            places = [part_of(place, part, columns) for part in cut(draw, place.rows)]
        else:
            places = [part_of(place, rows, part) for part in cut(draw, place.columns)]
        if draw.chance(0.01):
            places[-1] = replace(places[-1], grid=replace(places[-1].grid, left=places[-1].grid.left + 600))
        return [*together(draw, x, places), dim]
    return arguments


def as_bands(draw, x, parts):
    """Rasters with an axis of bands, and as many of them as each is to have."""
    return [with_bands(node, part.bands, True) for node, part in zip(one_by_one(draw, x, parts), parts)]


def stack_arguments(draw, place, x):
    """Rasters with bands, and some that have none."""
    word = draw.one_of([[], ["band"]])
    if place.bands == 1 or draw.chance(0.1):
        return [x(place), *word]
    parts = [replace(place, bands=end - start) for start, end in cut(draw, place.bands, 4 if place.bands > 3 else 2)]
    nodes = as_bands(draw, x, parts)
    return [made_of("band", node, 0) if len(node.value.pixels) == 1 and draw.chance(0.5) else node for node in nodes] + word


def times_arguments(draw, place, x):
    return together(draw, x, [place] * 3)


def mosaic_arguments(draw, place, x):
    """Rasters that reach from one corner to the other, or that cover all; then some that lie anywhere."""
    if draw.world.georeferenced == 0:
        raise Unsuitable
    rows, columns = place.rows, place.columns
    covers = draw.chance(0.5)
    extent = lambda length: sorted(draw.rng.choice(length + 1, 2, replace=False).tolist())
    places = [part_of(place, *parts) for parts in covering(draw, rows, columns, covers)]
    for _ in range(int(draw.rng.integers(0, 3))):
        places.append(part_of(place, extent(rows), extent(columns)))
    places = [places[index] for index in draw.rng.permutation(len(places))]
    if draw.chance(0.01):
        places[-1] = replace(places[-1], grid=replace(places[-1].grid, top=places[-1].grid.top + 7))

    def suits(value):
        # What of rasters without nodata below others is read is not said where some have one.
        return (value.grid or draw.chance(0.01)) and (value.nodata is not None or covers and value.fails is None)

    nodes = together(draw, lambda at, also, shallow: x(at, lambda value: also(value) and suits(value), shallow), places)
    if any(has_nan_beside_nodata(node.value) for node in nodes):
        # Whether NaN becomes the nodata is not said.
        raise Unsuitable
    return nodes


def has_nan_beside_nodata(value):
    is_nan = value.is_float and value.nodata is not None and value.nodata == value.nodata
    return is_nan and bool(np.isnan(value.pixels).any())


def covering(draw, rows, columns, covers):
    """Rows and columns of two parts; they overlap, touch, or leave corners."""
    ends = [sorted(int(end) for end in draw.rng.integers(1, length + 1, 2)) for length in (rows, columns)]
    (row0, row1), (column0, column1) = ends if draw.chance(0.6) else [(end, end) for end, _ in ends]
    if not covers:
        return [((0, row1), (0, column1)), ((min(row0, rows - 1), rows), (min(column0, columns - 1), columns))]
    if draw.chance(0.5):
        return [((0, row1), (0, columns)), ((min(row0, rows - 1), rows), (0, columns))]
    return [((0, rows), (0, column1)), ((0, rows), (min(column0, columns - 1), columns))]


def reclassify_arguments(otherwise=None):
    """Behind the classes a raster, or the same, where that is asked for."""
    def arguments(draw, place, x):
        node = x(place, lambda value: value.dtype != "bool" or draw.chance(0.01))
        classes = draw.classes(node.value)
        values = draw.entries(len(classes) + draw.chance(0.01))
        if otherwise == "raster":
            is_bool = all(isinstance(value, bool) for value in values)
            has_nodata = node.value.nodata is not None
            suits = lambda value: (value.dtype == "bool") == is_bool and (value.nodata is None or has_nodata)
            return [node, classes, values, x(place, lambda value: suits(value) or draw.chance(0.03), shallow=True)]
        return [node, classes, values, *([node] if otherwise == "itself" else [])]
    return arguments


TOGETHER = {
    "FLIP": flip_arguments, "STEP_BY": step_by_arguments, "PAD": pad_arguments, "SHIFT": shift_arguments,
    "CONVOLVE": convolve_arguments, "STACK": stack_arguments, "TIMES": times_arguments, "MOSAIC": mosaic_arguments,
    "CONCAT_BAND": concat_arguments("band"), "CONCAT_Y": concat_arguments("y"), "CONCAT_X": concat_arguments("x"),
    "RECLASSIFY": reclassify_arguments(), "RECLASSIFY_OR_RASTER": reclassify_arguments("raster"),
    "RECLASSIFY_OR_ITSELF": reclassify_arguments("itself"),
    "SLICE": slice_arguments, "WINDOW": window_arguments, "CLIP_BOX": clip_box_arguments, "BAND": band_arguments,
    "REPEAT": repeat_arguments, "COARSEN": coarsen_arguments, "DOWNSAMPLE": downsample_arguments, "FOCAL": focal_arguments, "OVER": over_arguments,
}
