"""Rasters at a lower resolution, by what each pixel covers."""
import numpy as np

from model import DTYPES, RANGES, Grid, require

RESAMPLINGS = ("nearest", "average", "bilinear", "rms", "mode", "min", "max")


def downsample(x, size, how):
    bands, rows, columns = x.pixels.shape
    require(1 <= size[0] <= rows and 1 <= size[1] <= columns, "a size that a raster cannot be reduced to")
    if list(size) == [rows, columns]:
        return x
    grid = x.grid and Grid(x.grid.left, x.grid.top, x.grid.width * (columns / size[1]), x.grid.height * (rows / size[0]))
    taps = [axis_taps(length, count, how) for length, count in zip((rows, columns), size)]
    if how == "nearest":
        pixels = x.pixels[:, taps[0][0][0]][:, :, taps[1][0][0]]
    elif how in ("mode", "min", "max"):
        pixels = chosen(x, taps, {"mode": mode, "min": least, "max": greatest}[how])
    elif how == "average" and (rows, columns) == (2 * size[0], 2 * size[1]):
        pixels = halved(x)
    else:
        pixels = weighted(x, taps, how == "rms")
    fails = x.fails
    if fails is not None:
        # A step before is computed where it is covered.
        (y, y_weights), (across, x_weights) = (axis_taps(length, count, "bilinear" if how == "bilinear" else "average")
                                               for length, count in zip((rows, columns), size))
        fails = sum((fails[:, a][:, :, b] & ((u[:, None] > 0) & (v > 0))) for a, u in zip(y, y_weights)
                    for b, v in zip(across, x_weights)).astype(bool)
    interval = RANGES[x.dtype] if how == "rms" and x.interval is not None else x.interval
    return x.relabelled(pixels=pixels, grid=grid, interval=interval, slack=None, fails=fails)


def axis_taps(length, count, how):
    """For each place in an area, the pixels that are there, and what they weigh; nothing where an area has no such place."""
    i = np.arange(count)
    if how == "nearest":
        return np.minimum((2 * i * length + count) // (2 * count), length - 1)[None], np.ones((1, count))
    start, end = i * length // count, -(-(i + 1) * length // count)
    if how == "bilinear":
        ratio = length / count
        middle = (i + 0.5) * ratio
        start = np.minimum(np.maximum(np.floor(middle - ratio), 0).astype(int), start)
        end = np.minimum(np.maximum(np.ceil(middle + ratio).astype(int), end), length)
        weigh = lambda at: np.maximum(1 - np.abs(at + 0.5 - middle) / ratio, 0)
    else:
        weigh = lambda at: (np.minimum((i + 1) * length, (at + 1) * count) - np.maximum(i * length, at * count)) / count
    at = start + np.arange((end - start).max())[:, None]
    is_there = at < end
    return np.where(is_there, at, 0), np.where(is_there, weigh(at), 0.0)


def weighted(x, taps, is_root):
    """Column by column first, then row by row, in f64 and in this order."""
    (y, y_weights), (across, x_weights) = taps
    values = x.pixels.astype(np.float64)
    with np.errstate(all="ignore"):
        values = values * values if is_root else values
        sums = totals = np.zeros((x.pixels.shape[0], y.shape[1], x.pixels.shape[2]))
        for at, weights in zip(y, y_weights):
            is_there = ~x.missing[:, at] & (weights[:, None] > 0)
            sums = sums + np.where(is_there, weights[:, None] * values[:, at], 0.0)
            totals = totals + np.where(is_there, weights[:, None], 0.0)
        sum_, total = np.zeros((2, x.pixels.shape[0], y.shape[1], across.shape[1]))
        for at, weights in zip(across, x_weights):
            counts = (totals[:, :, at] > 0) & (weights > 0)
            sum_ = sum_ + np.where(counts, weights * sums[:, :, at], 0.0)
            total = total + np.where(counts, weights * totals[:, :, at], 0.0)
        mean = sum_ / total
        return finished(x, np.sqrt(mean) if is_root else mean, total > 0)


def halved(x):
    """Two by two pixels: of integers exactly."""
    bands, rows, columns = x.pixels.shape
    squares = [(slice(None), slice(y, None, 2), slice(across, None, 2)) for y in (0, 1) for across in (0, 1)]
    valid = [~x.missing[square] for square in squares]
    count = sum(is_valid.astype(int) for is_valid in valid)
    exact = np.float64 if x.is_float else object
    with np.errstate(all="ignore"):
        parts = [np.where(is_valid, x.pixels[square], 0).astype(exact) for square, is_valid in zip(squares, valid)]
        total = parts[0] + parts[1] + parts[2] + parts[3]
        if x.is_float:
            mean = total * 0.25 if x.nodata is None else total / count
            return finished(x, mean, count > 0)
        if x.dtype == "bool":
            return np.array(2 * total >= count, bool)
        mean = (2 * total + count) // (2 * np.maximum(count, 1))
        return finished(x, mean, count > 0)


def finished(x, mean, is_any):
    """Numbers as pixels: rounded, and never nodata but where there is none."""
    dtype = DTYPES[x.dtype]
    if x.dtype == "bool":
        return mean >= 0.5
    if x.is_float:
        pixels = mean.astype(dtype)
        beside = np.where(pixels < np.finfo(dtype).max, np.nextafter(pixels, dtype(np.inf)), np.nextafter(pixels, dtype(-np.inf)))
    else:
        low, high = RANGES[x.dtype]
        if mean.dtype != object:
            below = np.floor(mean)
            mean = np.where(mean - below >= 0.5, below + 1, below)
            mean = np.where(is_any, mean, 0).astype(object)
        pixels = np.vectorize(lambda value: min(max(int(value), low), high), otypes=[object])(mean)
        beside = np.where(pixels < high, pixels + 1, pixels - 1).astype(dtype)
        pixels = pixels.astype(dtype)
    if x.nodata is None:
        return pixels
    nodata = dtype(x.nodata)
    return np.where(is_any, np.where(pixels == nodata, beside, pixels), nodata).astype(dtype)


def chosen(x, taps, choose):
    """One of the valid pixels of each area, row by row."""
    (y, y_weights), (across, x_weights) = taps
    out = np.zeros((x.pixels.shape[0], y.shape[1], across.shape[1]), x.pixels.dtype)
    for band, row, column in np.ndindex(out.shape):
        rows, columns = y[y_weights[:, row] > 0, row], across[x_weights[:, column] > 0, column]
        area = [x.pixels[band, a, b] for a in rows for b in columns if not x.missing[band, a, b]]
        out[band, row, column] = choose(area) if area else x.nodata
    return out


def mode(area):
    counts, most = {}, None
    for pixel in area:
        key = "nan" if pixel != pixel else pixel
        counts[key] = counts.get(key, 0) + 1
        if most is None or counts[key] > most[1]:
            most = pixel, counts[key]
    return most[0]


def least(area):
    return next((pixel for pixel in area if pixel != pixel), min(area))


def greatest(area):
    return next((pixel for pixel in area if pixel != pixel), max(area))
