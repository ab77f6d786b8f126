"""What the scripts that measure the lesson share: programs, scenes, the machine, markers in docs/benchmarks.md.

Keeps to Python's standard library and small: until it executes a program, a child has the memory of its parent.
"""
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BASELINE = os.path.abspath(os.environ.get("SWATH_BASELINE", os.path.join(ROOT, "../shared/baseline")))
CORES = os.cpu_count()
# Scenes with clouds of other sizes, as clouds.py makes them.
CLOUDS = {"few": ["--exponent", "3.0", "--zoom", "4"], "many": ["--exponent", "1.2"]}


def need_baseline():
    if not os.path.exists(f"{BASELINE}/pipeline.py"):
        sys.exit(f"no baseline programs in {BASELINE}; name their folder in SWATH_BASELINE")


def build(*what):
    """The path of the program that cargo makes."""
    done = subprocess.run(["cargo", "build", "--release", "--message-format=json", *what], cwd=ROOT, check=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return [m["executable"] for m in map(json.loads, done.stdout.splitlines()) if m.get("executable")][-1]


def make_scene(folder, size):
    """The scene of the baseline programs, unless it is there."""
    def make():
        print(f"making a scene of {size} x {size} in {folder}", file=sys.stderr)
        subprocess.run([sys.executable, f"{BASELINE}/make_scene.py", folder, "--size", str(size)], check=True, stdout=sys.stderr)

    once(f"{folder}/size", str(size), make)


def make_clouds(folder, size, kind):
    """The folder of the same scene with few large or many scattered clouds."""
    out = f"{os.path.abspath(folder)}/clouds-{kind}"
    script = f"{ROOT}/benches/side_by_side/clouds.py"

    def make():
        subprocess.run([sys.executable, script, folder, out, *CLOUDS[kind]], check=True, stdout=sys.stderr)

    once(f"{out}/size", " ".join([str(size), *CLOUDS[kind]]), make)
    return out


def once(stamp, text, make):
    """Makes something, unless its stamp says that it is there; the stamp is written last."""
    if os.path.exists(stamp) and open(stamp).read() == text:
        return
    make()
    with open(stamp, "w") as f:
        f.write(text)


def point_at(scenes, base, path):
    """Writes a STAC document whose assets lie under `base`, a URL or a folder; without /vsicurl/, as a user has it."""
    with open(f"{scenes}/search.json") as f:
        search = json.load(f)
    for feature in search["features"]:
        for key, asset in feature["assets"].items():
            asset["href"] = f"{base}/{feature['id']}/{key}.tif"
    with open(path, "w") as f:
        json.dump(search, f)


def files(scenes):
    """The class layer and the image that the lesson reads."""
    with open(f"{scenes}/search.json") as f:
        item = json.load(f)["features"][-1]["id"]
    return f"{scenes}/{item}/SCL.tif", f"{scenes}/{item}/visual.tif"


def warm(scenes):
    """Brings what the lesson reads into the page cache."""
    for path in files(scenes):
        with open(path, "rb") as f:
            while f.read(1 << 24):
                pass


def run(command, wait_seconds):
    """One run of a program whose last line is JSON: that, and what others had of the machine meanwhile."""
    wait_quiet(wait_seconds)
    watch = Watch()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    text = child.stdout.read()
    child.stdout.close()
    code, cpu = wait(child)
    others = watch.others(cpu)
    if code != 0:
        sys.exit(f"exit code {code}; {command}")
    return {"own": json.loads(text.splitlines()[-1]), "cpu": cpu, "others": others}


def wait(child):
    """Exit code and CPU seconds of a process."""
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode, usage.ru_utime + usage.ru_stime


class Watch:
    """What the machine does beside us, from now on."""

    def __init__(self):
        self.spent, self.start = self.busy(), time.monotonic()

    def others(self, ours):
        """The share of the CPU time since then that was not among `ours`, in seconds."""
        wall = time.monotonic() - self.start
        return max(0.0, self.busy() - self.spent - ours) / wall / CORES

    @staticmethod
    def busy():
        """CPU seconds that the whole machine has spent not idle."""
        with open("/proc/stat") as f:
            ticks = [int(field) for field in f.readline().split()[1:9]]
        return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def wait_quiet(seconds):
    """Until others leave the machine alone, so many seconds at most."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        watch = Watch()
        time.sleep(0.25)
        if watch.others(0) < 0.05:
            return


class Runs:
    """Runs by part and label, kept in a folder from call to call: JSON lines, a file a part."""

    def __init__(self, work, parts):
        self.work, self.parts = work, parts
        os.makedirs(work, exist_ok=True)

    def path(self, part):
        return f"{self.work}/{part}.jsonl"

    def clear(self, part):
        if os.path.exists(self.path(part)):
            os.remove(self.path(part))

    def add(self, part, label, row):
        with open(self.path(part), "a") as f:
            f.write(json.dumps({"label": label, "swath": revision(), **row}) + "\n")

    def of(self, part):
        """{label: [row]}"""
        rows = {}
        if os.path.exists(self.path(part)):
            with open(self.path(part)) as f:
                for row in map(json.loads, f):
                    rows.setdefault(row["label"], []).append(row)
        return rows

    def all(self):
        """{part: {label: [row]}} of the parts that have been measured, now or before."""
        return {part: rows for part in self.parts if (rows := self.of(part))}


def options(p, work, parts):
    """The options that all these scripts have."""
    p.add_argument("--scenes", type=os.path.abspath, default=f"{ROOT}/target/scenes")
    p.add_argument("--work", type=os.path.abspath, default=f"{ROOT}/target/{work}", help="folder in which runs are kept")
    p.add_argument("--size", type=int, default=10980, help="10 m pixels a side")
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--wait", type=float, default=20, help="seconds to wait for a quiet machine before each run")
    p.add_argument("--busy", type=float, default=0.1, help="share of the CPU time that others may have in a run that counts")
    p.add_argument("--only", choices=parts, action="append", help="a part, can be repeated; all unless given")
    p.add_argument("--resume", action="store_true", help="go on with the runs that are in the work folder")
    p.add_argument("--table", action="store_true", help="measure nothing: tables of the runs that are in the work folder")
    p.add_argument("--no-write", action="store_true", help="only print")
    p.add_argument("--check", action="store_true", help="fail if a target is missed")


def quiet(rows, a):
    """The --runs least disturbed ones."""
    return sorted(rows, key=lambda row: row["others"])[: a.runs]


def median(rows, get):
    values = [get(row) for row in rows]
    return None if None in values else statistics.median(values)


def version(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def revision():
    return version("git", "-C", ROOT, "describe", "--always", "--dirty")


def machine(revisions, *more):
    """Lines about the machine, the programs (`more`) and the revisions that were measured."""
    def first(path, key, default):
        with open(path) as f:
            return next((line.split(":", 1)[1].strip() for line in f if line.startswith(key)), default)

    memory = int(first("/proc/meminfo", "MemTotal", "0 kB").split()[0]) / 2**20
    model = first("/proc/cpuinfo", "model name", platform.machine())
    yield f"- {CORES} cores, {model}, {memory:.0f} GiB, {platform.system()} {platform.release().split('-')[0]}"
    yield f"- {'; '.join([version('rustc', '--version').split(' (')[0], *more])}"
    yield f"- {datetime.date.today()}, swath {', '.join(revisions)}"
    yield ""


def revisions(results):
    return list(dict.fromkeys(row["swath"] for rows in results.values() for r in rows.values() for row in r))


def write(text, begin, end):
    """Puts text between two markers of docs/benchmarks.md."""
    path = f"{ROOT}/docs/benchmarks.md"
    with open(path) as f:
        before, rest = f.read().split(begin)
    with open(path, "w") as f:
        f.write(f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}")


def in_turns(a, runs, jobs, out):
    """Runs the programs of each job in turns, `a.runs` times: `jobs` gives a job and {program: command}, `out` the file that
    a program writes, or nothing where it writes none."""
    for job, programs in jobs:
        if a.only and job not in a.only:
            continue
        if not a.resume:
            runs.clear(job)
        for _ in range(a.runs):
            for program, command in programs.items():
                row = program_run(command, out(program), a.wait)
                print(f"{job}, {program}: {json.dumps(row)}", file=sys.stderr)
                runs.add(job, program, row)


def program_run(command, out, wait_seconds):
    """One run of a program that may write a file: seconds, peak and size in MiB; of one that measures a loop of its own, and
    says so in its last line, the seconds are the loop's."""
    if out:
        # To replace a file takes the file system a moment, which is nobody's here.
        pathlib.Path(out).unlink(missing_ok=True)
    wait_quiet(wait_seconds)
    watch, start = Watch(), time.monotonic()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    said = child.stdout.read()
    child.stdout.close()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"exit code {child.returncode}: {' '.join(command)}")
    cpu = usage.ru_utime + usage.ru_stime
    row = {"wall": wall, "cpu": cpu, "peak": usage.ru_maxrss / 1024, "others": watch.others(cpu)}
    if "codec_floor" in command[0]:
        # Files are read before its loop begins.
        row.update(json.loads(said.splitlines()[-1])["job"])
    if out and os.path.exists(out):
        row["size"] = os.path.getsize(out) / 2**20
    return row


def finish(text, begin, end, missed, a):
    print(text)
    if not a.no_write:
        write(text, begin, end)
    for what in missed:
        print(f"missed: {what}", file=sys.stderr)
    sys.exit(1 if getattr(a, "check", False) and missed else 0)
