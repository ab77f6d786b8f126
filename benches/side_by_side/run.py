#!/usr/bin/env python3
"""Measure swath beside the programs of today on the lesson, turn by turn, and write docs/benchmarks.md.

    python benches/side_by_side/run.py [--scenes target/scenes] [--size 10980] [--runs 5] [--only SUITE] [--resume]
                                       [--table] [--no-write] [--check]

Wants the packages of tests/interop/requirements.txt, cargo, and the folder of the baseline programs in SWATH_BASELINE
(../shared/baseline by default). Builds `examples/bench_lesson.rs`, `crates/io/examples/codec_floor.rs` and the demo's range
server, makes the scenes if they are not there (clouds.py those with other clouds), and runs each suite's programs in turns
(A B C A B C ...), each run a process of its own, the scene in the page cache, before it up to --wait seconds for a quiet
machine; a run that was disturbed is made again, --runs times at most. All programs of a suite must write the same pixels.

Every run is kept in the work folder as a line of JSON. A suite that is measured begins anew, unless --resume is given; the
tables, which go into docs/benchmarks.md between markers, show all suites that the work folder has, so that they can be
measured one by one. With --check it fails if a target is missed or was not measured.
"""
import argparse
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import lesson as common  # noqa: E402
from lesson import BASELINE, median, quiet  # noqa: E402

common.need_baseline()
sys.path.insert(0, BASELINE)
import run_all  # noqa: E402  (of the baseline: runs a process, asks the server, waits for quiet)

BEGIN, END = "<!-- side by side: begin, written by benches/side_by_side/run.py -->", "<!-- side by side: end -->"
LESSON = "Dask persist, 4 threads (the lesson)"
PERSIST, STREAM = "swath persist, 2 threads", "swath stream, 2 threads"
COPIED = ", blocks passed through"
FLOOR = "the codec alone, 2 threads"
MT = {"GDAL_NUM_THREADS": "2"}
# Suite: heading, (latency in ms, Mbit/s) or None for local files, compression of the output, clouds.
SUITES = {
    "http50": ("HTTP, 50 ms per request", (50, 0), "none", None),
    "http50-100mbit": ("HTTP, 50 ms per request and 100 Mbit/s per connection", (50, 100), "none", None),
    "none": ("Local files, uncompressed output", None, "none", None),
    "deflate": ("Local files, Deflate output", None, "deflate", None),
    "deflate-few": ("Local files, Deflate output, few large clouds", None, "deflate", "few"),
    "deflate-many": ("Local files, Deflate output, many scattered clouds", None, "deflate", "many"),
}
JOB, LOAD, MASK = ("job",), ("open", "load"), ("graph", "mask+write")


@dataclass
class Target:
    """The fastest of `ours` has to be so many times faster than the fastest of `theirs`, which are labels or their starts.

    Without `least` the ratio is only shown.
    """

    what: str
    suite: str
    stages: tuple
    ours: list
    theirs: list
    least: float | None = None


GDAL, DASK = ["rasterio", "rioxarray"], ["Dask"]
OURS, OURS_COPIED = [PERSIST, STREAM], [PERSIST + COPIED, STREAM + COPIED]
TARGETS = [
    Target("open + load, 50 ms", "http50", LOAD, [PERSIST], [LESSON], 2.5),
    Target("open + load, 50 ms and 100 Mbit/s", "http50-100mbit", LOAD, [PERSIST], [LESSON], 3),
    Target("mask + write from persisted chunks, uncompressed", "none", MASK, [PERSIST], [LESSON], 2.5),
    Target("the job, uncompressed", "none", JOB, OURS, GDAL, 1.5),
    Target("the job, Deflate: at most 10 % over the codec alone", "deflate", JOB, OURS, [FLOOR], 1 / 1.1),
    Target("the job, Deflate", "deflate", JOB, OURS, [LESSON], 2),
    Target("the job, Deflate", "deflate", JOB, OURS, DASK),
    Target("the job, Deflate: at most 5 % slower", "deflate", JOB, OURS, GDAL, 1 / 1.05),
    Target("the job, Deflate, blocks passed through", "deflate", JOB, OURS_COPIED, [LESSON], 3.5),
    Target("the job, Deflate, blocks passed through", "deflate", JOB, OURS_COPIED, GDAL, 1.6),
    Target("the job, Deflate, blocks passed through", "deflate", JOB, OURS_COPIED, [FLOOR + COPIED]),
    Target("the same, few large clouds", "deflate-few", JOB, OURS_COPIED, [LESSON]),
    Target("the same, few large clouds", "deflate-few", JOB, OURS_COPIED, GDAL),
    Target("the same, many scattered clouds", "deflate-many", JOB, OURS_COPIED, [LESSON]),
    Target("the same, many scattered clouds", "deflate-many", JOB, OURS_COPIED, GDAL),
]


def programs(suite, a, tools):
    """[(label, environment, command)]; the lesson first, then swath."""
    _, server, compress, _ = SUITES[suite]
    work = f"{a.work}/{suite}"
    search, out = f"{work}/search.json", f"{work}/out.tif"

    def ours(*more):
        return [tools["lesson"], search, out, "--threads", "2", "--compress", compress, *more]

    def theirs(engine, *more):
        return [sys.executable, f"{BASELINE}/pipeline.py", search, out, "--engine", engine, "--compress", compress, *more]

    def floor(finished, *more):
        return [tools["floor"], f"{work}/{finished}.tif", *common.files(folder(suite, a)), "--threads", "2", *more]

    dask = (LESSON, {}, theirs("dask", "--threads", "4"))
    if server:
        tuned = run_all.TUNED
        return [
            dask,
            (PERSIST, {}, ours()),
            (STREAM, {}, ours("--stream")),
            ("Dask persist, 4 threads, tuned", tuned, theirs("dask", "--threads", "4")),
            ("Dask stream, 4 threads, tuned", tuned, theirs("dask", "--stream", "--threads", "4")),
            ("rasterio pool, 4 threads, tuned", tuned, theirs("gdal", "--threads", "4")),
            ("rasterio pool, 9 threads, tuned", tuned, theirs("gdal", "--threads", "9")),
        ]
    swath = [
        (PERSIST, {}, ours("--no-passthrough")),
        (STREAM, {}, ours("--stream", "--no-passthrough")),
        (FLOOR, {}, floor("computed")),
    ]
    if compress == "deflate":
        swath += [
            (PERSIST + COPIED, {}, ours()),
            (STREAM + COPIED, {}, ours("--stream")),
            (FLOOR + COPIED, {}, floor("copied", "--passthrough")),
        ]
    return [dask, *swath] + [
        ("rioxarray serial", {}, theirs("serial")),
        ("Dask stream, 2 threads", {}, theirs("dask", "--stream", "--threads", "2")),
        ("Dask stream, 2 threads, GDAL_NUM_THREADS=2", MT, theirs("dask", "--stream", "--threads", "2")),
        ("rasterio pool, 2 threads", {}, theirs("gdal", "--threads", "2")),
        ("rasterio pool, 2 threads, GDAL_NUM_THREADS=2", MT, theirs("gdal", "--threads", "2")),
        ("rasterio whole image, GDAL_NUM_THREADS=2", MT, theirs("gdal", "--threads", "0")),
    ]


def build():
    return {
        "lesson": common.build("--example", "bench_lesson"),
        "floor": common.build("-p", "swath-io", "--example", "codec_floor"),
        "serve": common.build("-p", "swath-demo", "--example", "serve"),
    }


def folder(suite, a):
    """The scene of a suite."""
    clouds = SUITES[suite][3]
    return f"{a.scenes}/clouds-{clouds}" if clouds else a.scenes


def prepare(suite, a, tools, base):
    """Points the suite's search.json at the scene; for local files also writes what the codec alone is to be measured on."""
    work = f"{a.work}/{suite}"
    os.makedirs(work, exist_ok=True)
    common.point_at(folder(suite, a), base, f"{work}/search.json")
    run_all.warm(folder(suite, a))
    for label, env, command in [] if SUITES[suite][1] else programs(suite, a, tools):
        if label in (STREAM, STREAM + COPIED):
            subprocess.run(command, env={**os.environ, **env}, check=True, stdout=subprocess.DEVNULL)
            shutil.move(f"{work}/out.tif", f"{work}/{'copied' if label.endswith(COPIED) else 'computed'}.tif")


def digest(path):
    """SHA-256 of a file's pixels; in a process of its own, for the children of a large process look large."""
    code = "import hashlib, rasterio, sys; print(hashlib.sha256(rasterio.open(sys.argv[1]).read().tobytes()).hexdigest())"
    return common.version(sys.executable, "-c", code, path)


def measure(suite, a, tools, runs):
    """Until each program has --runs undisturbed runs, or twice as many runs in all."""
    server, base = None, folder(suite, a)
    if SUITES[suite][1]:
        latency, mbit = SUITES[suite][1]
        server = subprocess.Popen([tools["serve"], base, "--latency-ms", str(latency), "--bandwidth-mbit", str(mbit)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        base = server.stdout.readline().strip()
        run_all.PORT = int(base.rsplit(":", 1)[1])
    try:
        prepare(suite, a, tools, base)
        for number in range(2 * a.runs):
            for label, env, command in programs(suite, a, tools):
                have = runs.of(suite).get(label, [])
                if len(have) <= number and sum(row["others"] <= a.busy for row in have) < a.runs:
                    runs.add(suite, label, one(suite, label, env, command, server, a, first=not have))
    finally:
        if server:
            server.stdin.close()
            server.wait()


def one(suite, label, env, command, server, a, first):
    """One run; the first of a program is looked at."""
    run_all.wait_quiet(a.wait)
    row = run_all.run(env, command, server)
    if row["code"] != 0:
        sys.exit(f"{suite}, {label}: exit code {row['code']}; {command}")
    out = f"{a.work}/{suite}/out.tif"
    if os.path.exists(out):
        row["output"] = os.path.getsize(out)
        if first:
            row["pixels"] = digest(out)
        os.remove(out)
    print(f"{suite} {label}: {row['wall']:.2f} s, job {seconds(row, JOB):.2f} s, others {row['others']:.0%}",
          file=sys.stderr, flush=True)
    return row


def check_pixels(suite, rows):
    digests = {label: r[0]["pixels"] for label, r in rows.items() if "pixels" in r[0]}
    if len(set(digests.values())) != 1:
        sys.exit(f"{suite}: the programs wrote different pixels: {digests}")


def seconds(row, stages):
    """Wall seconds of some stages (None: of the process), or None where a program does not have them all."""
    if stages is None:
        return row["wall"] if not row["label"].startswith(FLOOR) else None
    have = [row["stages"].get(name) for name in stages]
    return sum(s["wall"] for s in have) if all(have) else None


def wall(rows, stages):
    return median(rows, lambda row: seconds(row, stages))


def timed(rows, lesson, stages):
    """`1.23 (2.5×)`: the median, and how much faster than the lesson that is."""
    ours, theirs = wall(rows, stages), wall(lesson, stages)
    if ours is None:
        return ""
    return f"{ours:.2f}" + (f" ({theirs / ours:.2f}×)" if theirs and rows is not lesson else "")


def fastest(rows, labels, stages):
    """(seconds, label) of the fastest program whose label is one of these, or begins with one that is no program's."""
    found = [label for label in rows if any(label == of or (of not in rows and label.startswith(of)) for of in labels)]
    return min(((wall(rows[label], stages), label) for label in found), default=None)


def held_to(results):
    """(target, (seconds, label) of theirs and of ours) of each target that has been measured."""
    for target in TARGETS:
        rows = results.get(target.suite, {})
        theirs, ours = (fastest(rows, labels, target.stages) for labels in (target.theirs, target.ours))
        if theirs and ours:
            yield target, theirs, ours


def missed(results):
    measured = list(held_to(results))
    for target, theirs, ours in measured:
        if target.least and theirs[0] / ours[0] < target.least:
            yield f"{target.what}: {theirs[0] / ours[0]:.2f} times faster than {theirs[1]}, not {target.least:.2f}"
    for target in TARGETS:
        if target.least and target not in [held[0] for held in measured]:
            yield f"{target.what}: not measured"


def tables(results, a):
    yield f"Medians of {a.runs} runs in turns; scene of {a.size}² (the lesson at overview 0: {a.size // 2}² × 3 u8)."
    yield "In parentheses how many times faster than the lesson in Dask; more than 1 is faster."
    yield ""
    yield from common.machine(common.revisions(results), packages())
    yield "| what swath is held to | beside | its s | swath | its s | times faster | at least |"
    yield "|---|---|---|---|---|---|---|"
    for target, theirs, ours in held_to(results):
        ratio = theirs[0] / ours[0]
        mark = " missed" if target.least and ratio < target.least else ""
        yield (f"| {target.what} | {theirs[1]} | {theirs[0]:.2f} | {ours[1]} | {ours[0]:.2f} | **{ratio:.2f}**{mark} "
               f"| {optional('{:.3g}', target.least)} |")
    for suite, rows in results.items():
        yield from table(suite, rows)


def table(suite, rows):
    heading, http, compress, _ = SUITES[suite]
    yield f"\n### {heading}\n"
    yield ("| program | process, s | job inside, s | open + load, s | mask + write, s | CPU, s | peak MiB | "
           + ("requests | MB received | " if http else "") + "output MB | "
           + ("copied, constant, computed | " if compress == "deflate" else "") + "others |")
    yield "|---|" + "---|" * (8 + 2 * bool(http) + (compress == "deflate"))
    lesson = rows[LESSON]
    for label, r in rows.items():
        cells = [label, *(timed(r, lesson, stages) for stages in (None, JOB, LOAD, MASK)), f"{median(r, cpu):.2f}",
                 optional("{:.0f}", median(r, lambda row: row["stages"].get("peak_mib")))]
        if http:
            cells += [f"{median(r, lambda row: row['http']['requests']):.0f}",
                      f"{median(r, lambda row: row['http']['bytes']) / 1e6:.1f}"]
        cells.append(optional("{:.1f}", r[0]["output"] / 1e6 if "output" in r[0] else None))
        if compress == "deflate":
            cells.append(shares(r[0]["stages"].get("report")))
        cells.append(f"{max(row['others'] for row in r):.0%}")
        yield "| " + " | ".join(cells) + " |"


def cpu(row):
    """CPU seconds of the process, or of what the codec's program measures."""
    return row["stages"]["job"]["cpu"] if row["label"].startswith(FLOOR) else row["cpu"]


def optional(form, value):
    return "" if value is None else form.format(value)


def shares(report):
    """Of the output's blocks, how many came about in which way."""
    if report is None:
        return ""
    counts = [report[kind] for kind in ("copied", "constant", "computed")]
    return ", ".join(f"{count / sum(counts):.0%}" for count in counts) + f" of {sum(counts)}"


def packages():
    code = ("import rasterio, rioxarray, dask, numpy; print(f'GDAL {rasterio.__gdal_version__}, rasterio {rasterio.__version__}, "
            "rioxarray {rioxarray.__version__}, Dask {dask.__version__}, NumPy {numpy.__version__}')")
    return f"Python {platform.python_version()}, {common.version(sys.executable, '-c', code)}"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.options(p, "side_by_side", SUITES)
    a = p.parse_args()
    runs = common.Runs(a.work, SUITES)
    if not a.table:
        tools = build()
        common.make_scene(a.scenes, a.size)
        for suite in a.only or SUITES:
            if SUITES[suite][3]:
                common.make_clouds(a.scenes, a.size, SUITES[suite][3])
            if not a.resume:
                runs.clear(suite)
            measure(suite, a, tools, runs)
    results = runs.all()
    for suite, rows in results.items():
        check_pixels(suite, rows)
    results = {suite: {label: quiet(r, a) for label, r in rows.items()} for suite, rows in results.items()}
    common.finish("\n".join(tables(results, a)), BEGIN, END, list(missed(results)), a)


if __name__ == "__main__":
    main()
