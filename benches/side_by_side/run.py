#!/usr/bin/env python3
"""Measure swath beside the programs of today on the lesson, turn by turn, and write docs/benchmarks.md.

    python benches/side_by_side/run.py [--scenes target/scenes] [--size 10980] [--runs 5] [--only SUITE] [--no-write]

Wants the packages of tests/interop/requirements.txt, cargo, and the folder of the baseline programs in SWATH_BASELINE
(../shared/baseline by default). Builds `examples/bench_lesson.rs` and the demo's range server, makes the scene if it is
not there, and runs each suite's programs in turns (A B C A B C ...), each run a process of its own, the scene in the page
cache, before it up to --wait seconds for a quiet machine; a run that was disturbed is made again, --runs times at most.
Medians and ratios go into docs/benchmarks.md between markers, every run into the work folder as JSON lines. All programs
of a suite must have written the same pixels.
"""
import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BASELINE = os.path.abspath(os.environ.get("SWATH_BASELINE", os.path.join(ROOT, "../shared/baseline")))
sys.path.insert(0, BASELINE)
import run_all  # noqa: E402  (of the baseline: runs a process, asks the server, waits for quiet)

LESSON = "Dask persist, 4 threads (the lesson)"
MT = {"GDAL_NUM_THREADS": "2"}
# Suite: heading, (latency in ms, Mbit/s) or None for local files, compression of the output.
SUITES = {
    "http50": ("HTTP, 50 ms per request", (50, 0), "none"),
    "http50-100mbit": ("HTTP, 50 ms per request and 100 Mbit/s per connection", (50, 100), "none"),
    "none": ("local files, uncompressed output", None, "none"),
    "deflate": ("local files, Deflate output", None, "deflate"),
}
# What is compared, in which suite, over which stages (None: the process), and how much faster than the lesson it has to be.
TARGETS = [
    ("open + load, 50 ms", "http50", ("open", "load"), 2.5),
    ("open + load, 50 ms and 100 Mbit/s", "http50-100mbit", ("open", "load"), 3),
    ("mask + write from persisted chunks, uncompressed", "none", ("graph", "mask+write"), 2.5),
    ("the whole process, Deflate output", "deflate", None, 2.5),
]


def programs(suite, swath, work):
    """[(label, environment, command)]; the lesson first, then swath."""
    _, server, compress = SUITES[suite]
    search = f"{work}/search.json"

    def ours(*more):
        return [swath, search, f"{work}/out.tif", "--threads", "2", "--compress", compress, *more]

    def theirs(engine, *more):
        return [sys.executable, f"{BASELINE}/pipeline.py", search, f"{work}/out.tif", "--engine", engine, "--compress", compress, *more]

    common = [
        (LESSON, {}, theirs("dask", "--threads", "4")),
        ("swath persist, 2 threads", {}, ours()),
        ("swath stream, 2 threads", {}, ours("--stream")),
    ]
    if server:
        tuned = run_all.TUNED
        return common + [
            ("Dask persist, 4 threads, tuned", tuned, theirs("dask", "--threads", "4")),
            ("Dask stream, 4 threads, tuned", tuned, theirs("dask", "--stream", "--threads", "4")),
            ("rasterio pool, 4 threads, tuned", tuned, theirs("gdal", "--threads", "4")),
            ("rasterio pool, 9 threads, tuned", tuned, theirs("gdal", "--threads", "9")),
        ]
    return common + [
        ("rioxarray serial", {}, theirs("serial")),
        ("Dask stream, 2 threads", {}, theirs("dask", "--stream", "--threads", "2")),
        ("Dask stream, 2 threads, GDAL_NUM_THREADS=2", MT, theirs("dask", "--stream", "--threads", "2")),
        ("rasterio pool, 2 threads", {}, theirs("gdal", "--threads", "2")),
        ("rasterio pool, 2 threads, GDAL_NUM_THREADS=2", MT, theirs("gdal", "--threads", "2")),
    ]


def build():
    """Paths of the lesson's program and of the range server."""
    def cargo(*what):
        done = subprocess.run(["cargo", "build", "--release", "--message-format=json", *what], cwd=ROOT, check=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        return [m["executable"] for m in map(json.loads, done.stdout.splitlines()) if m.get("executable")][-1]

    return cargo("--example", "bench_lesson"), cargo("-p", "swath-demo", "--example", "serve")


def make_scene(folder, size):
    stamp = f"{folder}/size"
    if os.path.exists(stamp) and open(stamp).read() == str(size):
        return
    print(f"making a scene of {size} x {size} in {folder}", file=sys.stderr)
    subprocess.run([sys.executable, f"{BASELINE}/make_scene.py", folder, "--size", str(size)], check=True, stdout=sys.stderr)
    with open(stamp, "w") as f:
        f.write(str(size))


def point_at(scenes, base, work):
    """A STAC document whose assets lie under `base`, a URL or a folder; without /vsicurl/, as a user has it."""
    with open(f"{scenes}/search.json") as f:
        search = json.load(f)
    for feature in search["features"]:
        for key, asset in feature["assets"].items():
            asset["href"] = f"{base}/{feature['id']}/{key}.tif"
    with open(f"{work}/search.json", "w") as f:
        json.dump(search, f)


def digest(path):
    """SHA-256 of a file's pixels; in a process of its own, for the children of a large process look large."""
    code = "import hashlib, rasterio, sys; print(hashlib.sha256(rasterio.open(sys.argv[1]).read().tobytes()).hexdigest())"
    return subprocess.run([sys.executable, "-c", code, path], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def measure(suite, a, swath, serve):
    """{label: [row]} of the --runs least disturbed runs each, of at most twice as many."""
    work = os.path.join(a.work, suite)
    os.makedirs(work, exist_ok=True)
    scenes, server, base = os.path.abspath(a.scenes), None, os.path.abspath(a.scenes)
    if SUITES[suite][1]:
        latency, mbit = SUITES[suite][1]
        server = subprocess.Popen([serve, scenes, "--latency-ms", str(latency), "--bandwidth-mbit", str(mbit)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        base = server.stdout.readline().strip()
        run_all.PORT = int(base.rsplit(":", 1)[1])
    point_at(scenes, base, work)
    rows, digests = {}, {}
    try:
        with open(f"{work}/runs.jsonl", "w") as log:
            for number in range(2 * a.runs):
                for label, env, command in programs(suite, swath, work):
                    if sum(row["others"] <= a.busy for row in rows.get(label, [])) >= a.runs:
                        continue
                    run_all.wait_quiet(a.wait)
                    row = run_all.run(env, command, server)
                    if row["code"] != 0:
                        sys.exit(f"{suite}, {label}: exit code {row['code']}; {command}")
                    out = f"{work}/out.tif"
                    row["output"] = os.path.getsize(out)
                    if number == 0:
                        digests[label] = digest(out)
                    os.remove(out)
                    rows.setdefault(label, []).append(row)
                    log.write(json.dumps({"suite": suite, "label": label, **row}) + "\n")
                    log.flush()
                    print(f"{suite} {number} {label}: {row['wall']:.2f} s, job {seconds(row, ('job',)):.2f} s, "
                          f"others {row['others']:.0%}", file=sys.stderr, flush=True)
    finally:
        if server:
            server.stdin.close()
            server.wait()
    if len(set(digests.values())) != 1:
        sys.exit(f"{suite}: the programs wrote different pixels: {digests}")
    return {label: sorted(r, key=lambda row: row["others"])[: a.runs] for label, r in rows.items()}


def seconds(row, stages):
    """Wall seconds of some stages (None: of the process), or None where a program does not have them all."""
    if stages is None:
        return row["wall"]
    have = [row["stages"].get(name) for name in stages]
    return sum(s["wall"] for s in have) if all(have) else None


def median(rows, get):
    values = [get(row) for row in rows]
    return None if None in values else statistics.median(values)


def timed(rows, lesson, stages):
    """`1.23 (2.5×)`: the median, and how much faster than the lesson that is."""
    ours, theirs = (median(r, lambda row: seconds(row, stages)) for r in (rows, lesson))
    if ours is None:
        return ""
    return f"{ours:.2f}" + (f" ({theirs / ours:.2f}×)" if theirs and rows is not lesson else "")


def tables(results, a):
    yield f"Medians of {a.runs} runs in turns; scene of {a.size}² (the lesson at overview 0: {a.size // 2}² × 3 u8)."
    yield "In parentheses how many times faster than the lesson in Dask; more than 1 is faster."
    yield ""
    yield from machine()
    yield "| what swath is held to | Dask, s | swath, s | times faster | target |"
    yield "|---|---|---|---|---|"
    for what, suite, stages, target in TARGETS:
        if suite in results:
            lesson, swath = list(results[suite].values())[:2]
            theirs, ours = (median(r, lambda row: seconds(row, stages)) for r in (lesson, swath))
            yield f"| {what} | {theirs:.2f} | {ours:.2f} | **{theirs / ours:.2f}** | {target} |"
    for suite, rows in results.items():
        http = SUITES[suite][1] is not None
        yield f"\n### {SUITES[suite][0][0].upper()}{SUITES[suite][0][1:]}\n"
        yield ("| program | process, s | job inside, s | open + load, s | mask + write, s | CPU, s | peak MiB | "
               + ("requests | MB received | " if http else "") + "output MB | others |")
        yield "|---|" + "---|" * (8 + 2 * http)
        lesson = rows[LESSON]
        for label, r in rows.items():
            cells = [label, timed(r, lesson, None), timed(r, lesson, ("job",)), timed(r, lesson, ("open", "load")),
                     timed(r, lesson, ("graph", "mask+write")), f"{median(r, lambda row: row['cpu']):.2f}",
                     f"{median(r, lambda row: row['stages']['peak_mib']):.0f}"]
            if http:
                cells += [f"{median(r, lambda row: row['http']['requests']):.0f}",
                          f"{median(r, lambda row: row['http']['bytes']) / 1e6:.1f}"]
            cells += [f"{r[0]['output'] / 1e6:.1f}", f"{max(row['others'] for row in r):.0%}"]
            yield "| " + " | ".join(cells) + " |"


def machine():
    def first(path, key, default):
        with open(path) as f:
            return next((line.split(":", 1)[1].strip() for line in f if line.startswith(key)), default)

    def version(*command):
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    code = ("import rasterio, rioxarray, dask, numpy; print(f'GDAL {rasterio.__gdal_version__}, rasterio {rasterio.__version__}, "
            "rioxarray {rioxarray.__version__}, Dask {dask.__version__}, NumPy {numpy.__version__}')")
    memory = int(first("/proc/meminfo", "MemTotal", "0 kB").split()[0]) / 2**20
    yield f"- {os.cpu_count()} cores, {first('/proc/cpuinfo', 'model name', platform.machine())}, {memory:.0f} GiB, {platform.system()} {platform.release().split('-')[0]}"
    yield f"- {version('rustc', '--version').split(' (')[0]}; Python {platform.python_version()}, {version(sys.executable, '-c', code)}"
    yield f"- {datetime.date.today()}, swath {version('git', '-C', ROOT, 'describe', '--always', '--dirty')}"
    yield ""


def write(text):
    path = f"{ROOT}/docs/benchmarks.md"
    begin, end = "<!-- side by side: begin, written by benches/side_by_side/run.py -->", "<!-- side by side: end -->"
    with open(path) as f:
        before, rest = f.read().split(begin)
    with open(path, "w") as f:
        f.write(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--scenes", default=f"{ROOT}/target/scenes")
    p.add_argument("--work", default=f"{ROOT}/target/side_by_side")
    p.add_argument("--size", type=int, default=10980, help="10 m pixels a side")
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--wait", type=float, default=20, help="seconds to wait for a quiet machine before each run")
    p.add_argument("--busy", type=float, default=0.1, help="share of the CPU time that others may have in a run that counts")
    p.add_argument("--only", choices=SUITES, action="append", help="a suite, can be repeated; all unless given")
    p.add_argument("--no-write", action="store_true", help="only print")
    a = p.parse_args()
    if not os.path.exists(f"{BASELINE}/pipeline.py"):
        sys.exit(f"no baseline programs in {BASELINE}; name their folder in SWATH_BASELINE")
    swath, serve = build()
    make_scene(a.scenes, a.size)
    run_all.warm(a.scenes)
    text = "\n".join(tables({suite: measure(suite, a, swath, serve) for suite in a.only or SUITES}, a))
    print(text)
    if not a.no_write:
        write(text)


if __name__ == "__main__":
    main()
