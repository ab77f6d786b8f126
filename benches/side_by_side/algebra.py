#!/usr/bin/env python3
"""Measure raster algebra beside xarray with Dask and NumPy with rasterio, and write docs/benchmarks.md.

    python benches/side_by_side/algebra.py [--scenes FOLDER] [--runs 3] [--only JOB] [--check] [--no-write]

Jobs over whole 10980² bands: a vegetation index of two u16 bands as f32, statistics with a histogram, means of 1024
classes, the mean of 5 × 5 pixels around each pixel; and the median of twelve dates of two 4096² bands without their clouds.
Beside jobs that write a file stands the floor under them: a bare loop that takes the same blocks from their files,
inflates and deflates them and writes them (crates/io/examples/codec_floor.rs --files); and the codec alone, from memory to
nowhere. Every program is a process of its own, in turns; swath has a memory limit of 256 MiB and 2 threads. Wants the Python packages of tests/interop/requirements.txt, run by this interpreter, and
the baseline's scene (see lesson.py).
"""
import argparse
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import lesson  # noqa: E402

BEGIN, END = "<!-- algebra: begin, written by benches/side_by_side/algebra.py -->", "<!-- algebra: end -->"
JOBS = {
    "ndvi": "vegetation index of two u16 bands, to f32 Deflate",
    "statistics": "mean, min, max, std and a histogram of 64 bins, u16",
    "zonal": "mean of each of 1024 classes, u16",
    "focal": "mean of 5 × 5 pixels, f32 to f32 Deflate",
    "composite": "median of 12 dates of two u16 bands of 4096² without clouds, to f32 Deflate",
}
PROGRAMS = {"swath": "swath, 2 threads, 256 MiB", "dask": "xarray and Dask, 2 threads", "hand": "NumPy and rasterio by hand",
            "floor": "codec and files alone, 2 threads", "codec": "codec alone, 2 threads"}
FLOORS = ("floor", "codec")
LIMIT_MIB, BESIDE_MIB, TIMES, OVER_FLOOR, DATES = 256, 48, 3, 1.15, 12


def commands(swath, bare, scenes, work):
    """{job: {program: command}}"""
    folder = os.path.dirname(lesson.files(scenes)[0])
    red, nir, zones, index = f"{folder}/B04.tif", f"{folder}/B08.tif", f"{work}/zones.tif", f"{work}/index.tif"
    settings = ["--threads", "2", "--memory", f"{LIMIT_MIB}M", "--quiet"]
    out = f"{work}/out.tif"
    dates, masks = ([f"{work}/{kind}{date}.tif" for date in range(DATES)] for kind in ("date", "mask"))
    own = {
        "ndvi": ["calc", "normalized_difference(nir, red)", f"nir={nir}", f"red={red}", "-o", out],
        "statistics": ["stats", red, "--histogram", "64", "--range", "0,6400"],
        "zonal": ["stats", red, "--zones", zones],
        "focal": ["calc", "focal(x, [5, 5], mean)", f"x={index}", "-o", out],
        "composite": ["composite", *dates, "--classes", *masks, "--without", "3,8,9,10", "-o", out],
    }
    files = {"ndvi": [nir, red], "statistics": [red], "zonal": [red, zones], "focal": [index], "composite": [*dates, *masks]}
    peers, floors = f"{HERE}/algebra_peers.py", (("floor", ["--files"]), ("codec", []))
    for job in JOBS:
        yield job, {
            "swath": [swath, *own[job], *settings],
            # While the output is swath's.
            **({floor: [bare, out, *files[job], "--threads", "2", *more] for floor, more in floors} if "-o" in own[job] else {}),
            **{peer: [sys.executable, peers, job, peer, out, *files[job]] for peer in ("dask", "hand")},
        }


def inputs(swath, scenes, work):
    """Classes in 32 × 32 fields, the index that the focal mean reads, and the dates with their classes."""
    folder = os.path.dirname(lesson.files(scenes)[0])

    def make():
        subprocess.run([sys.executable, f"{HERE}/algebra_peers.py", "zones", "make", f"{work}/zones.tif", f"{folder}/B04.tif"], check=True)
        index = ["calc", "normalized_difference(nir, red)", f"nir={folder}/B08.tif", f"red={folder}/B04.tif"]
        subprocess.run([swath, *index, "-o", f"{work}/index.tif", "--quiet"], check=True)
        bands = [f"{folder}/{name}.tif" for name in ("B04", "B08", "SCL")]
        subprocess.run([sys.executable, f"{HERE}/algebra_peers.py", "dates", "make", work, str(DATES), *bands], check=True)

    lesson.once(f"{work}/inputs", "2", make)


def tables(results, a):
    yield from lesson.machine(lesson.revisions(results), f"Python {sys.version.split()[0]}", *peer_versions())
    for job, about in JOBS.items():
        if job not in results:
            continue
        rows = {program: lesson.quiet(results[job][program], a) for program in PROGRAMS if program in results[job]}
        own = lesson.median(rows["swath"], lambda row: row["wall"])
        yield f"\n### {about[0].upper()}{about[1:]}\n"
        yield "| program | job, s | swath is faster | CPU, s | peak, MiB | others |\n|---|---|---|---|---|---|"
        for program, runs in rows.items():
            wall, cpu, peak, others = (lesson.median(runs, lambda row, key=key: row[key]) for key in ("wall", "cpu", "peak", "others"))
            times = "" if program == "swath" else f"**{wall / own:.2f} ×**"
            yield f"| {PROGRAMS[program]} | {wall:.2f} | {times} | {cpu:.2f} | {peak:.0f} | {others:.0%} |"


def peer_versions():
    # In another process: this one must stay small, as a child has its memory until it executes a program.
    say = ("import dask, numpy, rasterio, xarray; print(f'GDAL {rasterio.__gdal_version__}, rasterio {rasterio.__version__}, "
           "xarray {xarray.__version__}, Dask {dask.__version__}, NumPy {numpy.__version__}')")
    return lesson.version(sys.executable, "-c", say),


def missed(results, a):
    for job, programs in results.items():
        runs = {program: lesson.quiet(rows, a) for program, rows in programs.items()}
        walls = {program: statistics.median(row["wall"] for row in rows) for program, rows in runs.items()}
        peak = max(row["peak"] for row in runs["swath"])
        over = walls["swath"] / walls["floor"] if "floor" in walls else float("inf")
        if walls["dask"] < TIMES * walls["swath"] and over > OVER_FLOOR:
            yield f"{job}: {walls['dask'] / walls['swath']:.2f} times faster than Dask, not {TIMES}, and {over:.2f} × the codec with its files"
        if peak > LIMIT_MIB + BESIDE_MIB:
            yield f"{job}: {peak:.0f} MiB at a limit of {LIMIT_MIB}"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    lesson.options(p, "algebra", list(JOBS))
    a = p.parse_args()
    runs = lesson.Runs(a.work, list(JOBS))
    if not a.table:
        lesson.need_baseline()
        lesson.make_scene(a.scenes, a.size)
        swath = lesson.build("-p", "swath-cli", "--bin", "swath")
        bare = lesson.build("-p", "swath-io", "--example", "codec_floor")
        inputs(swath, a.scenes, a.work)
        lesson.in_turns(a, runs, commands(swath, bare, a.scenes, a.work), lambda program: None if program in FLOORS else f"{a.work}/out.tif")
    results = runs.all()
    lesson.finish("\n".join(tables(results, a)), BEGIN, END, list(missed(results, a)), a)


if __name__ == "__main__":
    main()
