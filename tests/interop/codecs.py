#!/usr/bin/env python3
"""Check that swath reads what GDAL writes: every codec by dtype, interleave, blocks, byte order and size.

    python tests/interop/codecs.py [--work target/interop/codecs] [--only TEXT]

Wants the packages of requirements.txt and cargo. PIXELS names the built example `pixels` of swath-io; without it, it is
built. What GDAL cannot write is left out and counted; the last line is `N passed, N failed, N left out`.
"""
import argparse
import itertools
import json
import os
import subprocess
import warnings

import numpy as np
import rasterio

warnings.filterwarnings("ignore")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SIZES = [(1, 1), (33, 17), (150, 131)]
INTEGERS = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
FLOATS = ["float32", "float64"]
COMPLEX = ["complex_int16", "complex64", "complex128"]
# Rows: name, creation options, dtypes, counts of bands, largest difference of a band's mean (0: equal pixels).
CODECS = [
    ("none", {}, INTEGERS + FLOATS + COMPLEX, (1, 3, 5), 0),
    *[(f"{c}-{p}", dict(compress=c, predictor=p), INTEGERS + FLOATS + COMPLEX[:2], (1, 3, 5), 0)
      for c in ("lzw", "deflate", "zstd", "lzma") for p in (1, 2)],
    *[(f"{c}-3", dict(compress=c, predictor=3), FLOATS, (1, 4), 0) for c in ("lzw", "deflate", "zstd", "lzma")],
    ("packbits", dict(compress="packbits"), INTEGERS + FLOATS + COMPLEX, (1, 3), 0),
    *[(c, dict(compress=c), ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"], (1, 2, 4), 0)
      for c in ("lerc", "lerc_deflate", "lerc_zstd")],
    ("webp-lossless", dict(compress="webp", webp_lossless=True), ["uint8"], (3, 4), 0),
    ("webp-lossy", dict(compress="webp", webp_level=80), ["uint8"], (3, 4), 1.0),
    ("jpeg", dict(compress="jpeg"), ["uint8"], (1, 2, 3, 4), 1.0),
    ("jpeg-ycbcr", dict(compress="jpeg", photometric="ycbcr"), ["uint8"], (3,), 4.0),
    ("jpeg-rgb", dict(compress="jpeg", photometric="rgb"), ["uint8"], (3,), 1.0),
    *[(c, dict(compress=c, nbits=1), ["bits1"], (1,), 0) for c in ("ccittrle", "ccittfax3", "ccittfax4", "lzw")],
    *[(f"nbits{n}-{c}", dict(nbits=n, compress=c), [f"bits{n}"], (1, 3), 0)
      for n in [*range(1, 8), *range(9, 16), *range(17, 32)] for c in ("none", "deflate", "packbits")],
    *[(f"float{n}-{c}-{p}", dict(nbits=n, compress=c, predictor=p), ["float32"], (1, 3), 0)
      for n in (16, 24) for c, p in (("none", 1), ("deflate", 1), ("zstd", 3), ("lzw", 3))],
]


def pixels(dtype, shape, seed):
    random = np.random.default_rng(seed)
    if dtype.startswith("bits"):
        bits = int(dtype[4:])
        kind = "uint8" if bits <= 8 else "uint16" if bits <= 16 else "uint32"
        noise = random.integers(0, 2**bits, shape)
        return (noise * (random.random(shape) < 0.4)).astype(kind)
    smooth = np.add.outer(np.arange(shape[1]), np.arange(shape[2])) % 90 + np.arange(shape[0])[:, None, None]
    noise = random.integers(0, 9, shape)
    if dtype in FLOATS:
        out = (smooth * 1.7 + noise * 0.01).astype(dtype)
        out[random.random(shape) < 0.02] = np.nan
        return out
    if dtype.startswith("complex"):
        kind = "complex64" if dtype == "complex_int16" else dtype
        return ((smooth - 7) + 1j * noise).astype(kind)
    return (smooth + noise).astype(dtype)


def write(path, dtype, array, options):
    count, rows, columns = array.shape
    kind = dtype if dtype == "complex_int16" else array.dtype
    with rasterio.open(path, "w", driver="GTiff", width=columns, height=rows, count=count, dtype=kind, **options) as file:
        file.write(array)
    with rasterio.open(path) as file:
        return file.read()


def cases(only):
    layouts = [("strips", {}), ("rows", dict(blockysize=7)), ("tiles", dict(tiled=True, blockxsize=64, blockysize=32))]
    for name, options, dtypes, counts, tolerance in CODECS:
        for dtype, count, (layout, blocks), size, interleave, order in itertools.product(
                dtypes, counts, layouts, SIZES, ("pixel", "band"), ("little", "big")):
            # GDAL writes one band a WebP stream, of three channels of which two are not of the image.
            if interleave == "band" and (count == 1 or "webp" in name):
                continue
            case = f"{name}-{dtype}-{count}-{layout}-{size[0]}x{size[1]}-{interleave}-{order}"
            if only in case:
                yield case, dtype, (count, *size), {**options, **blocks, "interleave": interleave, "endianness": order}, tolerance


def same(got, line, wanted, tolerance):
    count, rows, columns = line["shape"]
    got = got.reshape(count, rows, columns)
    if line["complex"]:
        got = got[0::2].astype(wanted.real.dtype) + 1j * got[1::2].astype(wanted.real.dtype)
    if got.shape != wanted.shape:
        return f"shape {got.shape} instead of {wanted.shape}"
    if not line["complex"] and got.dtype != wanted.dtype:
        return f"dtype {got.dtype} instead of {wanted.dtype}"
    if tolerance:
        apart = np.abs(got.mean(axis=(1, 2)) - wanted.mean(axis=(1, 2))).max()
        return f"means differ by {apart}" if apart > tolerance else None
    equal = (got == wanted) | (np.isnan(got) & np.isnan(wanted))
    return None if equal.all() else f"{(~equal).sum()} of {equal.size} pixels differ"


def main():
    a = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    a.add_argument("--work", default=os.path.join(ROOT, "target/interop/codecs"))
    a.add_argument("--only", default="")
    a = a.parse_args()
    os.makedirs(a.work, exist_ok=True)
    program = os.environ.get("PIXELS")
    if not program:
        subprocess.run(["cargo", "build", "-p", "swath-io", "--example", "pixels"], cwd=ROOT, check=True)
        program = os.path.join(ROOT, "target/debug/examples/pixels")
    passed, failed, left, apart = 0, 0, {}, {}
    todo = list(cases(a.only))
    for start in range(0, len(todo), 200):
        written = {}
        for number, (case, dtype, shape, options, tolerance) in enumerate(todo[start:start + 200]):
            path = f"{a.work}/{case}.tif"
            try:
                written[path] = (case, write(path, dtype, pixels(dtype, shape, number), options), tolerance)
            except Exception as error:  # What GDAL refuses to write is no case.
                left.setdefault(str(error).split(":", 1)[-1].strip()[:100], []).append(case)
        lines = subprocess.run([program, *written], check=True, capture_output=True, text=True).stdout.splitlines()
        for line in map(json.loads, lines):
            case, wanted, tolerance = written.pop(line["name"])
            if "error" in line:
                why = line["error"]
            else:
                kind = {"u": "uint", "i": "int", "f": "float"}[line["dtype"][0]] + line["dtype"][1:]
                why = same(np.fromfile(f"{line['name']}.raw", dtype=kind), line, wanted, tolerance)
                os.remove(f"{line['name']}.raw")
            if why:
                failed += 1
                print(f"FAILED {case}: {why}")
            else:
                passed += 1
                os.remove(line["name"])
        assert not written, f"no word of {list(written)[:3]}"
    for why, which in left.items():
        print(f"left out {len(which)}, as {which[0]}: {why}")
    print(f"{passed} passed, {failed} failed, {sum(map(len, left.values()))} left out")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
