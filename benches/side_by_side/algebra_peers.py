"""What `algebra.py` measures swath against: the same jobs in xarray with Dask, and in NumPy with rasterio by hand.

    python algebra_peers.py JOB PROGRAM OUT FILE...

Dask has 2 threads and chunks of 2048², reads and writes without the global lock where that is possible. By hand is one
loop over the file's own blocks, as a person writes who knows rasterio, with GDAL's threads for the codec.
"""
import sys
import warnings

import numpy as np

warnings.filterwarnings("ignore")
CHUNK = 2048
BINS, RANGE = 64, (0, 6400)


def dask_open(path, masked=True):
    import rioxarray
    return rioxarray.open_rasterio(path, chunks=(1, CHUNK, CHUNK), lock=False, masked=masked)


def dask_write(raster, out):
    import threading
    raster.rio.to_raster(out, tiled=True, blockxsize=512, blockysize=512, compress="DEFLATE", predictor=3,
                         lock=threading.Lock(), num_threads=2)


def ndvi_dask(out, near_infrared, red):
    nir, red = dask_open(near_infrared), dask_open(red)
    dask_write((nir - red) / (nir + red), out)


def statistics_dask(out, path):
    import dask
    import dask.array as da
    band = dask_open(path)
    counts = da.histogram(band.data, bins=BINS, range=RANGE)[0]
    print([np.asarray(x).tolist() for x in dask.compute(band.mean(), band.min(), band.max(), band.std(), counts)][:4])


def zonal_dask(out, path, zones):
    import dask
    import dask.array as da
    band, zones = dask_open(path, masked=False).data[0], dask_open(zones, masked=False).data[0]

    def gather(pixels, classes):
        valid = pixels != 0
        pixels, classes = pixels[valid].astype("float64"), classes[valid]
        return np.stack([np.bincount(classes, minlength=1025), np.bincount(classes, pixels, minlength=1025)])[None, None]

    parts = da.map_blocks(gather, band, zones, dtype="float64", chunks=(1, 1, 2, 1025), new_axis=[2, 3])
    count, total = dask.compute(parts.sum(axis=(0, 1)))[0]
    print((total / np.maximum(count, 1))[1:4])


def focal_dask(out, path):
    from scipy.ndimage import uniform_filter
    raster = dask_open(path, masked=False)
    smooth = raster.data.map_overlap(lambda x: uniform_filter(x, (1, 5, 5), mode="nearest"), depth=(0, 2, 2), boundary="nearest")
    dask_write(raster.copy(data=smooth), out)


def zones_make(out, path):
    """Classes from 1 to 1024, in 32 × 32 fields."""
    import rasterio
    with rasterio.open(path) as f:
        profile = {**f.profile, "nodata": None}
    field = np.arange(profile["height"]) * 32 // profile["height"]
    with rasterio.open(out, "w", **profile) as f:
        f.write((1 + field[:, None] * 32 + field[None, :]).astype("uint16"), 1)


def dates_make(folder, count, *bands):
    """So many dates of two bands of 4096², each a little brighter than the one before, and classes of the same pixels."""
    import rasterio
    from rasterio.windows import Window
    size, random = 4096, np.random.default_rng(1)
    red, nir = (rasterio.open(band).read(1, window=Window(2000, 2000, size, size)) for band in bands[:2])
    with rasterio.open(bands[2]) as f:
        classes = f.read(1).repeat(2, 0).repeat(2, 1)
    with rasterio.open(bands[0]) as f:
        profile = {**f.profile, "width": size, "height": size, "nodata": 0, "count": 2, "interleave": "band"}
    for date in range(int(count)):
        noise = random.integers(0, 200, (2, size, size), "uint16")
        pixels = np.where(np.stack([red, nir]) == 0, 0, np.stack([red, nir]) + 10 * date + noise).astype("uint16")
        with rasterio.open(f"{folder}/date{date}.tif", "w", **profile) as f:
            f.write(pixels)
        row, column = (date * 431) % 5000, (date * 977) % 5000
        with rasterio.open(f"{folder}/mask{date}.tif", "w", **{**profile, "count": 1, "dtype": "uint8", "nodata": None}) as f:
            f.write(classes[row:row + size, column:column + size], 1)


CLOUDS = [3, 8, 9, 10]


def composite_dask(out, *files):
    import xarray
    dates, masks = files[:len(files) // 2], files[len(files) // 2:]
    pixels = xarray.concat([dask_open(path).drop_vars("band") for path in dates], "time")
    classes = xarray.concat([dask_open(path, masked=False)[0].drop_vars("band") for path in masks], "time")
    # A median needs all times of a place at once.
    clear = pixels.where(~classes.isin(CLOUDS)).chunk(time=-1)
    dask_write(clear.median("time", skipna=True).rio.write_crs(pixels.rio.crs), out)


def composite_hand(out, *files):
    import rasterio
    dates, masks = ([rasterio.open(path, num_threads=2) for path in part] for part in (files[:len(files) // 2], files[len(files) // 2:]))
    with by_hand_writer(out, files[0]) as f:
        for _, window in dates[0].block_windows(1):
            pixels = np.stack([date.read(window=window) for date in dates]).astype("float32")
            hidden = np.isin(np.stack([mask.read(window=window) for mask in masks]), CLOUDS) | (pixels == 0)
            pixels[hidden] = np.nan
            f.write(np.nanmedian(pixels, axis=0), window=window)


def blocks(*paths):
    import rasterio
    files = [rasterio.open(path, num_threads=2) for path in paths]
    for _, window in files[0].block_windows(1):
        yield window, [f.read(1, window=window) for f in files]


def by_hand_writer(out, path):
    import rasterio
    with rasterio.open(path) as f:
        profile = {**f.profile, "dtype": "float32", "nodata": np.nan, "predictor": 3, "compress": "deflate", "num_threads": 2}
    return rasterio.open(out, "w", **profile)


def ndvi_hand(out, near_infrared, red):
    with by_hand_writer(out, red) as f, np.errstate(all="ignore"):
        for window, (nir, red) in blocks(near_infrared, red):
            a, b = nir.astype("float32"), red.astype("float32")
            f.write(np.where((nir == 0) | (red == 0), np.float32(np.nan), (a - b) / (a + b)), 1, window=window)


def statistics_hand(out, path):
    count, total, squares, least, greatest, counts = 0, 0, 0, 65535, 0, np.zeros(BINS, int)
    for _, (pixels,) in blocks(path):
        pixels = pixels[pixels != 0]
        if pixels.size:
            wide = pixels.astype("uint64")
            count, total, squares = count + pixels.size, total + int(wide.sum()), squares + int((wide * wide).sum())
            least, greatest = min(least, pixels.min()), max(greatest, pixels.max())
            counts += np.histogram(pixels, BINS, RANGE)[0]
    print(total / count, least, greatest, (squares / count - (total / count) ** 2) ** 0.5)


def zonal_hand(out, path, zones):
    count, total = np.zeros(1025), np.zeros(1025)
    for _, (pixels, classes) in blocks(path, zones):
        valid = pixels != 0
        count += np.bincount(classes[valid], minlength=1025)
        total += np.bincount(classes[valid], pixels[valid], minlength=1025)
    print((total / np.maximum(count, 1))[1:4])


def focal_hand(out, path):
    import rasterio
    from scipy.ndimage import uniform_filter
    with rasterio.open(path, num_threads=2) as f, by_hand_writer(out, path) as g:
        for _, w in f.block_windows(1):
            top, left = min(w.row_off, 2), min(w.col_off, 2)
            pixels = f.read(1, window=((w.row_off - top, min(w.row_off + w.height + 2, f.height)),
                                       (w.col_off - left, min(w.col_off + w.width + 2, f.width))))
            smooth = uniform_filter(pixels, 5, mode="nearest")
            g.write(smooth[top:top + w.height, left:left + w.width], 1, window=w)


if __name__ == "__main__":
    job, program, *rest = sys.argv[1:]
    if program == "dask":
        import dask
        dask.config.set(scheduler="threads", num_workers=2)
    globals()[f"{job}_{program}"](*rest)
