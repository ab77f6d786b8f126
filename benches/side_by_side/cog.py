#!/usr/bin/env python3
"""Measure writing COGs beside GDAL's COG driver and odc-geo with Dask, and write docs/benchmarks.md.

    python benches/side_by_side/cog.py [--scenes FOLDER] [--runs 3] [--only JOB] [--check] [--no-write]

A 10980² image of three bands of u8, and a 10980² band of u16, from blocks of 1024² to blocks of 512² of Deflate with
predictor 2, and their overviews by means. Nothing can be copied: all is decoded and encoded. Each program has the level of
its own that users get; sizes stand beside times. Beside them stands the floor: a bare loop that inflates the same blocks,
deflates those of all levels and moves the bytes from and to files (crates/io/examples/codec_floor.rs). Every program is a
process of its own, in turns; swath has a memory limit of 256 MiB and 2 threads. Wants the Python packages of
tests/interop/requirements.txt, run by this interpreter, and the baseline's scene (see lesson.py).
"""
import argparse
import os
import statistics
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import lesson  # noqa: E402

BEGIN, END = "<!-- cog: begin, written by benches/side_by_side/cog.py -->", "<!-- cog: end -->"
JOBS = {"visual": "3 × 10980 × 10980 u8", "B04": "10980 × 10980 u16"}
PROGRAMS = {"swath": "swath, 2 threads, 256 MiB", "six": "swath at level 6", "gdal": "GDAL's COG driver, all CPUs",
            "odc": "odc-geo and Dask, 2 threads", "floor": "codec and files alone, 2 threads",
            "floor six": "codec and files alone, level 6"}
LIMIT_MIB, BESIDE_MIB, TIMES, OVER_FLOOR, LARGER = 256, 64, 1.5, 1.15, 1.03

GDAL = """
import sys, rasterio.shutil
rasterio.shutil.copy(sys.argv[1], sys.argv[2], driver="COG", compress="DEFLATE", predictor="YES", blocksize=512,
                     overview_resampling="AVERAGE", overview_predictor="YES", num_threads="ALL_CPUS")
"""
ODC = """
import sys, warnings
warnings.filterwarnings("ignore")
import dask, odc.geo.xr, rioxarray
from odc.geo.cog import save_cog_with_dask
image = rioxarray.open_rasterio(sys.argv[1], chunks={"band": -1, "y": 1024, "x": 1024}, lock=False)
image = image.isel(band=0) if image.sizes["band"] == 1 else image.transpose("y", "x", "band")
with dask.config.set(scheduler="threads", num_workers=2):
    save_cog_with_dask(image, sys.argv[2], compression="deflate", predictor=2, overview_resampling="average", blocksize=512,
                       bigtiff=False, stats=False).compute()
"""


def commands(swath, bare, scenes, work):
    """{job: {program: command}}, each program's output being `{work}/{program}.tif`."""
    folder = os.path.dirname(lesson.files(scenes)[0])
    for job in JOBS:
        source, out = f"{folder}/{job}.tif", lambda program: f"{work}/{program}.tif"
        own = [swath, "calc", "x", f"x={source}", "--cog", "--blocksize", "512", "--resampling", "average", "--threads", "2",
               "--memory", f"{LIMIT_MIB}M", "--quiet"]
        floor = lambda program, *more: [bare, out(program), source, "--threads", "2", "--overviews", "--files", *more]
        yield job, {
            "swath": [*own, "-o", out("swath")],
            "floor": floor("swath"),
            "six": [*own, "--level", "6", "-o", out("six")],
            "floor six": floor("six", "--level", "6"),
            "gdal": [sys.executable, "-c", GDAL, source, out("gdal")],
            "odc": [sys.executable, "-c", ODC, source, out("odc")],
        }


def tables(results, a):
    yield from lesson.machine(lesson.revisions(results), f"Python {sys.version.split()[0]}", peer_versions())
    for job, about in JOBS.items():
        if job not in results:
            continue
        rows = {program: lesson.quiet(results[job][program], a) for program in PROGRAMS if program in results[job]}
        own = lesson.median(rows["swath"], lambda row: row["wall"])
        yield f"\n### {about}\n"
        yield "| program | job, s | swath is faster | CPU, s | peak, MiB | file, MiB | others |\n|---|---|---|---|---|---|---|"
        for program, runs in rows.items():
            wall, cpu, peak, others = (lesson.median(runs, lambda row, key=key: row[key]) for key in ("wall", "cpu", "peak", "others"))
            times = "" if program == "swath" else f"**{wall / own:.2f} ×**"
            size = f"{lesson.median(runs, lambda row: row['size']):.1f}" if "size" in runs[0] else ""
            yield f"| {PROGRAMS[program]} | {wall:.2f} | {times} | {cpu:.2f} | {peak:.0f} | {size} | {others:.0%} |"


def peer_versions():
    # In another process: this one must stay small, as a child has its memory until it executes a program.
    say = ("import dask, rasterio, importlib.metadata as m; print(f'GDAL {rasterio.__gdal_version__}, rasterio "
           "{rasterio.__version__}, Dask {dask.__version__}, odc-geo {m.version(\"odc-geo\")}')")
    return lesson.version(sys.executable, "-c", say)


def missed(results, a):
    for job, programs in results.items():
        runs = {program: lesson.quiet(rows, a) for program, rows in programs.items()}
        of = lambda program, key: statistics.median(row[key] for row in runs[program])
        for peer in ("gdal", "odc"):
            if of(peer, "wall") < TIMES * of("swath", "wall"):
                yield f"{job}: {of(peer, 'wall') / of('swath', 'wall'):.2f} times faster than {PROGRAMS[peer]}, not {TIMES}"
        if of("swath", "wall") > OVER_FLOOR * of("floor", "wall"):
            yield f"{job}: {of('swath', 'wall') / of('floor', 'wall'):.2f} × the codec with its files, not {OVER_FLOOR}"
        if of("swath", "size") > LARGER * of("gdal", "size"):
            yield f"{job}: {of('swath', 'size') / of('gdal', 'size'):.3f} × GDAL's size"
        if of("swath", "peak") > min(of("gdal", "peak") / 3, LIMIT_MIB + BESIDE_MIB):
            yield f"{job}: {of('swath', 'peak'):.0f} MiB, GDAL {of('gdal', 'peak'):.0f}"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    lesson.options(p, "cog", list(JOBS))
    a = p.parse_args()
    runs = lesson.Runs(a.work, list(JOBS))
    if not a.table:
        lesson.need_baseline()
        lesson.make_scene(a.scenes, a.size)
        swath = lesson.build("-p", "swath-cli", "--bin", "swath")
        bare = lesson.build("-p", "swath-io", "--example", "codec_floor")
        lesson.in_turns(a, runs, commands(swath, bare, a.scenes, a.work), lambda program: None if program.startswith("floor") else f"{a.work}/{program}.tif")
    results = runs.all()
    lesson.finish("\n".join(tables(results, a)), BEGIN, END, list(missed(results, a)), a)


if __name__ == "__main__":
    main()
