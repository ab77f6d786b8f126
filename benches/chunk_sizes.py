#!/usr/bin/env python3
"""Show that the time of the lesson does not depend on the size of chunks, and write docs/benchmarks.md.

    python3 benches/chunk_sizes.py [--scenes target/scenes] [--size 10980] [--runs 9] [--only CASE] [--resume] [--table]
                                   [--no-write] [--check]

The lesson, local files, 2 threads, streamed and persisted, with each output, in chunks of 256 to 4096; the sizes take turns
(256 512 ... 256 512 ...). The median of the slowest size may be 1.10 times that of the fastest.

Wants Python 3.11 and cargo; to make the scene also what benches/side_by_side/run.py wants. Runs are kept as they are there.
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lesson as common  # noqa: E402
from lesson import median, quiet  # noqa: E402

BEGIN, END = "<!-- chunk sizes: begin, written by benches/chunk_sizes.py -->", "<!-- chunk sizes: end -->"
ALLOWED = 1.10
SIZES = [256, 512, 1024, 2048, 4096]
OUTPUTS = {
    "none": ("uncompressed", ["--compress", "none"]),
    "deflate": ("Deflate, every block computed", ["--compress", "deflate", "--no-passthrough"]),
    "copied": ("Deflate, blocks passed through", ["--compress", "deflate"]),
}
WAYS = {"stream": ("streamed", ["--stream"]), "persist": ("persisted", [])}
CASES = [f"{output}-{way}" for output in OUTPUTS for way in WAYS]


def command(program, case, size, a):
    output, way = case.split("-")
    return [program, f"{a.work}/search.json", f"{a.work}/out.tif", "--threads", "2", "--chunks", str(size), *OUTPUTS[output][1], *WAYS[way][1]]


def measure(case, program, a, runs):
    for number in range(2 * a.runs):
        for size in SIZES:
            have = runs.of(case).get(str(size), [])
            if len(have) <= number and sum(row["others"] <= a.busy for row in have) < a.runs:
                row = common.run(command(program, case, size, a), a.wait)
                os.remove(f"{a.work}/out.tif")
                runs.add(case, str(size), row)
                print(f"{case} {size}: {seconds(row):.3f} s, others {row['others']:.0%}", file=sys.stderr, flush=True)


def seconds(row):
    return row["own"]["job"]["wall"]


def medians(rows):
    return {size: median(rows[str(size)], seconds) for size in SIZES if str(size) in rows}


def ratio(rows):
    return max(medians(rows).values()) / min(medians(rows).values())


def tables(results, a):
    yield f"Seconds from opening to the closed file, medians of {a.runs} runs in turns; scene of {a.size}², the lesson at overview 0."
    yield f"*Others* is the largest share of the machine's CPU time that anything else had during a run; the ratio may be {ALLOWED:.2f}."
    yield ""
    yield from common.machine(common.revisions(results))
    yield "| output | lesson | " + " | ".join(map(str, SIZES)) + " | slowest / fastest | others |"
    yield "|---|---|" + "---|" * (len(SIZES) + 2)
    for case, rows in results.items():
        output, way = case.split("-")
        found = medians(rows)
        cells = [f"{found[size]:.3f}" if size in found else "" for size in SIZES]
        mark = f"{ratio(rows):.3f}" if ratio(rows) <= ALLOWED else f"**{ratio(rows):.3f}**"
        others = max(row["others"] for r in rows.values() for row in r)
        yield f"| {OUTPUTS[output][0]} | {WAYS[way][0]} | {' | '.join(cells)} | {mark} | {others:.0%} |"


def missed(results):
    for case in CASES:
        if case not in results:
            yield f"{case}: not measured"
        elif ratio(results[case]) > ALLOWED:
            yield f"{case}: the slowest chunks take {ratio(results[case]):.3f} times as long as the fastest, more than {ALLOWED}"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.options(p, "chunk_sizes", CASES)
    p.set_defaults(runs=9)
    a = p.parse_args()
    runs = common.Runs(a.work, CASES)
    if not a.table:
        program = common.build("--example", "bench_lesson")
        common.make_scene(a.scenes, a.size)
        common.warm(a.scenes)
        common.point_at(a.scenes, a.scenes, f"{a.work}/search.json")
        for case in a.only or CASES:
            if not a.resume:
                runs.clear(case)
            measure(case, program, a, runs)
    results = {case: {size: quiet(r, a) for size, r in rows.items()} for case, rows in runs.all().items()}
    common.finish("\n".join(tables(results, a)), BEGIN, END, list(missed(results)), a)


if __name__ == "__main__":
    main()
