#!/usr/bin/env python3
"""Measure levels of Deflate: time and size of whole files, and the size that zlib's levels give, and write docs/benchmarks.md.

    python benches/levels.py [--scenes FOLDER] [--runs 3] [--no-write]

Four rasters of 10980²: an image, a band, an index and classes, written anew by `swath calc` at each level on two threads;
and the blocks that were deflated, by Python's zlib. Wants the Python packages of tests/interop/requirements.txt, run by
this interpreter, and the baseline's scene (see lesson.py).
"""
import argparse
import os
import subprocess
import sys
import time
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import lesson  # noqa: E402

BEGIN, END = "<!-- levels: begin, written by benches/levels.py -->", "<!-- levels: end -->"
JOBS = {"visual": "image, 3 bands of u8", "B04": "band, u16", "index": "index, f32", "SCL": "classes, u8, 5490²"}
LEVELS, ZLIB = (1, 2, 3, 4, 5, 6, 9, 12), (1, 6, 9)
# Of the blocks, every so many: zlib is slow.
EVERY = 16


def blocks(path):
    """Bytes of every 16th block of a file, as they were deflated."""
    import rasterio
    with rasterio.open(path) as file, open(path, "rb") as stored:
        rows, columns = (-(-length // 512) for length in file.shape)
        for place in range(0, rows * columns, EVERY):
            at = f"{place % columns}_{place // columns}"
            offset, size = (int(file.get_tag_item(f"BLOCK_{what}_{at}", "TIFF", bidx=1)) for what in ("OFFSET", "SIZE"))
            stored.seek(offset)
            yield zlib.decompress(stored.read(size)), size


def sources(swath, scenes, work):
    folder = os.path.dirname(lesson.files(scenes)[0])
    index = f"{work}/index.tif"
    if not os.path.exists(index):
        subprocess.run([swath, "calc", "normalized_difference(a, b)", f"a={folder}/B08.tif", f"b={folder}/B04.tif", "-o", index,
                        "--quiet"], check=True)
    return {job: index if job == "index" else f"{folder}/{job}.tif" for job in JOBS}


def measure(swath, source, out, level, seconds):
    lesson.wait_quiet(seconds)
    watch, start = lesson.Watch(), time.monotonic()
    command = [swath, "calc", "x", f"x={source}", "-o", out, "--compress", "deflate", "--level", str(level), "--blocksize", "512",
               "--interleave", "pixel", "--no-passthrough", "--threads", "2", "--quiet"]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    code, cpu = lesson.wait(child)
    wall = time.monotonic() - start
    if code != 0:
        sys.exit(f"exit code {code}: {' '.join(command)}")
    return {"wall": wall, "cpu": cpu, "others": watch.others(cpu), "size": os.path.getsize(out)}


def tables(results, a):
    yield from lesson.machine(lesson.revisions(results), f"Python {sys.version.split()[0]}, zlib {zlib.ZLIB_RUNTIME_VERSION}")
    yield "\n| raster | " + " | ".join(f"level {level}" for level in LEVELS) + " | " + " | ".join(f"zlib {level}" for level in ZLIB) + " |"
    yield "|---" * (1 + len(LEVELS) + len(ZLIB)) + "|"
    for job, about in JOBS.items():
        if job not in results:
            continue
        rows = {label: lesson.quiet(runs, a) for label, runs in results[job].items()}
        of = lambda label, key: lesson.median(rows[label], lambda row: row[key])
        cells = [f"{of(str(level), 'wall') / of('4', 'wall'):.2f}, {of(str(level), 'size') / of('4', 'size') - 1:+.1%}" for level in LEVELS]
        yield f"| {about} | " + " | ".join(cells) + " | " + " | ".join(f"{of('zlib', str(level)) - 1:+.1%}" for level in ZLIB) + " |"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    lesson.options(p, "levels", list(JOBS))
    a = p.parse_args()
    runs = lesson.Runs(a.work, list(JOBS))
    if not a.table:
        lesson.need_baseline()
        lesson.make_scene(a.scenes, a.size)
        swath = lesson.build("-p", "swath-cli", "--bin", "swath")
        for job, source in sources(swath, a.scenes, a.work).items():
            if a.only and job not in a.only:
                continue
            if not a.resume:
                runs.clear(job)
            for _ in range(a.runs):
                for level in LEVELS:
                    runs.add(job, str(level), measure(swath, source, f"{a.work}/out.tif", level, a.wait))
                    if level == 4:
                        os.replace(f"{a.work}/out.tif", f"{a.work}/four.tif")
            deflated = list(blocks(f"{a.work}/four.tif"))
            own = sum(size for _, size in deflated)
            sizes = {str(level): sum(len(zlib.compress(raw, level)) for raw, _ in deflated) / own for level in ZLIB}
            runs.add(job, "zlib", {**sizes, "others": 0})
            print(f"{job} done", file=sys.stderr)
    results = runs.all()
    lesson.finish("\n".join(tables(results, a)), BEGIN, END, [], a)


if __name__ == "__main__":
    main()
