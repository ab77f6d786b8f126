#!/usr/bin/env python3
"""Measure from outside that a process stays inside its memory limit, and write docs/benchmarks.md.

    python3 benches/memory.py [--scenes FOLDER] [--only CASE] [--limits 64 256 1024] [--workers 1 2 4 8] [--no-write]

Runs every case under every limit with every number of workers, each run a process of its own, and takes the most memory
that the system saw it have. Fails if a run is refused or fails, if one takes more than its limit and 48 MiB, which is
what a process is allowed beside its data, or if runs of a case differ in their result.

With --scenes, a folder with S2A_31UFU_20200313_0_L2A/{SCL,visual}.tif of 10980 x 10980 pixels, also the lesson by the
`swath` command. Needs Linux, cargo, and nothing but Python's standard library.
"""
import argparse
import datetime
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BEGIN, END = "<!-- memory: begin -->", "<!-- memory: end -->"
MIB = 2**20
ALLOWED_BESIDE = 48
SCENE = "S2A_31UFU_20200313_0_L2A"
STAGES = [("3 × 3 halo", "halo"), ("COG pyramid", "pyramid"), ("3:2 regrid", "regrid"), ("mean over 24 dates", "mean")]


def cases(scenes, work):
    """Each case has a name, a command, in which {limit} is in MiB and {workers} a number, and the file it writes, if any."""
    example = build("-p", "swath-scheduler", "--example", "peak_memory")
    for name, stage in STAGES:
        yield {"name": name, "command": [example, stage, "{limit}", "{workers}"], "output": None}
    if scenes:
        swath, scene, output = build("-p", "swath-cli", "--bin", "swath"), f"{scenes}/{SCENE}", f"{work}/masked.tif"
        yield {
            "name": "the lesson at full resolution, `swath calc`",
            "command": [swath, "calc", "mask(visual, isin(repeat(scl, [1, 2, 2]), [8, 9]), 0)", f"visual={scene}/visual.tif@full",
                        f"scl={scene}/SCL.tif@full", "--memory", "{limit}M", "--threads", "{workers}", "-o", output],
            "output": output,
        }


def build(*what):
    """The path of the program that cargo makes."""
    done = subprocess.run(["cargo", "build", "--release", "--message-format=json", *what], cwd=ROOT, check=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return [m["executable"] for m in map(json.loads, done.stdout.splitlines()) if m.get("executable")][-1]


def measure(case, limit, workers):
    """One run: its peak in MiB, its seconds, what it says of itself, and a digest of its result."""
    command = [word.replace("{limit}", str(limit)).replace("{workers}", str(workers)) for word in case["command"]]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        # Until it executes the program, a child has this process's memory, so that must stay small.
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - start
        out.seek(0)
        err.seek(0)
        said, complaint = out.read(), err.read().decode(errors="replace").strip()
    run = {"limit": limit, "workers": workers, "peak": usage.ru_maxrss * 1024 / MIB, "seconds": seconds, "failure": None, "own": {}}
    if child.returncode:
        return {**run, "failure": complaint.splitlines()[0] if complaint else f"exit code {child.returncode}"}
    if case["output"]:
        return {**run, "result": digest(case["output"])}
    run["own"] = json.loads(said)
    return {**run, "result": run["own"]["checksum"]}


def digest(path):
    sha = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(MIB):
            sha.update(block)
    return sha.hexdigest()


def complaints(name, runs):
    for run in runs:
        where = f"{name}, {run['limit']} MiB, {run['workers']} workers"
        if run["failure"]:
            yield f"{where}: {run['failure']}"
        elif run["peak"] > run["limit"] + ALLOWED_BESIDE:
            yield f"{where}: {run['peak']:.0f} MiB are more than the limit and {ALLOWED_BESIDE}"
    if len({run["result"] for run in runs if not run["failure"]}) > 1:
        yield f"{name}: results differ"


def table(results, workers):
    yield (f"Peak resident MiB of the process, seen from outside, and its seconds; allowed are the limit and {ALLOWED_BESIDE} MiB. "
           "*Serial* is what the chosen order needs, in MiB.")
    yield ""
    yield from machine()
    yield ""
    yield "| case | tasks | order | serial | limit | " + " | ".join(f"{n} worker{'s' * (n > 1)}" for n in workers) + " |"
    yield "|---|---|---|---|---|" + "---|" * len(workers)
    for name, runs in results.items():
        for limit in dict.fromkeys(run["limit"] for run in runs):
            row = [run for run in runs if run["limit"] == limit]
            own = row[0]["own"]
            serial = f"{own['serial_peak'] / MIB:.0f}" if own else ""
            peaks = " | ".join(cell(run) for run in row)
            yield f"| {name} | {own.get('tasks', '')} | {own.get('order', '')} | {serial} | {limit} | {peaks} |"


def cell(run):
    if run["failure"]:
        return "**refused**"
    peak = f"{run['peak']:.0f}"
    return f"{peak if run['peak'] <= run['limit'] + ALLOWED_BESIDE else f'**{peak}**'} ({run['seconds']:.1f} s)"


def machine():
    def first(path, key, default):
        with open(path) as f:
            return next((line.split(":", 1)[1].strip() for line in f if line.startswith(key)), default)

    def version(*command):
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    memory = int(first("/proc/meminfo", "MemTotal", "0 kB").split()[0]) / 2**20
    model = first("/proc/cpuinfo", "model name", platform.machine())
    yield f"- {os.cpu_count()} cores, {model}, {memory:.0f} GiB, {platform.system()} {platform.release().split('-')[0]}"
    revision = version("git", "-C", ROOT, "describe", "--always", "--dirty")
    yield f"- {version('rustc', '--version').split(' (')[0]}; {datetime.date.today()}, swath {revision}"


def write(text):
    path = f"{ROOT}/docs/benchmarks.md"
    with open(path) as f:
        before, rest = f.read().split(BEGIN)
    with open(path, "w") as f:
        f.write(f"{before}{BEGIN}\n{text}\n{END}{rest.split(END)[1]}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--scenes", type=os.path.abspath, help="folder of the scene for the lesson, which is left out without it")
    p.add_argument("--only", action="append", help="a part of a case's name, can be repeated; all unless given")
    p.add_argument("--limits", type=int, nargs="+", default=[64, 256, 1024], help="in MiB")
    p.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    p.add_argument("--no-write", action="store_true", help="only print")
    a = p.parse_args()
    results = {}
    with tempfile.TemporaryDirectory() as work:
        for case in cases(a.scenes, work):
            if a.only and not any(part in case["name"] for part in a.only):
                continue
            runs = results[case["name"]] = []
            for limit in a.limits:
                for workers in a.workers:
                    runs.append(measure(case, limit, workers))
                    print(case["name"], {k: v for k, v in runs[-1].items() if k != "own"}, file=sys.stderr)
    text = "\n".join(table(results, a.workers))
    print(text)
    if not a.no_write:
        write(text)
    bad = [complaint for name, runs in results.items() for complaint in complaints(name, runs)]
    sys.exit("\n".join(bad) if bad else 0)


if __name__ == "__main__":
    main()
