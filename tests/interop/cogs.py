#!/usr/bin/env python3
"""Check that the COGs swath writes are valid, and that GDAL reads from them what it would have written itself.

    python tests/interop/cogs.py [--work target/interop/cogs] [--only TEXT]

Of a table of codecs, dtypes, counts of bands, block sizes and kinds of rasters, each file must pass `rio cogeo validate
--strict`, be `LAYOUT=COG` for GDAL, and hold the same pixels at full resolution as its source and at each overview as
GDAL's COG driver makes of it: nearest and mode equal, means within rounding. Masks are those of the source, and of GDAL's overviews where these are nearest or means. Where nodata is left out of it, GDAL weights a
bilinear mean by rows first, and by NaN not at all, nor does its mode know NaN; there, values must lie between those of the
level above. What a lossy codec leaves of a level must be as near to it as what GDAL's codec of the same quality leaves, but
for a tenth. Wants the packages of requirements.txt;
SWATH names the command to check, without it, it is built. The last line is `N passed, N failed`.
"""
import argparse
import itertools
import os
import subprocess
import sys
import traceback
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import from_origin
from rio_cogeo.cogeo import cog_validate

from check import cargo

CODECS = [("none", []), ("deflate", []), ("deflate", ["--level", "9"]), ("deflate", ["--predictor", "1"]), ("lzw", []),
          ("zstd", []), ("zstd", ["--level", "1"])]
DTYPES = ["uint8", "uint16", "int16", "uint32", "int32", "float32", "float64", "int8", "uint64", "int64"]
# With u8 alone, with the counts of bands that a block holds, and what GDAL's COG driver is told.
IMAGES = [("jpeg", [], (1, 3, 2, 4), {"compress": "JPEG"}), ("jpeg", ["--level", "92"], (3, 1, 5), {"compress": "JPEG", "quality": 92}),
          ("webp", [], (3, 4), {"compress": "WEBP"}), ("webp", ["--level", "40"], (4, 3), {"compress": "WEBP", "quality": 40}),
          ("webp", ["--level", "100"], (3, 4), None),
          ("lerc", ["--max-error", "3"], (1, 3), {"compress": "LERC", "max_z_error": 3})]
IMAGE_KINDS = ["edges", "pixel", "block", "row", "masked"]
KINDS = ["edges", "pixel", "block", "row", "sparse", "nodata", "nan", "palette", "described", "masked"]
WAYS = {"nearest": "NEAREST", "average": "AVERAGE", "bilinear": "BILINEAR", "mode": "MODE", "rms": "RMS"}


def combinations():
    """Each kind with each dtype, the rest in turns; and each codec with each dtype."""
    blocks, bands = itertools.cycle([128, 256, 512]), itertools.cycle([1, 3, 4, 2, 1, 5])
    codecs, ways = itertools.cycle(CODECS), itertools.cycle(WAYS)
    for kind, dtype in itertools.product(KINDS, DTYPES):
        if kind == "nan" and not dtype.startswith("float") or kind == "palette" and dtype not in ("uint8", "uint16"):
            continue
        if kind == "masked" and dtype.endswith("int64"):
            continue
        count = 1 if kind == "palette" else next(bands)
        yield kind, dtype, count, next(blocks), next(codecs), "nearest" if kind in ("palette", "described") else next(ways)
    for codec, dtype in itertools.product(CODECS, DTYPES):
        yield "edges", dtype, next(bands), next(blocks), codec, next(ways)
    for way, dtype, kind in itertools.product(WAYS, ["uint8", "int16", "uint32", "float32"], ["edges", "nodata", "nan"]):
        if kind != "nan" or dtype == "float32":
            yield kind, dtype, next(bands), 128, next(codecs), way
    for way, dtype in itertools.product(WAYS, ["uint8", "int16", "float32"]):
        yield "masked", dtype, next(bands), next(blocks), next(codecs), way
    for count, block in itertools.product([1, 2, 3, 4, 7, 13], [128, 256, 512, 1024]):
        yield "edges", "uint8", count, block, next(codecs), "nearest"
    for kind, dtype in itertools.product(["edges", "pixel", "sparse", "nodata", "nan", "masked"], DTYPES):
        if not dtype.endswith("int64") and (kind != "nan" or dtype.startswith("float")):
            yield kind, dtype, next(bands), next(blocks), ("lerc", []), next(ways)
    for (codec, options, counts, _), kind in itertools.product(IMAGES, IMAGE_KINDS):
        for count in counts:
            yield kind, "uint8", count, next(blocks), (codec, options), next(ways)


def raster(kind, dtype, count, block, rng):
    """(pixels, nodata)"""
    height, width = {"pixel": (1, 1), "block": (block, block), "row": (1, 2 * block + 77), "sparse": (3 * block, 2 * block + 16)}.get(
        kind, (2 * block + 45, block + 291))
    is_float = dtype.startswith("float")
    y, x = np.mgrid[:height, :width]
    waves = 40 * np.sin(x / 31) * np.cos(y / 17) + rng.normal(0, 5, (count, height, width)) + 60
    if dtype.startswith("int") or is_float:
        waves -= 50
    pixels = waves.astype(dtype) if is_float else np.rint(waves.clip(-120, 120)).clip(0 if dtype[0] == "u" else None, None).astype(dtype)
    nodata = None
    if kind in ("sparse", "nodata", "nan"):
        nodata = {"sparse": 0, "nodata": -9999.0 if is_float else 120, "nan": np.nan}[kind]
        holes = np.hypot(y - height / 2, x - width / 2) < min(height, width) / 3
        pixels[:, holes] = nodata
        # And pixels by themselves.
        pixels[:, rng.random((height, width)) < 0.05] = nodata
    if kind == "sparse":
        pixels[:, :block + block // 2] = 0
    return pixels, nodata


def describe(file, kind, rng):
    """All that a file can say of its bands."""
    if kind == "palette":
        values = 256 if file.dtypes[0] == "uint8" else 65536
        colors = rng.integers(0, 256, (values, 3))
        file.write_colormap(1, {value: (*map(int, color), 255) for value, color in enumerate(colors)})
        return
    count = file.count
    file.descriptions = [f"band {band} < \"{band * 7}\" & more" for band in range(count)]
    file.scales, file.offsets = [0.0001 * (band + 1) for band in range(count)], [-0.1 * band for band in range(count)]
    file.units = ["W/m²" if band else "m" for band in range(count)]
    colors = [ColorInterp.nir, ColorInterp.red, ColorInterp.alpha, ColorInterp.undefined, ColorInterp.blue]
    file.colorinterp = [ColorInterp.gray, *colors][:count]
    file.update_tags(AUTHOR="a <b>", STATION="7")
    file.update_tags(1, DAY="200")
    file.update_tags(ns="own", KEY="value")


class Checker:
    def __init__(self, a):
        self.work, self.only = os.path.abspath(a.work), a.only
        os.makedirs(self.work, exist_ok=True)
        self.swath = os.environ.get("SWATH") or cargo("-p", "swath-cli")
        self.worst, self.losses = {}, {}

    def check(self, numbered):
        number, (kind, dtype, count, block, (codec, options), way) = numbered
        name = f"{kind}, {count} × {dtype}, blocks of {block}, {codec} {' '.join(options)}, {way}"
        if self.only and self.only not in name:
            return None
        files = [f"{self.work}/{number}-{what}.tif" for what in ("source", "swath", "gdal", "lossy")]
        try:
            self.compare(files, np.random.default_rng(number), kind, dtype, count, block, codec, options, way)
            return True
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            print(f"FAILED {name}: {type(error).__name__} {error} (line {where.lineno})", flush=True)
            return False
        finally:
            for file in files:
                if os.path.exists(file) and self.only is None:
                    os.remove(file)

    def compare(self, files, rng, kind, dtype, count, block, codec, options, way):
        source, out, peer, lossy_peer = files
        lossy = next((told for name, level, _, told in IMAGES if (name, level) == (codec, options)), None)
        pixels, nodata = raster(kind, dtype, count, block, rng)
        if options == ["--predictor", "3"] and not dtype.startswith("float"):
            options = []
        is_rgb = codec in ("jpeg", "webp") and count in (3, 4)
        photometric = "PALETTE" if kind == "palette" else "RGB" if is_rgb else "MINISBLACK"
        # GDAL's COG driver holds no bands apart.
        is_apart = codec == "jpeg" and count not in (1, 3)
        with rasterio.open(source, "w", driver="GTiff", width=pixels.shape[2], height=pixels.shape[1], count=count, dtype=dtype,
                           nodata=nodata, crs="EPSG:32631", transform=from_origin(600000, 5700000, 10, 10), tiled=True,
                           blockxsize=256, blockysize=256, photometric=photometric,
                           ALPHA="NO") as file:
            if kind in ("palette", "described"):
                describe(file, kind, rng)
            file.write(pixels)
            if kind == "masked":
                # In the file itself, by the setting below.
                file.write_mask(self.mask(pixels.shape[1:], rng))
        command = [self.swath, "calc", "x", f"x={source}", "-o", out, "--cog", "--quiet", "--threads", "2",
                   "--interleave", "band" if is_apart else "pixel",
                   "--compress", codec, *options, "--blocksize", str(block), "--resampling", way]
        command += ["--sparse"] if kind == "sparse" else []
        command += [f"v={source}@valid", "--mask", "v"] if kind == "masked" else []
        # Of a palette GDAL has none.
        notes = kind != "palette" and rng.random() < 0.5
        command += ["--statistics"] if notes else []
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, done.stdout
        is_valid, errors, warned = cog_validate(out, strict=True, quiet=True)
        assert is_valid and not errors and not warned, f"errors {errors}, warnings {warned}"
        rasterio.shutil.copy(source, peer, driver="COG", compress="DEFLATE", blocksize=block, overview_resampling=WAYS[way],
                             overview_compress="DEFLATE")
        if lossy and not is_apart:
            rasterio.shutil.copy(source, lossy_peer, driver="COG", blocksize=block, overview_resampling=WAYS[way], **lossy)
        with rasterio.open(out) as ours, rasterio.open(source) as theirs:
            assert ours.tags(ns="IMAGE_STRUCTURE").get("LAYOUT") == "COG", ours.tags(ns="IMAGE_STRUCTURE")
            assert ours.transform == theirs.transform and ours.crs == theirs.crs
            assert ours.nodata == nodata or np.isnan(ours.nodata) and np.isnan(nodata)
            assert ours.block_shapes[0] == (block, block)
            mask = theirs.dataset_mask() > 0
            if lossy:
                self.near(out, not is_apart and lossy_peer, None, pixels, mask, codec, options, 1.1)
            else:
                np.testing.assert_array_equal(ours.read(), pixels)
            np.testing.assert_array_equal(ours.dataset_mask() > 0, mask)
            for band in range(count):
                valid = mask if kind == "masked" or nodata is None else ~np.isnan(pixels[band]) if np.isnan(nodata) else pixels[band] != nodata
                self.statistics(ours.tags(band + 1), pixels[band][valid], valid.mean() if notes else None)
            levels = len(ours.overviews(1))
            for what in ("descriptions", "scales", "offsets", "units", "colorinterp"):
                assert getattr(ours, what) == getattr(theirs, what), f"{what} {getattr(ours, what)}, not {getattr(theirs, what)}"
            for band in range(count + 1):
                assert self.told(ours, band) == self.told(theirs, band), f"{self.told(ours, band)}, not {self.told(theirs, band)}"
            if kind == "palette":
                assert ours.colormap(1) == theirs.colormap(1)
        with rasterio.open(peer) as theirs:
            # In a file of one block GDAL makes none, and of a raster as thin as a row no more than one.
            assert levels == len(theirs.overviews(1)), f"{levels} overviews, GDAL {theirs.overviews(1)}"
        above = pixels
        for level in range(levels):
            with rasterio.open(out, overview_level=level) as a, rasterio.open(peer, overview_level=level) as b:
                ours, theirs = a.read(), b.read()
                if kind == "masked":
                    valid = a.dataset_mask() > 0
                    if way in ("nearest", "average"):
                        np.testing.assert_array_equal(valid, b.dataset_mask() > 0)
                    both = valid & (b.dataset_mask() > 0)
                    ours, theirs = ours[:, both], theirs[:, both]
            if lossy:
                with rasterio.open(peer, overview_level=level) as b:
                    both = b.dataset_mask() > 0
                    # What is hidden is 0 in our overviews: speckles, of which neighbours suffer.
                    factor = 2 if kind == "masked" else 1.1
                    self.near(out, not is_apart and lossy_peer, level, b.read(), both, codec, options, factor)
                continue
            assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
            hides = nodata is not None or kind == "masked"
            # Beside a mask, GDAL's modes are of other pixels, too.
            is_other = way == "bilinear" and hides or way == "mode" and kind in ("nan", "masked")
            if not is_other:
                self.same(ours, theirs, nodata, way, level)
            if nodata is not None:
                self.no_bleeding(above, ours, nodata)
            if kind == "masked":
                self.no_bleeding(pixels[:, mask][None], ours, None)
            above = ours

    def near(self, out, peer, level, pixels, mask, codec, options, factor):
        """As near to the pixels that were written as GDAL's file, in the mean over what is seen in all."""
        if not mask.any():
            return
        def loss(path):
            with rasterio.open(path, **({} if level is None else {"overview_level": level})) as file:
                apart = np.abs(file.read().astype("f8") - pixels.astype("f8"))
                assert apart.shape == pixels.shape, (apart.shape, pixels.shape)
                return apart[:, mask].mean()
        ours = loss(out)
        assert ours < 8, f"level {level}: {ours:.2f} apart in the mean"
        if peer:
            theirs = loss(peer)
            worst = self.losses.get((codec, *options), (0, 0))
            self.losses[(codec, *options)] = max(worst, (ours / max(theirs, 0.5), theirs))
            assert ours <= factor * theirs + 0.5, f"level {level}: {ours:.2f} apart in the mean, GDAL's {theirs:.2f}"

    @staticmethod
    def mask(shape, rng):
        y, x = np.mgrid[:shape[0], :shape[1]]
        return (np.hypot(y - shape[0] / 2, x - shape[1] / 3) > min(shape) / 4) & (rng.random(shape) > 0.1)

    @staticmethod
    def told(file, band):
        of_pixels = lambda name: name == "OVR_RESAMPLING_ALG" or name.startswith("STATISTICS_")
        return {domain: {name: value for name, value in file.tags(band, domain).items() if not of_pixels(name)}
                for domain in ("", "own")}

    @staticmethod
    def statistics(told, valid, share):
        """What GDAL reads of a band is what its pixels are; nothing where it was not asked for, or none is valid."""
        told = {name: float(value) for name, value in told.items() if name.startswith("STATISTICS_")}
        if share is None or valid.size == 0:
            assert told == {}, told
            return
        wide = valid.astype("f8")
        expected = {"MINIMUM": wide.min(), "MAXIMUM": wide.max(), "MEAN": wide.mean(), "STDDEV": wide.std(), "VALID_PERCENT": 100 * share}
        assert set(told) == {f"STATISTICS_{name}" for name in expected}, told
        for name, value in expected.items():
            tolerance = 1e-3 if name == "VALID_PERCENT" else 1e-9
            assert abs(told[f"STATISTICS_{name}"] - value) <= tolerance * max(1, abs(value)), (name, told, value)

    def same(self, ours, theirs, nodata, way, level):
        """Equal, or as near as rounding once a level leaves it."""
        if way in ("nearest", "mode"):
            np.testing.assert_array_equal(ours, theirs)
            return
        absent = [np.isnan(x) if nodata is not None and np.isnan(nodata) else x == nodata for x in (ours, theirs)]
        np.testing.assert_array_equal(*absent)
        apart = np.abs(ours.astype("f8") - theirs.astype("f8"))[~absent[0]]
        if ours.dtype.kind == "f":
            apart = apart / np.maximum(1, np.abs(theirs.astype("f8")[~absent[0]]))
        worst = apart.max(initial=0)
        self.worst[(way, ours.dtype.kind)] = max(worst, self.worst.get((way, ours.dtype.kind), 0))
        limit = 1e-5 * (level + 1) if ours.dtype.kind == "f" else level + 1
        assert worst <= limit, f"level {level}: {worst} apart"

    @staticmethod
    def no_bleeding(above, below, nodata):
        """What is valid lies between the least and the greatest valid pixel of the level above."""
        of = lambda x: np.ones(x.shape, bool) if nodata is None else ~np.isnan(x) if np.isnan(nodata) else x != nodata
        valid = [of(above), of(below)]
        if valid[1].any():
            low, high = float(above[valid[0]].min()), float(above[valid[0]].max())
            # A root of mean squares is no mean of what is negative.
            low, high = min(low, -abs(low)), max(high, abs(low))
            assert low <= below[valid[1]].min() and below[valid[1]].max() <= high, "nodata went into a mean"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--work", default="target/interop/cogs")
    p.add_argument("--only", metavar="TEXT", help="only what has this in its name; its files are kept")
    checker = Checker(p.parse_args())
    warnings.simplefilter("ignore", NotGeoreferencedWarning)
    os.environ["GDAL_TIFF_INTERNAL_MASK"] = "YES"
    with ThreadPoolExecutor(2) as pool:
        results = [result for result in pool.map(checker.check, enumerate(combinations())) if result is not None]
    for (way, kind), worst in sorted(checker.worst.items()):
        print(f"{way}, {'floats' if kind == 'f' else 'integers'}: at most {worst:.2g} from GDAL's")
    for codec, (ratio, _) in sorted(checker.losses.items()):
        print(f"{' '.join(codec)}: at most {ratio:.2f} times as far from the pixels as GDAL's")
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    sys.exit(results.count(False) > 0)


if __name__ == "__main__":
    main()
