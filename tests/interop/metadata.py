#!/usr/bin/env python3
"""Check that swath tells of files what GDAL tells: bands, items, colours, control points, masks, validity, pages, sidecars.

    python tests/interop/metadata.py [--work target/interop/metadata] [--corpus FOLDER] [--only TEXT]

Writes files with rasterio in both byte orders, as TIFF and as BigTIFF, and compares `swath info --json`, and what
`swath calc` reads by the words behind a URI (@valid, @scaled, @page1, @0, @sidecars), with rasterio and rioxarray. With a
corpus, compares what is told of its files, too. SWATH names the command to check; without it, it is built. check.py runs
the same checks.
"""
import argparse
import itertools
import json
import os
import subprocess
import sys
import traceback
import warnings

import numpy as np
import rasterio
import rioxarray
from pyproj import CRS
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.rpc import RPC
from rasterio.transform import from_origin

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ORDERS, SIZES = ("LITTLE", "BIG"), ("NO", "YES")
warnings.filterwarnings("ignore", category=rasterio.errors.NotGeoreferencedWarning)


def run(swath, *words):
    done = subprocess.run([swath, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, f"swath {' '.join(words)}: exit code {done.returncode}\n{done.stderr}"
    return done.stdout


def info(swath, path, *more):
    return json.loads(run(swath, "info", "--json", path, *more))


def read(swath, uri, work):
    """The pixels that an expression of the input alone writes."""
    out = f"{work}/out.tif"
    run(swath, "calc", "x", f"x={uri}", "-o", out, "--quiet")
    with rasterio.open(out) as f:
        return f.read()


def same(what, got, expected):
    assert got == expected, f"{what} is {got}, not {expected}"


def same_pixels(what, got, expected):
    assert got.shape == expected.shape, f"{what} has shape {got.shape}, not {expected.shape}"
    wrong = (got != expected) & ~(np.isnan(got.astype(float)) & np.isnan(expected.astype(float)))
    assert not wrong.any(), f"{what}: {wrong.sum()} of {wrong.size} pixels differ"


def numbers(system):
    """PROJ's parameters with the digits that texts keep."""
    return {key: float(f"{value:.10g}") if isinstance(value, (int, float)) else value for key, value in sorted(system.items())}


def same_info(told, f):
    """What rasterio tells of an open file."""
    same("shape", told["shape"], [f.count, f.height, f.width])
    bands = told["bands"]
    same("scales", [b["scale"] if b["scale"] is not None else 1 for b in bands], list(f.scales))
    same("offsets", [b["offset"] if b["offset"] is not None else 0 for b in bands], list(f.offsets))
    same("units", [b["unit"] for b in bands], [u or None for u in f.units])
    same("descriptions", [b["description"] for b in bands], list(f.descriptions))
    same("colors", [b["color"].lower() for b in bands], [c.name for c in f.colorinterp])
    tags = f.tags()
    same("area or point", told["area_or_point"], tags.pop("AREA_OR_POINT", None))
    same("items", told["metadata"].get("", {}), tags)
    for index, band in enumerate(bands):
        items = {k: v for k, v in band["metadata"].get("", {}).items()}
        same(f"items of band {index}", items, f.tags(index + 1))
    same("RPC", told["metadata"].get("RPC", {}), f.tags(ns="RPC"))
    same("points", [[p["column"], p["row"], p["x"], p["y"], p["z"]] for p in told["control_points"]],
         [[p.col, p.row, p.x, p.y, p.z] for p in f.gcps[0]])
    try:
        colors = [list(color) for _, color in sorted(f.colormap(1).items())]
    except ValueError:
        colors = None
    same("color map", told["color_map"], colors)
    flags = {"mask": [MaskFlags.per_dataset], "nodata values": [MaskFlags.per_dataset, MaskFlags.nodata],
             "nodata": [MaskFlags.nodata], "alpha": [MaskFlags.per_dataset, MaskFlags.alpha], "all": [MaskFlags.all_valid]}
    same("validity", flags[told["validity"]], f.mask_flag_enums[0])
    if told["wkt"] and (f.crs or f.gcps[1]):
        # The same projection, ellipsoid and unit; GDAL notes shifts to WGS 84 of which nothing follows here.
        ours, theirs = ({k: v for k, v in CRS.from_wkt(text).to_dict().items() if k not in ("towgs84", "type", "no_defs")}
                        for text in (told["wkt"], (f.crs or f.gcps[1]).to_wkt()))
        same("CRS", str(numbers(ours)), str(numbers(theirs)))
    assert set(f.overviews(1)) == set() or len(told["overviews"]) == len(f.overviews(1)), "another count of overviews"


def same_validity(swath, path, work, f, words=""):
    got = read(swath, f"{path}@valid{words}", work) != 0
    masks = f.read_masks() != 0
    last_is_alpha = f.colorinterp[-1] == ColorInterp.alpha
    for index in range(f.count - last_is_alpha):
        same_pixels(f"validity{words} of band {index}", got[min(index, got.shape[0] - 1)], masks[index])


def write(path, data, order, big, **how):
    profile = dict(driver="GTiff", count=data.shape[0], height=data.shape[1], width=data.shape[2], dtype=data.dtype,
                   ENDIANNESS=order, BIGTIFF=big, compress="deflate")
    return rasterio.open(path, "w", **{**profile, **how})


def noise(bands, dtype, seed=1, size=(70, 90)):
    return np.random.default_rng(seed).integers(0, 200, (bands, *size)).astype(dtype)


# The checks: (name, function of the command and a folder).

def bands_and_items(swath, work, order, big):
    path, data = f"{work}/items-{order}-{big}.tif", noise(4, "int16")
    with write(path, data, order, big, nodata=7, crs="EPSG:32631", transform=from_origin(600000, 5900040, 10, 10)) as f:
        f.write(data)
        f.scales, f.offsets = (0.1, 0.25, 1, 3), (5, 0, -2.5, 0)
        f.units = ("K", "", "m/s", "°C")
        f.descriptions = ("first & <best>", None, "third", "vierte Größe")
        f.colorinterp = [ColorInterp.gray, ColorInterp.undefined, ColorInterp.red, ColorInterp.alpha]
        f.update_tags(AUTHOR="me & <you>", TIFFTAG_SOFTWARE="a writer", TIFFTAG_XRESOLUTION="72.5",
                      TIFFTAG_YRESOLUTION="1", TIFFTAG_RESOLUTIONUNIT="2", TIFFTAG_DATETIME="2026:11:29 00:00:00",
                      AREA_OR_POINT="Point")
        f.update_tags(2, STATISTICS_MEAN="4.5", STATISTICS_MINIMUM="0", STATISTICS_MAXIMUM="9", WAVELENGTH="0.6 µm")
    told = info(swath, path)
    with rasterio.open(path) as f:
        same_info(told, f)
        same("mean", told["bands"][1]["statistics"]["mean"], 4.5)
        same_validity(swath, path, work, f)
    got = read(swath, f"{path}@scaled", work)
    expected = rioxarray.open_rasterio(path, mask_and_scale=False).to_numpy().astype(float)
    nodata = expected == 7
    for band, (scale, offset) in enumerate(zip((0.1, 0.25, 1, 3), (5, 0, -2.5, 0))):
        expected[band] = expected[band] * scale + offset
    expected[nodata] = np.nan
    same_pixels("scaled", got, expected)


def one_scale_is_that_of_rioxarray(swath, work, order, big):
    for dtype, offset in itertools.product(("uint8", "int16", "uint16", "float32"), (0, 5.5)):
        path, data = f"{work}/scale-{order}-{big}-{dtype}-{offset}.tif", noise(2, dtype)
        with write(path, data, order, big, nodata=3) as f:
            f.write(data)
            f.scales, f.offsets = (0.01, 0.01), (offset, offset)
        got = read(swath, f"{path}@scaled", work)
        expected = rioxarray.open_rasterio(path, mask_and_scale=True).to_numpy()
        assert np.array_equal(np.isnan(got), np.isnan(expected)), f"{dtype}: NaN elsewhere"
        assert np.allclose(got, expected, rtol=3e-7, atol=0, equal_nan=True), f"{dtype} with {offset}: other values"


def colors(swath, work, order, big):
    rng = np.random.default_rng(3)
    for dtype, count, nodata in (("uint8", 256, None), ("uint8", 256, 9), ("uint16", 65536, 9)):
        path, data = f"{work}/colors-{order}-{big}-{dtype}-{nodata}.tif", noise(1, dtype)
        with write(path, data, order, big, nodata=nodata, photometric="palette") as f:
            f.write(data)
            f.write_colormap(1, {i: tuple(int(c) for c in rng.integers(0, 256, 3)) + (255,) for i in range(count)})
        with rasterio.open(path) as f:
            same_info(info(swath, path), f)
    path, data = f"{work}/white-{order}-{big}.tif", noise(1, "uint8")
    with write(path, data, order, big, photometric="miniswhite") as f:
        f.write(data)
    with rasterio.open(path) as f:
        same_info(info(swath, path), f)
        same_pixels("MinIsWhite", read(swath, path, work), f.read())


def places(swath, work, order, big):
    path, data = f"{work}/points-{order}-{big}.tif", noise(1, "uint8")
    points = [GroundControlPoint(row, column, 5 + column / 10, 50 - row / 10, row) for row in (0, 30.5, 70) for column in (0, 90)]
    with write(path, data, order, big, gcps=points, crs="EPSG:4326") as f:
        f.write(data)
    with rasterio.open(path) as f:
        same_info(info(swath, path), f)
    path = f"{work}/rpc-{order}-{big}.tif"
    rpcs = RPC(height_off=1.5, height_scale=500, lat_off=50.25, lat_scale=0.1, line_den_coeff=[1] + [0.001 * i for i in range(19)],
               line_num_coeff=[i / 7 for i in range(20)], line_off=2199.8, line_scale=2200, long_off=5, long_scale=0.2,
               samp_den_coeff=[1] + [-1e-9 * i for i in range(19)], samp_num_coeff=[i * 1e5 for i in range(20)], samp_off=0,
               samp_scale=2100, err_bias=None, err_rand=0.3)
    with write(path, data, order, big, rpcs=rpcs) as f:
        f.write(data)
    with rasterio.open(path) as f:
        same_info(info(swath, path), f)


def masks(swath, work, order, big):
    for bits, bands, tiled in itertools.product((1, 8), (1, 3), (False, True)):
        path, data = f"{work}/mask-{order}-{big}-{bits}-{bands}-{tiled}.tif", noise(bands, "uint8")
        mask = noise(1, "uint8", seed=9)[0] > 90
        layout = dict(tiled=True, blockxsize=48, blockysize=32) if tiled else {}
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True, GDAL_TIFF_INTERNAL_MASK_TO_8BIT=bits == 8):
            with write(path, data, order, big, interleave="pixel", **layout) as f:
                f.write(data)
                f.write_mask(mask)
            with rasterio.open(path, "r+") as f:
                f.build_overviews([2, 4], Resampling.nearest)
        with rasterio.open(path) as f:
            same_info(info(swath, path), f)
            same_validity(swath, path, work, f)
        for level in (0, 1):
            with rasterio.open(path, overview_level=level) as f:
                same_validity(swath, path, work, f, f"@{level}")
                same_pixels("overview", read(swath, f"{path}@{level}", work), f.read())


def alpha_and_nodata(swath, work, order, big):
    for dtype, bands, nodata in itertools.product(("uint8", "uint16", "int16", "float32"), (1, 2, 4, 5), (None, 0)):
        path, data = f"{work}/alpha-{order}-{big}-{dtype}-{bands}-{nodata}.tif", noise(bands, dtype)
        data[:, :20] = 0
        colors = [ColorInterp.gray] + [ColorInterp.alpha] if bands == 2 else None
        if bands >= 4:
            colors = [ColorInterp.red, ColorInterp.green, ColorInterp.blue] + [ColorInterp.undefined] * (bands - 4) + [ColorInterp.alpha]
        with write(path, data, order, big, nodata=nodata, photometric="rgb" if bands >= 4 else "minisblack", alpha="yes" if bands > 1 else "no") as f:
            f.write(data)
            if colors:
                f.colorinterp = colors
        with rasterio.open(path) as f:
            same_info(info(swath, path), f)
            same_validity(swath, path, work, f)
    path, data = f"{work}/values-{order}-{big}.tif", noise(3, "uint8") % 3
    with write(path, data, order, big) as f:
        f.write(data)
        f.update_tags(NODATA_VALUES="0 1 2")
    with rasterio.open(path) as f:
        same_info(info(swath, path), f)
        same_validity(swath, path, work, f)


def pages(swath, work, order, big):
    path = f"{work}/pages-{order}-{big}.tif"
    images = [noise(1, "uint8"), noise(3, "uint16", 2, (40, 33)), noise(2, "float32", 3, (20, 50))]
    if os.path.exists(path):
        os.remove(path)
    for number, data in enumerate(images):
        more = dict(APPEND_SUBDATASET="YES") if number else {}
        with write(path, data, order, big, crs="EPSG:4326", transform=from_origin(number, 50, 0.1, 0.1), **more) as f:
            f.write(data)
    told = info(swath, path)
    same("pages", [[p["bands"], *p["shape"]] for p in told["page_list"]], [list(i.shape) for i in images])
    for number, data in enumerate(images):
        with rasterio.open(f"GTIFF_DIR:{number + 1}:{path}") as f:
            same_info(info(swath, path, "--page", str(number)), f)
            same("transform", info(swath, path, "--page", str(number))["transform"], list(f.transform)[:6])
        same_pixels(f"page {number}", read(swath, f"{path}@page{number}", work), data)


def sidecars(swath, work, order, big):
    path, data = f"{work}/beside-{order}-{big}.tif", noise(3, "uint8")
    mask = noise(1, "uint8", seed=9)[0] > 90
    for old in (path, f"{path}.ovr", f"{path}.msk", f"{path}.msk.ovr"):
        if os.path.exists(old):
            os.remove(old)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False):
        with write(path, data, order, big) as f:
            f.write(data)
            f.write_mask(mask)
    with rasterio.Env(TIFF_USE_OVR=True):
        with rasterio.open(path, "r+") as f:
            f.build_overviews([2, 4], Resampling.nearest)
    assert os.path.exists(f"{path}.ovr") and os.path.exists(f"{path}.msk"), "GDAL wrote no files beside"
    same("validity without", info(swath, path)["validity"], "all")
    same("overviews without", info(swath, path)["overviews"], [])
    with rasterio.open(path) as f:
        same_info(info(swath, path, "--sidecars"), f)
        same_validity(swath, path, work, f, "@sidecars")
    for level in (0, 1):
        with rasterio.open(path, overview_level=level) as f:
            same_pixels("overview beside", read(swath, f"{path}@sidecars@{level}", work), f.read())


CHECKS = [bands_and_items, one_scale_is_that_of_rioxarray, colors, places, masks, alpha_and_nodata, pages, sidecars]


def corpus_file(swath, path):
    """A file of another program, where this build reads it."""
    with rasterio.open(path) as f:
        done = subprocess.run([swath, "info", "--json", "--sidecars", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            return
        told = json.loads(done.stdout)
        if told["complex"]:
            # A complex band is two, of which the file says the same.
            told["shape"][0] //= 2
            told["bands"] = told["bands"][::2]
        try:
            same_info(told, f)
        except rasterio._err.CPLE_BaseError as error:
            print(f"    GDAL fails to tell of {path}: {error}")


def checks(swath, work, corpus=None):
    os.makedirs(work, exist_ok=True)
    for check, order, big in itertools.product(CHECKS, ORDERS, SIZES):
        name = check.__name__.replace("_", " ")
        kind = f"{order.lower()} endian, {'BigTIFF' if big == 'YES' else 'TIFF'}"
        yield f"{name}: {kind}", lambda c=check, o=order, b=big: c(swath, work, o, b)
    if corpus:
        with open(f"{corpus}/manifest.json") as f:
            files = json.load(f)["files"]
        for name, entry in files.items():
            if entry["expect"] == "ok" and not name.endswith(".json"):
                yield f"told of {name}", lambda n=name: corpus_file(swath, f"{corpus}/{n}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--work", default=f"{ROOT}/target/interop/metadata")
    p.add_argument("--corpus", default=os.environ.get("SWATH_CORPUS"))
    p.add_argument("--only", default="")
    a = p.parse_args()
    swath = os.environ.get("SWATH")
    if not swath:
        done = subprocess.run(["cargo", "build", "--message-format=json", "-p", "swath-cli"], cwd=ROOT, check=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        swath = [m["executable"] for m in map(json.loads, done.stdout.splitlines()) if m.get("executable")][-1]
    passed = failed = 0
    for name, check in checks(swath, a.work, a.corpus):
        if a.only not in name:
            continue
        try:
            check()
            passed += 1
            print(f"{name} ... ok", flush=True)
        except Exception as error:  # whatever it is, the other checks go on
            failed += 1
            told = str(error) if isinstance(error, AssertionError) else traceback.format_exc()
            print(f"{name} ... FAILED\n    {told}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
