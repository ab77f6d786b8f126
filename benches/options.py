#!/usr/bin/env python3
"""Measure what each option of COGs costs and gives, option by option, and write docs/benchmarks.md.

    python benches/options.py [--scenes FOLDER] [--runs 3] [--no-write]

An image of 3 × 10980² u8, whose blocks are all decoded and encoded, on two threads; seconds and bytes beside those of no
option. The options are those of docs/guide/writing.md, as one gives them to `swath calc`. Run by Python with the packages
of tests/interop/requirements.txt; wants the baseline's scene (see lesson.py).
"""
import argparse
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import lesson  # noqa: E402

BEGIN, END = "<!-- options: begin, written by benches/options.py -->", "<!-- options: end -->"
JOB = "visual"
PLAIN = "none of them"
OPTIONS = {
    PLAIN: "",
    "codec": "--compress zstd", "fast": "--compress zstd --level 1", "LZW": "--compress lzw", "no codec": "--compress none",
    "level": "--level 9", "no predictor": "--predictor 1", "small blocks": "--blocksize 256", "large blocks": "--blocksize 1024",
    "bands apart": "--interleave band", "BigTIFF": "--bigtiff yes", "sparse": "--sparse", "no overviews": "--overviews 0",
    "nearest": "--resampling nearest", "bilinear": "--resampling bilinear", "rms": "--resampling rms", "mode": "--resampling mode",
    "maximum": "--resampling max", "mask": "--mask v[0]", "statistics": "--statistics", "JPEG": "--compress jpeg",
    "WebP": "--compress webp", "lossless WebP": "--compress webp --level 100", "LERC": "--compress lerc --max-error 2",
}


def command(swath, source, out, option):
    inputs = [f"x={source}", *([f"v={source}@valid"] if "--mask" in option else [])]
    # Validity is told by nodata, and a raster has either; a lossy codec would change it.
    has_none = any(word in option for word in ("--mask", "jpeg", "webp", "lerc"))
    expression = "without_nodata(x)" if has_none else "x"
    own = [] if "--compress" in option else ["--compress", "deflate"]
    own += [] if "--blocksize" in option else ["--blocksize", "512"]
    own += [] if "--interleave" in option else ["--interleave", "pixel"]
    return [swath, "calc", expression, *inputs, "-o", out, "--cog", "--no-passthrough", "--threads", "2", "--quiet", *own,
            *option.split()]


def measure(swath, source, out, option, seconds):
    lesson.wait_quiet(seconds)
    watch, start = lesson.Watch(), time.monotonic()
    what = command(swath, source, out, option)
    code, cpu = lesson.wait(subprocess.Popen(what, stdin=subprocess.DEVNULL))
    wall = time.monotonic() - start
    if code != 0:
        sys.exit(f"exit code {code}: {' '.join(what)}")
    return {"wall": wall, "cpu": cpu, "others": watch.others(cpu), "size": os.path.getsize(out)}


def tables(results, a):
    yield from lesson.machine(lesson.revisions(results), f"Python {sys.version.split()[0]}")
    rows = {name: lesson.quiet(runs, a) for name, runs in results[JOB].items()}
    of = lambda name, key: lesson.median(rows[name], lambda row: row[key])
    yield "\n| option | seconds | CPU seconds | MiB | beside none |\n|---|---|---|---|---|"
    for name, option in OPTIONS.items():
        if name in rows:
            beside = f"{of(name, 'wall') / of(PLAIN, 'wall'):.2f} × as long, {of(name, 'size') / of(PLAIN, 'size') - 1:+.1%}"
            yield f"| {f'`{option}`' if option else name} | {of(name, 'wall'):.2f} | {of(name, 'cpu'):.2f} | " \
                  f"{of(name, 'size') / 2**20:.1f} | {'' if name == PLAIN else beside} |"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    lesson.options(p, "options", [JOB])
    a = p.parse_args()
    runs = lesson.Runs(a.work, [JOB])
    if not a.table:
        lesson.need_baseline()
        lesson.make_scene(a.scenes, a.size)
        swath = lesson.build("-p", "swath-cli", "--bin", "swath")
        source = f"{os.path.dirname(lesson.files(a.scenes)[0])}/{JOB}.tif"
        if not a.resume:
            runs.clear(JOB)
        for _ in range(a.runs):
            for name, option in OPTIONS.items():
                runs.add(JOB, name, measure(swath, source, f"{a.work}/out.tif", option, a.wait))
    lesson.finish("\n".join(tables(runs.all(), a)), BEGIN, END, [], a)


if __name__ == "__main__":
    main()
