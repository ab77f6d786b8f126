#!/usr/bin/env python3
"""Hold the lesson over HTTP to what latency, bandwidth and CPU allow, and its requests to what was predicted.

    python3 benches/network.py [--scenes target/scenes] [--size 10980] [--runs 5] [--only LINE] [--resume] [--table]
                               [--no-write] [--check]

The lesson streams on 2 threads from the demo's range server on the same machine. For each line (latency and bandwidth), scene,
compression and with blocks passed through or all computed, a run may take 1.3 times the largest of

- the CPU time of client and server by the number of cores,
- the bytes received by the bandwidth of all connections that the server saw in use at once,
- one latency for each step that has to wait for another: the opens, which are made at once, the classes, and where blocks
  pass through the pixels, for what is fetched depends on the classes then.

At overview 0 there is little to compute, at full resolution more than ten times as much.

The server's CPU time is that of a process of its own for each run, its start included. Requests and bytes are those of the
server's log without those of the opens, which a call that only predicts has made before: equal to what `Run::predict` says
where every block is computed, at most that where blocks pass through, and always what the report of the run says.

Wants Python 3.11 and cargo; to make scenes also what benches/side_by_side/run.py wants. Runs are kept as they are there.
"""
import argparse
import json
import os
import subprocess
import sys
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lesson as common  # noqa: E402
from lesson import CORES, median, quiet  # noqa: E402

BEGIN, END = "<!-- network: begin, written by benches/network.py -->", "<!-- network: end -->"
ALLOWED = 1.3
# (latency in ms, Mbit/s of each connection, 0: no limit)
LINES = {"0ms": (0, 0), "20ms": (20, 0), "50ms": (50, 0), "50ms-100mbit": (50, 100)}
# Clouds of the scene; the few large ones hide whole blocks.
SCENES = (None, "few")
OPENS, OPENING_STEPS = 2, 1


def cases():
    """{label: (clouds, arguments of the program)}"""
    def case(clouds, compress, way, full=False):
        scene = "own clouds" if clouds is None else f"{clouds} large clouds"
        flags = (["--no-passthrough"] if way == "computed" else []) + (["--full"] if full else [])
        label = ", ".join([scene, *(["full resolution"] if full else []), compress, way])
        return label, (clouds, ["--threads", "2", "--stream", "--compress", compress, *flags])

    ways = ("computed", "passed through")
    small = [case(clouds, compress, way) for clouds in SCENES for compress in ("none", "deflate") for way in ways]
    return dict(small + [case(None, "none", way, full=True) for way in ways])


class Server:
    """A range server of its own process, whose CPU time is known when it has ended."""

    def __init__(self, program, folder, line):
        latency, mbit = LINES[line]
        self.child = subprocess.Popen([program, folder, "--latency-ms", str(latency), "--bandwidth-mbit", str(mbit)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.base = self.child.stdout.readline().strip()
        self.cpu = None

    def __enter__(self):
        return self

    def stats(self):
        with urllib.request.urlopen(f"{self.base}/__stats") as reply:
            return json.load(reply)

    def __exit__(self, *_):
        self.child.stdin.close()
        _, self.cpu = common.wait(self.child)
        self.child.stdout.close()


def run(tools, line, label, a):
    """One run: a call that predicts, then one that is measured, each with a server of its own."""
    clouds, arguments = cases()[label]
    folder = f"{a.scenes}/clouds-{clouds}" if clouds else a.scenes
    said, opens, _, _ = call(tools, folder, line, [*arguments, "--predict"], a)
    common.wait_quiet(a.wait)
    watch = common.Watch()
    own, served, cpu, server_cpu = call(tools, folder, line, arguments, a)
    others = watch.others(cpu + server_cpu)
    row = {"wall": own["job"]["wall"], "cpu": cpu, "server_cpu": server_cpu, "served": served, "opens": opens, "others": others,
           "predicted": said["predicted"], "report": own["report"]}
    print(f"{line} {label}: {row['wall']:.3f} s, of {bound(line, label, row)}, others {others:.0%}", file=sys.stderr, flush=True)
    return row


def call(tools, folder, line, arguments, a):
    """What the program prints, the server's counters, and the CPU seconds of both."""
    search, out = f"{a.work}/search.json", f"{a.work}/out.tif"
    with Server(tools["serve"], folder, line) as server:
        common.point_at(folder, server.base, search)
        child = subprocess.Popen([tools["lesson"], search, out, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        text = child.stdout.read()
        child.stdout.close()
        code, cpu = common.wait(child)
        if code != 0:
            sys.exit(f"{line}: exit code {code}; {child.args}")
        stats = server.stats()
    if os.path.exists(out):
        os.remove(out)
    return json.loads(text.splitlines()[-1]), stats, cpu, server.cpu


def steps(label):
    return OPENING_STEPS + (2 if label.endswith("passed through") else 1)


def bounds(line, label, row):
    """Seconds that a run takes at least, by cause."""
    latency, mbit = LINES[line]
    rate = mbit * 1e6 / 8 * row["served"]["peak_in_flight"]
    return {
        "CPU": (row["cpu"] + row["server_cpu"]) / CORES,
        "bandwidth": row["served"]["bytes"] / rate if mbit else 0.0,
        "latency": latency / 1e3 * steps(label),
    }


def bound(line, label, row):
    """The largest of them and its cause: `0.200 (latency)`."""
    cause, least = max(bounds(line, label, row).items(), key=lambda item: item[1])
    return f"{least:.3f} ({cause})"


def ratio(line, label, row):
    return row["wall"] / max(bounds(line, label, row).values())


def fetched(row):
    """(requests, bytes) that the server saw after the opens."""
    return tuple(row["served"][what] - row["opens"][what] for what in ("requests", "bytes"))


def complaints(line, label, rows):
    """What is wrong with the runs of a case."""
    took = median(rows, lambda row: ratio(line, label, row))
    if took > ALLOWED:
        yield f"{line}, {label}: {took:.2f} times the bound, more than {ALLOWED}"
    for row in rows:
        predicted, report = (tuple(row[of][what] for what in ("requests", "bytes")) for of in ("predicted", "report"))
        log = fetched(row)
        if row["opens"]["requests"] != OPENS:
            yield f"{line}, {label}: {row['opens']['requests']} requests to open {OPENS} files"
        if log != report:
            yield f"{line}, {label}: the server saw {log} requests and bytes, the report says {report}"
        if label.endswith("computed") and log != predicted:
            yield f"{line}, {label}: the server saw {log} requests and bytes, predicted were {predicted}"
        if any(seen > at_most for seen, at_most in zip(log, predicted)):
            yield f"{line}, {label}: the server saw {log} requests and bytes, predicted were at most {predicted}"
        if report_blocks(row) != row["predicted"]["blocks"]:
            yield f"{line}, {label}: {report_blocks(row)} blocks decoded, copied or skipped of {row['predicted']['blocks']} predicted"
        if "few" in label and label.endswith("passed through") and row["report"]["skipped"] == 0:
            yield f"{line}, {label}: no block was skipped"


def report_blocks(row):
    return sum(row["report"][what] for what in ("blocks", "copied", "skipped"))


def tables(results, a):
    yield (f"Medians of {a.runs} runs; scene of {a.size}², the lesson at overview 0 but where full resolution is said. *Least* is the largest of the three bounds, "
           f"with its cause; a run may take {ALLOWED} times as long.")
    yield "*All three* is their sum: what a run takes that has nothing to compute before the last reply comes."
    yield "Requests and MB are the server's, those of the two opens apart; *predicted* is what `Run::predict` had said."
    yield ""
    yield from common.machine(common.revisions(results))
    for line, rows in results.items():
        latency, mbit = LINES[line]
        yield f"\n### {latency} ms per request{f' and {mbit} Mbit/s per connection' if mbit else ''}\n"
        yield ("| scene, output, blocks | job, s | least, s | job / least | all three, s | CPU of client, server, s | at once | requests | predicted "
               "| MB | predicted | blocks skipped | others |")
        yield "|---|" + "---|" * 12
        for label, r in rows.items():
            yield "| " + " | ".join(cells(line, label, r)) + " |"


def cells(line, label, rows):
    first, took = rows[0], median(rows, lambda row: ratio(line, label, row))
    middle = min(rows, key=lambda row: abs(ratio(line, label, row) - took))
    (requests, received), predicted = fetched(first), first["predicted"]
    at_most = "" if label.endswith("computed") else "≤ "
    return [
        label, f"{median(rows, lambda row: row['wall']):.3f}", bound(line, label, middle),
        f"{took:.2f}" if took <= ALLOWED else f"**{took:.2f}**",
        f"{median(rows, lambda row: sum(bounds(line, label, row).values())):.3f}",
        f"{median(rows, lambda row: row['cpu']):.2f}, {median(rows, lambda row: row['server_cpu']):.2f}",
        str(first["served"]["peak_in_flight"]), str(requests), f"{at_most}{predicted['requests']}",
        f"{received / 1e6:.3f}", f"{at_most}{predicted['bytes'] / 1e6:.3f}",
        f"{first['report']['skipped']} of {predicted['blocks']}", f"{max(row['others'] for row in rows):.0%}",
    ]


def measure(line, a, tools, runs):
    for number in range(2 * a.runs):
        for label in cases():
            have = runs.of(line).get(label, [])
            if len(have) <= number and sum(row["others"] <= a.busy for row in have) < a.runs:
                runs.add(line, label, run(tools, line, label, a))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.options(p, "network", LINES)
    a = p.parse_args()
    runs = common.Runs(a.work, LINES)
    if not a.table:
        tools = {"lesson": common.build("--example", "bench_lesson"), "serve": common.build("-p", "swath-demo", "--example", "serve")}
        common.make_scene(a.scenes, a.size)
        for clouds in filter(None, SCENES):
            common.warm(common.make_clouds(a.scenes, a.size, clouds))
        common.warm(a.scenes)
        for line in a.only or LINES:
            if not a.resume:
                runs.clear(line)
            measure(line, a, tools, runs)
    results = {line: {label: quiet(r, a) for label, r in rows.items()} for line, rows in runs.all().items()}
    missed = [text for line, rows in results.items() for label, r in rows.items() for text in dict.fromkeys(complaints(line, label, r))]
    missed += [f"{line}: not measured" for line in LINES if line not in results]
    common.finish("\n".join(tables(results, a)), BEGIN, END, missed, a)


if __name__ == "__main__":
    main()
