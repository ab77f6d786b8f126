#!/usr/bin/env python3
"""Check that swath and the programs of today read each other's files and compute the same pixels.

    python tests/interop/check.py [--size 2196 | --full] [--work target/interop] [--only TEXT]

Wants the packages of requirements.txt and cargo. The scene comes from the baseline's make_scene.py, whose folder
SWATH_BASELINE names (../shared/baseline by default), or from swath's demo where there is none. SWATH names the command to
check; without it, it is built. Each check prints a line; the last line is `N passed, N failed`.
"""
import argparse
import hashlib
import itertools
import json
import math
import os
import subprocess
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import rasterio
import rioxarray
from rasterio.transform import from_origin

import metadata

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BASELINE = os.path.abspath(os.environ.get("SWATH_BASELINE", os.path.join(ROOT, "../shared/baseline")))
LESSON = "mask(visual, isin(scl, [8, 9]), 0)"
FULL = "mask(visual, isin(repeat(scl, [1, 2, 2]), [8, 9]), 0)"


# The world: commands, scene, server.

def cargo(*what):
    done = subprocess.run(["cargo", "build", "--release", "--message-format=json", *what], cwd=ROOT, check=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return [m["executable"] for m in map(json.loads, done.stdout.splitlines()) if m.get("executable")][-1]


class World:
    def __init__(self, a):
        self.work = os.path.abspath(a.work)
        os.makedirs(self.work, exist_ok=True)
        self.swath = os.environ.get("SWATH") or cargo("-p", "swath-cli")
        serve = cargo("-p", "swath-demo", "--example", "serve")
        self.scenes = f"{self.work}/scene-{a.size}"
        generate = []
        if not os.path.exists(f"{self.scenes}/search.json"):
            os.makedirs(self.scenes, exist_ok=True)
            if os.path.exists(f"{BASELINE}/make_scene.py"):
                subprocess.run([sys.executable, f"{BASELINE}/make_scene.py", self.scenes, "--size", str(a.size)], check=True)
            else:
                generate = ["--generate", "--size", str(a.size)]
        self.server = subprocess.Popen([serve, self.scenes, "--latency-ms", "2", *generate], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
        self.url = self.server.stdout.readline().strip()
        with open(f"{self.scenes}/search.json") as f:
            self.item = json.load(f)["features"][-1]["id"]

    def stop(self):
        self.server.stdin.close()
        self.server.wait()

    def asset(self, name, base=None):
        return f"{base or self.scenes}/{self.item}/{name}.tif"

    def calc(self, expression, out, *more, **inputs):
        """Path of what `swath calc` writes."""
        out = f"{self.work}/{out}.tif"
        names = [f"{name}={uri}" for name, uri in inputs.items()]
        command = [self.swath, "calc", expression, *names, "-o", out, *more]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0, f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}"
        return out

    def stats(self, uri, *more):
        """What `swath stats` tells of each band, and each class."""
        done = subprocess.run([self.swath, "stats", uri, "--json", "--quiet", *more], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, f"swath stats {uri} {' '.join(more)}: exit code {done.returncode}\n{done.stderr}"
        return json.loads(done.stdout)["bands"]


def read(path, **how):
    with rasterio.open(path, **how) as f:
        return f.read()


def same_pixels(got, expected):
    assert got.dtype == expected.dtype, f"dtype {got.dtype}, not {expected.dtype}"
    assert got.shape == expected.shape, f"shape {got.shape}, not {expected.shape}"
    wrong = (got != expected) & ~(np.isnan(got) & np.isnan(expected))
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise AssertionError(f"{wrong.sum()} of {wrong.size} pixels differ, first {first}: {got[first]}, not {expected[first]}")


def describe(path, layout=True, **how):
    """What rasterio reports of a file, apart from its pixels."""
    with rasterio.open(path, **how) as f:
        told = dict(crs=f.crs, transform=f.transform, nodata="nan" if f.nodata != f.nodata else f.nodata,
                    dtypes=f.dtypes, shape=f.shape, count=f.count)
        if layout:
            told.update(blocks=f.block_shapes, compression=f.compression, interleave=f.interleaving)
        return told


def same_description(got, expected):
    wrong = [f"{key} {got[key]}, not {value}" for key, value in expected.items() if got[key] != value]
    assert not wrong, "; ".join(wrong)


# The checks: (name, function of the world).

def lesson_is_that_of_dask(world, base, out):
    how = dict(lock=False)
    scl = rioxarray.open_rasterio(world.asset("SCL"), chunks=(1, 512, 512), **how)
    visual = rioxarray.open_rasterio(world.asset("visual"), overview_level=0, chunks=(3, 512, 512), **how)
    expected = visual.where(~scl.squeeze().isin([8, 9]), other=0).compute(scheduler="threads", num_workers=2).to_numpy()
    got = world.calc(LESSON, out, visual=world.asset("visual", base) + "@0", scl=world.asset("SCL", base))
    same_pixels(read(got), expected)
    same_description(describe(got), describe(world.asset("visual"), overview_level=0))


def full_resolution_is_that_of_numpy(world, base, out):
    scl, visual = read(world.asset("SCL"))[0], read(world.asset("visual"))
    expected = np.where(np.isin(scl.repeat(2, 0).repeat(2, 1), [8, 9]), np.uint8(0), visual)
    got = world.calc(FULL, out, visual=world.asset("visual", base), scl=world.asset("SCL", base))
    same_pixels(read(got), expected)
    same_description(describe(got), describe(world.asset("visual")))


def arithmetic_is_that_of_numpy(world):
    """Of the scene's bands as they are, with nodata, and as 16-bit reflectances beyond what unsigned numbers hold."""
    scl, visual = read(world.asset("SCL")), read(world.asset("visual"), overview_level=0).astype("int64")
    inputs = dict(v=world.asset("visual") + "@0", scl=world.asset("SCL"))
    red, green, blue = (f"without_nodata(band(v, {band}))" for band in range(3))
    r, g, b = visual

    def check(expression, expected, name):
        same_pixels(read(world.calc(expression, f"arithmetic-{name}", **inputs)), expected[None] if expected.ndim == 2 else expected)

    with np.errstate(all="ignore"):
        single = [band.astype("float32") for band in visual]
        check(f"({green} - {red}) / ({green} + {red})", (single[1] - single[0]) / (single[1] + single[0]), "index")
        check(f"{red} - {green} * 2 + 7", (r - g * 2 + 7).astype("int16"), "sum")
        check(f"{red} // ({green} + 1) - {blue} % 17", (r // (g + 1) - b % 17).astype("int16"), "floor")
        check(f"{red} ** 2 * {green}", (r ** 2 * g).astype("uint32"), "power")
        check(f"sqrt({red}) * 0.5 - abs({green} - 128)", np.sqrt(single[0]) * np.float32(0.5) - np.abs(g - 128).astype("float32"), "root")
        check(f"maximum({red}, minimum({green}, {blue}))", np.maximum(r, np.minimum(g, b)).astype("uint8"), "extremes")
        check(f"{red} > {green}", (r > g).astype("uint8"), "compare")
        check(f"({red} << 3) - ({green} >> 2)", ((r << 3) - (g >> 2)).astype("int16"), "shift")
        check(f"bits({red} - {green}, 2, 5)", ((r - g) >> 2 & 7).astype("uint8"), "bits")
        check(f"bit({red}, 6) & !bit({blue}, 0)", (((r >> 6) & 1 == 1) & (b & 1 == 0)).astype("uint8"), "bit")
        check(f"clamp({red} - {green}, -5, 90)", np.clip(r - g, -5, 90).astype("int8"), "clamp")
        check(f"when({red} > 200, 1, {green} > 100, 2, 3)", np.select([r > 200, g > 100], [1, 2], 3).astype("uint8"), "when")
        check(f"digitize({red} / 4, [0, 10.25, 40, inf])", np.digitize(single[0] / 4, [0, 10.25, 40, np.inf]).astype("uint8"), "digitize")
        check(f"lookup({red} % 3, [7, 300, 9])", np.take([7, 300, 9], r % 3).astype("uint16"), "lookup")
        classes = np.select([r < 50, (r >= 40) & (r <= 100), r == 200], [3, 300, 5], r).astype("uint16")
        check(f"reclassify({red}, [-inf..50, 40..=100, 200], [3, 300, 5], {red})", classes, "reclassify")
        wide = [band.astype("float64") for band in visual]
        check(f"cast(hypot(cast({red}, f64), {green}) * 1000, u32)", (np.hypot(wide[0], wide[1]) * 1000).astype("uint32"), "hypot")
        holes = np.where((r == 0) | (g == 0), 0, r + g).astype("uint16")
        check("with_nodata(band(v, 0), 0) + with_nodata(band(v, 1), 0)", holes, "nodata")
        check("without_nodata(v) * (scl == 4)", np.where(scl == 4, visual, 0).astype("uint8"), "condition")


def windows_are_those_of_xarray(world, statistic):
    """Coarsening and focal windows of what is masked, cut by the edges of the raster and by a window."""
    clouds = rioxarray.open_rasterio(world.asset("SCL"), lock=False).squeeze().isin([8, 9])
    visual = rioxarray.open_rasterio(world.asset("visual"), overview_level=0, lock=False)
    masked = visual.where(~clouds, other=0).astype("float64")
    masked = masked.where(masked != 0)
    inputs = dict(visual=world.asset("visual") + "@0", scl=world.asset("SCL"))
    swath = f"with_nodata({LESSON}, 0)"

    def check(got, expected, name):
        nodata = np.nan if statistic in ("mean", "median", "std") else 0
        dtype = "float32" if statistic in ("mean", "median", "std") else "uint16" if statistic == "sum" else "uint8"
        expected = np.where(np.isnan(expected), nodata, expected).astype(dtype)
        same_pixels(read(world.calc(got, f"windows-{name}-{statistic}", **inputs)), expected)

    coarse = getattr(masked.coarsen(y=5, x=4, boundary="pad"), statistic)()
    check(f"coarsen({swath}, [1, 5, 4], {statistic})", coarse.to_numpy(), "coarse")
    over = getattr(masked, statistic)("band").to_numpy()[None]
    check(f"over({swath}, band, {statistic})", over, "over")
    part = masked[:, 90:910, 480:1020]
    focal = getattr(part.rolling(y=3, x=5, center=True, min_periods=1), statistic)()
    check(f"window(focal({swath}, [3, 5], {statistic}), 100, 900, 500, 1000)", focal.to_numpy()[:, 10:810, 20:520], "focal")


def statistics_are_those_of_numpy(world):
    """Moments, quantiles, a histogram, and moments by class."""
    visual, scl = read(world.asset("visual")), read(world.asset("SCL"))[0]

    def close(got, expected, name):
        assert abs(got - expected) <= 1e-12 * abs(expected), f"{name} is {got}, not {expected}"

    def check(band, pixels):
        assert band["valid"] == pixels.size and band["min"] == pixels.min() and band["max"] == pixels.max(), band
        close(band["sum"], math.fsum(pixels.ravel().astype(float)), "the sum")
        mean = math.fsum(pixels.ravel().astype(float)) / pixels.size
        close(band["mean"], mean, "the mean")
        close(band["std"], math.sqrt(math.fsum(((pixels.ravel() - mean) ** 2)) / pixels.size), "the deviation")

    nodata = rasterio.open(world.asset("visual")).nodata
    quantiles = [0, 0.02, 0.25, 0.5, 0.98, 1]
    asked = ["--quantiles", ",".join(map(str, quantiles))]
    for band, pixels in zip(world.stats(world.asset("visual"), *asked), visual):
        valid = pixels if nodata is None else pixels[pixels != nodata]
        check(band, valid)
        for told, expected in zip(band["quantiles"], np.quantile(valid, quantiles)):
            close(told["value"], expected, f"quantile {told['q']}")
    index = world.calc("(band(v, 0) - band(v, 1)) / (band(v, 0) + band(v, 2) + 1.5)", "index", v=world.asset("visual") + "@0")
    values = read(index).astype(float)
    values = values[~np.isnan(values)]
    [band] = world.stats(index, "--histogram", "37", "--range=-0.25,0.5")
    check(band, values)
    assert band["histogram"]["counts"] == np.histogram(values, 37, (-0.25, 0.5))[0].tolist()
    zones = world.stats(world.asset("visual") + "@0", "--zones", world.asset("SCL"))
    coarse = read(world.asset("visual"), overview_level=0)
    classes = [int(c) for c in np.unique(scl) if c != rasterio.open(world.asset("SCL")).nodata]
    assert [(z["band"], z["zone"]) for z in zones] == [(b, c) for b in range(len(coarse)) for c in classes], zones
    for told in zones:
        pixels = coarse[told["band"]][scl == told["zone"]]
        check(told, pixels if nodata is None else pixels[pixels != nodata])


def bytes_do_not_depend_on_the_run(world, expression, **inputs):
    hashes = {}
    for threads, memory in itertools.product((1, 2, 3, 8), ("64M", "4G")):
        out = world.calc(expression, "repeatable", "--threads", str(threads), "--memory", memory, **inputs)
        with open(out, "rb") as f:
            hashes.setdefault(hashlib.sha256(f.read()).hexdigest(), []).append((threads, memory))
    assert len(hashes) == 1, f"outputs by hash: {hashes}"


def rewritten_is_the_same(world, path, kept):
    out = world.calc("x", "rewritten-" + os.path.basename(path)[:-4], x=path)
    same_pixels(read(out), read(path))
    same_description(describe(out, layout=kept), describe(path, layout=kept))
    os.remove(out)


# Files of every kind that GDAL makes.

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")
COMPRESSIONS = ("none", "deflate", "lzw", "zstd")
LAYOUTS = {"tiled": dict(tiled=True, blockxsize=64, blockysize=48), "striped": dict(tiled=False, blockysize=7)}
INTERLEAVES, ORDERS = ("pixel", "band"), ("LITTLE", "BIG")


def pixels_of(dtype, seed):
    """Smooth and noisy, down to the dtype's ends: 3 bands that fill no block at the rim."""
    rng = np.random.default_rng(seed)
    shape, dtype = (3, 101, 150), np.dtype(dtype)
    if dtype.kind == "f":
        data = rng.standard_normal(shape).cumsum(2).astype(dtype)
        data.flat[:4] = 0, -0.0, np.finfo(dtype).max, np.finfo(dtype).tiny
    else:
        info = np.iinfo(dtype)
        data = rng.integers(0, 100, shape).cumsum(2).astype(dtype)
        data.flat[:4] = info.min, info.max, info.min + 1, info.max - 1
    return data


def make_file(folder, number, dtype, compression, layout, interleave, order):
    """Predictor and nodata go round, so that each comes with each of the others."""
    kind = np.dtype(dtype).kind
    predictor = 1 if compression == "none" else (1, 2, 3 if kind == "f" else 2)[number % 3]
    nodata = (None, 77, float("nan") if kind == "f" else 0)[number // 3 % 3]
    data = pixels_of(dtype, number)
    if nodata is not None:
        data[:, 20:70, 30:120] = nodata
    path = f"{folder}/{dtype}-{compression}-{layout}-{interleave}-{order.lower()}.tif"
    how = {} if predictor == 1 else dict(predictor=predictor)
    with rasterio.open(path, "w", driver="GTiff", count=3, height=data.shape[1], width=data.shape[2], dtype=dtype, nodata=nodata,
                       crs="EPSG:32631", transform=from_origin(600000, 5900040, 20, 20), compress=compression,
                       interleave=interleave, ENDIANNESS=order, BIGTIFF="YES" if number % 5 == 0 else "NO",
                       **LAYOUTS[layout], **how) as f:
        f.write(data)
    return path


def checks(world):
    places = (("local", None), ("http", world.url))
    for place, base in places:
        yield f"lesson at overview 0, {place}", lambda b=base, p=place: lesson_is_that_of_dask(world, b, f"lesson-{p}")
    for place, base in places:
        yield f"lesson at full resolution, {place}", lambda b=base, p=place: full_resolution_is_that_of_numpy(world, b, f"full-{p}")
    yield "arithmetic of NumPy", lambda: arithmetic_is_that_of_numpy(world)
    yield "statistics of NumPy", lambda: statistics_are_those_of_numpy(world)
    for statistic in ("mean", "min", "max", "sum", "median", "std"):
        yield f"windows of xarray, {statistic}", lambda s=statistic: windows_are_those_of_xarray(world, s)
    scl, visual = world.asset("SCL"), world.asset("visual")
    smooth = f"coarsen(focal({LESSON}, [3, 3], mean), [1, 2, 2], max)"
    yield "same bytes in every run, windows", lambda: bytes_do_not_depend_on_the_run(world, smooth, visual=visual + "@0", scl=scl)
    yield "same bytes in every run, lesson", lambda: bytes_do_not_depend_on_the_run(world, LESSON, visual=visual + "@0", scl=scl)
    yield "same bytes in every run, full resolution", lambda: bytes_do_not_depend_on_the_run(world, FULL, visual=visual, scl=scl)
    yield from metadata.checks(world.swath, f"{world.work}/metadata")
    folder = f"{world.work}/kinds"
    os.makedirs(folder, exist_ok=True)
    for number, kind in enumerate(itertools.product(DTYPES, COMPRESSIONS, LAYOUTS, INTERLEAVES, ORDERS)):
        # What is tiled and written by a codec that swath has is written as it was.
        yield f"rewritten: {', '.join(kind)}".lower(), lambda n=number, k=kind: rewritten_is_the_same(
            world, make_file(folder, n, *k), kept=k[2] == "tiled")


def attempt(check):
    try:
        check()
    except Exception as error:  # whatever it is, the other checks go on
        return str(error) if isinstance(error, AssertionError) else traceback.format_exc()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--work", default=f"{ROOT}/target/interop")
    p.add_argument("--size", type=int, default=2196, help="10 m pixels a side of the scene")
    p.add_argument("--full", action="store_const", dest="size", const=10980, help="a scene of 10980 pixels a side")
    p.add_argument("--only", default="", help="only the checks whose name contains this")
    a = p.parse_args()
    world, passed, failed = World(a), 0, 0
    try:
        plan = [(name, check) for name, check in checks(world) if a.only in name]
        large = [c for c in plan if not c[0].startswith("rewritten")]
        small = [c for c in plan if c[0].startswith("rewritten")]
        with ThreadPoolExecutor(2) as pool:
            outcomes = itertools.chain(map(attempt, (c for _, c in large)), pool.map(attempt, (c for _, c in small)))
            for (name, _), error in zip(large + small, outcomes):
                passed, failed = passed + (error is None), failed + (error is not None)
                print(f"{name} ... {'ok' if error is None else 'FAILED'}" + (f"\n    {error}" if error else ""), flush=True)
    finally:
        world.stop()
    print(f"{passed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
