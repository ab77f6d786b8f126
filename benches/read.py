#!/usr/bin/env python3
"""How fast files are read, by codec, predictor and dtype, beside GDAL on the same files in one run.

    python3 benches/read.py [--only TEXT] [--passes 5] [--no-write]

Files of one band of 4096 x 4096 pixels (three of 2048 x 2048 where a codec wants colours) in tiles of 512 x 512 are written by
GDAL, of a landscape of noise at several scales. Both programs open a file and read all its pixels, from the page cache, on one
thread and on all; passes of both take turns, and the best of each counts, as others may use the machine. GDAL reads through
rasterio into an array that is there.

Wants NumPy and rasterio. The table goes to docs/benchmarks.md, and each case that is slower than GDAL, or less than 1.3 times
as fast where that is promised (Deflate and ZSTD of 16 and 32 bits with a predictor, one thread), is named at the end.
"""
import argparse
import json
import os
import subprocess
import sys
import time
import warnings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lesson

import numpy as np
import rasterio

warnings.filterwarnings("ignore")
BEGIN, END = "<!-- read: begin -->", "<!-- read: end -->"
PROMISED = 1.3
TILES = {"tiled": True, "blockxsize": 512, "blockysize": 512}


def cases():
    """Name, dtype, bands and GDAL's creation options."""
    yield "none", "uint16", 1, {}
    for codec in ("DEFLATE", "ZSTD", "LZW"):
        yield codec, "uint8", 1, {}
        yield codec, "uint8", 3, {"predictor": 2, "interleave": "pixel"}
        for dtype in ("uint8", "uint16", "uint32"):
            yield codec, dtype, 1, {"predictor": 2}
        for dtype in ("float32", "float64"):
            yield codec, dtype, 1, {"predictor": 3}
    yield "PACKBITS", "uint8", 1, {}
    yield "LZMA", "uint16", 1, {"predictor": 2}
    yield "JPEG", "uint8", 1, {}
    yield "JPEG", "uint8", 3, {"photometric": "YCBCR", "interleave": "pixel"}
    yield "WEBP", "uint8", 3, {"interleave": "pixel"}
    yield "WEBP", "uint8", 3, {"interleave": "pixel", "WEBP_LOSSLESS": "YES"}
    yield "LERC", "uint16", 1, {}
    yield "LERC", "float32", 1, {"MAX_Z_ERROR": 0.01}
    yield "LERC_ZSTD", "float32", 1, {"MAX_Z_ERROR": 0.01}
    yield "CCITTFAX4", "uint8", 1, {"nbits": 1}


def landscape(side):
    """From 0 to 4000: hills at seven scales, and noise as of a sensor."""
    rng = np.random.default_rng(5)
    total = np.zeros((side, side), np.float32)
    for scale in (512, 256, 128, 64, 32, 16, 8):
        coarse = rng.random((side // scale + 2, side // scale + 2), np.float32)
        at = np.arange(side, dtype=np.float32) / scale
        low = at.astype(int)
        part = (at - low)[:, None]
        rows = coarse[low] * (1 - part) + coarse[low + 1] * part
        total += scale**0.8 * (rows[:, low] * (1 - part.T) + rows[:, low + 1] * part.T)
    total += rng.normal(0, 1.5, (side, side)).astype(np.float32)
    return (total - total.min()) / (total.max() - total.min()) * 4000


def pixels(base, dtype, nbits):
    if nbits == 1:
        return (base > 2000).astype(np.uint8)
    if dtype == "uint8":
        return (base / 16).astype(np.uint8)
    # Floats that came from integers, as most do, have long mantissas nevertheless.
    return (base / 10000).astype(dtype) if dtype.startswith("float") else base.astype(dtype)


def write(path, base, codec, dtype, bands, options):
    """Bytes of the pixels."""
    base = base if bands == 1 else base[:2048, :2048]
    data = pixels(base, dtype, options.get("nbits"))
    creation = {"driver": "GTiff", "width": base.shape[1], "height": base.shape[0], "count": bands, "dtype": dtype, **TILES, **options}
    if codec != "none":
        creation["compress"] = codec
    with rasterio.open(path, "w", **creation) as file:
        for band in range(bands):
            file.write(np.roll(data, 37 * band, axis=1), band + 1)
    return data.nbytes * bands


def gdal(path, out, threads):
    with rasterio.Env(GDAL_NUM_THREADS=str(threads)):
        start = time.perf_counter()
        with rasterio.open(path) as file:
            file.read(out=out)
        return time.perf_counter() - start


def swath(program, path, threads):
    command = [program, path, "--threads", str(threads), "--passes", "2"]
    done = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])
    # The second pass: a program that runs has its memory, as this one has.
    return done["walls"][1]


def measure(program, path, passes, threads):
    with rasterio.open(path) as file:
        out = np.empty((file.count, *file.shape), file.dtypes[0])
    gdal(path, out, threads)
    rows = [(swath(program, path, threads), gdal(path, out, threads)) for _ in range(passes)]
    return [out.nbytes / min(column) / 1e6 for column in zip(*rows)]


def name(codec, bands, options):
    words = [codec]
    if "predictor" in options:
        words.append(f"predictor {options['predictor']}")
    words += [word for key, word in (("photometric", "YCbCr"), ("WEBP_LOSSLESS", "lossless"), ("nbits", "1 bit")) if key in options]
    return ", ".join(words + (["3 bands"] if bands == 3 else []))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", default="", help="cases that have this in their names")
    p.add_argument("--passes", type=int, default=5)
    p.add_argument("--work", type=os.path.abspath, default=f"{lesson.ROOT}/target/read", help="folder of the files")
    p.add_argument("--no-write", action="store_true", help="leave docs/benchmarks.md alone")
    a = p.parse_args()
    program = lesson.build("-p", "swath-io", "--example", "decode_rate")
    os.makedirs(a.work, exist_ok=True)
    cores = os.cpu_count()
    base = landscape(4096)
    lines = list(lesson.machine([lesson.revision()], f"GDAL {rasterio.__gdal_version__}, rasterio {rasterio.__version__}"))
    lines += ["", f"MB of pixels a second, on one thread and on {cores}.", ""]
    lines += [f"| codec | dtype | swath, 1 | GDAL, 1 | ratio | swath, {cores} | GDAL, {cores} | ratio |", "|---|---|---|---|---|---|---|---|"]
    missed = []
    for codec, dtype, bands, options in cases():
        label = name(codec, bands, options)
        if a.only not in f"{label}, {dtype}":
            continue
        path = f"{a.work}/case.tif"
        write(path, base, codec, dtype, bands, options)
        cells = []
        for threads in (1, cores):
            own, other = measure(program, path, a.passes, threads)
            cells.append(f"{own:.0f} | {other:.0f} | **{own / other:.2f}**")
            promised = PROMISED if threads == 1 and codec in ("DEFLATE", "ZSTD") and "predictor" in options and dtype[-2:] in ("16", "32") else 1
            if own < promised * other:
                missed.append(f"{label}, {dtype}, {threads} threads: {own / other:.2f} times as fast as GDAL, not {promised}")
        lines.append(f"| {label} | {dtype} | {' | '.join(cells)} |")
        print(lines[-1], file=sys.stderr)
        os.remove(path)
    a.no_write = a.no_write or bool(a.only)
    lesson.finish("\n".join(lines), BEGIN, END, missed, a)


if __name__ == "__main__":
    main()
