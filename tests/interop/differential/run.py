#!/usr/bin/env python3
"""Check random expressions against what docs/semantics.md says they are, computed by NumPy and Python's integers.

    python tests/interop/differential/run.py [--count 2000] [--seed 1] [--work target/differential]

Wants numpy and rasterio of requirements.txt. SWATH names the command to check; without it, it is built. Expressions that
are refused do not count, but must be those that the documentation refuses. What fails is made smaller, and its files stay.
The last line is `N passed, N failed`.
"""
import argparse
import itertools
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import traceback
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import rasterio

from draw import Draw
from model import DTYPES, Raster, Rejected, same
from operations import NUMBERS, OPERATIONS
from windows import STATISTICS
from world import Node, Unsuitable, World

ROOT = os.path.abspath(f"{os.path.dirname(os.path.abspath(__file__))}/../../..")
COUNT, LEAST = 2000, 20
FAILURES_MAX = 20
SHARE_KEPT = 0.1  # of operations that are drawn and to be refused; others are drawn in the place of the rest
WORLD = 25  # expressions that share files
SETTINGS = [[], ["--threads", "1"], ["--threads", "2"], ["--threads", "3"], ["--serial"], ["--memory", "64M"],
            ["--no-passthrough"]]


def build():
    done = subprocess.run(["cargo", "build", "--locked", "--release", "-p", "swath-cli", "--message-format=json"], cwd=ROOT,
                          check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    return [m["executable"] for m in map(json.loads, done.stdout.splitlines()) if m.get("executable")][-1]


# What is expected, and what there is.

def expected(node):
    """What the reference gives, or the rule by which it refuses."""
    try:
        return node.value
    except Rejected as refused:
        return refused


def is_failing(wanted):
    """Whether pixels make a run fail."""
    return wanted is None or isinstance(wanted, Raster) and wanted.fails is not None and bool(wanted.fails.any())


def run(swath, node, out, settings):
    """Whether the command refused, failed or did what it was asked for; and what it said."""
    is_number = node.operation in NUMBERS
    inputs = [f"{name}={told.path}" for name, told in node.inputs.items()]
    command = [swath, "calc", str(node), *inputs, "--quiet", *settings, *(["--json"] if is_number else ["-o", out])]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    if done.returncode == 0:
        return "done", done.stdout
    # What is refused has a place in the expression.
    is_refused = done.returncode in (1, 2) and re.search(r"\bcolumn \d+: ", done.stderr.splitlines()[0])
    return "refused" if is_refused else "failed" if done.returncode == 1 else "crashed", done.stderr.strip()[:300]


def difference(swath, node, out, settings):
    """How swath differs from the reference; nothing where it does not."""
    wanted = expected(node)
    outcome, said = run(swath, node, out, settings)
    if isinstance(wanted, Rejected):
        return None if outcome == "refused" else f"{outcome}, but is to be refused: {wanted}"
    if is_failing(wanted):
        # What intervals decide is not computed, nor what only that needs.
        may_succeed = any(isinstance(one.value, Raster) and one.value.is_decided for one in node.all())
        return None if outcome == "failed" or may_succeed else f"{outcome}, but pixels are to make it fail"
    if outcome != "done":
        return f"{outcome}: {said}"
    if node.operation in NUMBERS:
        return different_numbers(json.loads(said), wanted)
    return different_rasters(out, wanted)


def different_numbers(got, wanted):
    if isinstance(got, dict):
        # More is told than the reference knows.
        got = [{key: band[key] for key in told} for band, told in zip(got["bands"], wanted, strict=True)]
    pairs = list(zip(flat(got), flat(wanted), strict=True))
    wrong = [f"{a}, not {b}" for a, b in pairs if not is_same_number(a, b)]
    return "; ".join(wrong[:5]) or None


def flat(value):
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value)]
    if isinstance(value, list):
        return [leaf for one in value for leaf in flat(one)]
    return [value]


def is_same_number(got, wanted):
    if got is None or wanted is None:
        return got is wanted
    if isinstance(got, str):
        got = float(got) if re.search("nan|inf", got) else int(got)
    return got == wanted or got != got and wanted != wanted


def different_rasters(path, wanted):
    with rasterio.open(path) as f:
        got, dtypes, transform, crs = f.read(), set(f.dtypes), f.transform, f.crs
    of_file = np.dtype(DTYPES[wanted.dtype] if wanted.dtype != "bool" else np.uint8)
    if dtypes != {of_file.name}:
        return f"dtype {', '.join(dtypes)}, not {of_file.name}"
    if got.shape != wanted.pixels.shape:
        return f"shape {got.shape}, not {wanted.pixels.shape}"
    nodata = nodata_of(path)
    if nodata != wanted.nodata and not same(nodata, wanted.nodata):
        return f"nodata {nodata}, not {wanted.nodata}"
    grid = wanted.grid
    if (crs is not None) != (grid is not None):
        return f"CRS {crs}, not that of {grid}"
    if grid and not np.allclose(transform[:6], (grid.width, 0, grid.left, 0, -grid.height, grid.top), rtol=1e-12, atol=1e-6):
        return f"transform {tuple(transform)[:6]}, not {grid}"
    return different_pixels(got, wanted)


def different_pixels(got, wanted):
    pixels = wanted.pixels.astype(got.dtype)
    is_same = got == pixels
    if got.dtype.kind == "f":
        is_same |= np.isnan(got) & np.isnan(pixels)
        if wanted.slack is not None:
            with np.errstate(all="ignore"):
                is_same |= np.abs(got.astype(np.longdouble) - pixels) <= wanted.slack
    if is_same.all():
        return None
    first = tuple(map(int, np.argwhere(~is_same)[0]))
    return f"{(~is_same).sum()} of {got.size} pixels differ, first {first}: {got[first]!r}, not {pixels[first]!r}"


def nodata_of(path):
    """The text of GDAL's tag as a number; rasterio has it as a double, which holds not all integers of 64 bits."""
    with open(path, "rb") as f:
        data = f.read()
    (first,) = struct.unpack_from("<I", data, 4)
    for entry in range(struct.unpack_from("<H", data, first)[0]):
        tag, _, count, at = struct.unpack_from("<HHII", data, first + 2 + 12 * entry)
        if tag == 42113:
            at = at if count > 4 else first + 2 + 12 * entry + 8
            text = data[at:at + count].rstrip(b"\0 ").decode()
            return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
    return None


# Making what fails smaller.

def smaller(node):
    """Trees in which one node gives way to one of those below it."""
    if node.children:
        yield from (below for child in node.children for below in child.all())
    for index, child in enumerate(node.arguments):
        if isinstance(child, Node):
            for other in smaller(child):
                yield Node(node.operation, [*node.arguments[:index], other, *node.arguments[index + 1:]])


def shrunk(node, fails, tries=400):
    left = itertools.repeat(None, tries)
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for other in sorted(smaller(node), key=lambda tree: len(list(tree.all()))):
            if next(left, False) is False:
                return node
            try:
                if other.inputs and fails(other):
                    node, is_smaller = other, True
                    break
            except Exception:  # a tree that has no meaning, such as a condition that is none
                continue
    return node


# The test.

class Test:
    def __init__(self, a):
        self.swath = os.environ.get("SWATH") or build()
        self.work, self.seed, self.count, self.reject = os.path.abspath(a.work), a.seed, a.count, SHARE_KEPT
        self.drawn, self.operations = Counter(), Counter()
        self.dtypes = {"inputs": Counter(), "results": Counter()}
        self.depths, self.refused, self.shapes = Counter(), Counter(), Counter()
        self.evaluated, self.failing, self.failures = 0, 0, []
        shutil.rmtree(self.work, ignore_errors=True)

    def cases(self, number):
        """The expressions of a world, each with its place for a result and its settings."""
        rng = np.random.default_rng([self.seed, number])
        world = World(rng, f"{self.work}/{number}")
        for index in range(WORLD):
            try:
                tree = Draw(rng, world, self.drawn, self.reject).tree()
            except Unsuitable:
                continue
            if not tree.arguments:
                continue
            for told in tree.inputs.values():
                told.write()
            self.drawn.update(node.operation.name for node in tree.all())
            yield tree, f"{world.folder}/out-{index}.tif", SETTINGS[rng.integers(len(SETTINGS))]

    def check(self, case):
        tree, out, settings = case
        try:
            return difference(self.swath, tree, out, settings)
        except Exception:  # whatever it is, the other expressions go on
            return traceback.format_exc()
        finally:
            if os.path.exists(out):
                os.remove(out)

    def note(self, case, wrong):
        tree, out, settings = case
        if wrong:
            self.failures.append(self.report(case, wrong))
            print(self.failures[-1], flush=True)
        wanted = expected(tree)
        if isinstance(wanted, Rejected):
            self.refused[str(wanted)] += 1
            return
        self.evaluated += 1
        self.depths[tree.depth] += 1
        for node in tree.all():
            value = node.value
            if node.arguments:
                self.operations[node.operation.name] += 1
            if isinstance(value, Raster):
                self.dtypes["results" if node.arguments else "inputs"][value.dtype] += 1
            # No file is bool: an operand of an operation counts as an input.
            self.dtypes["inputs"]["bool"] += sum(child.value.dtype == "bool" for child in node.children)
            if not node.arguments:
                self.shapes["x".join(map(str, value.pixels.shape[1:]))] += 1
        self.failing += is_failing(wanted)

    def report(self, case, wrong):
        tree, out, settings = case
        least = shrunk(tree, lambda other: self.check((other, out, settings)) is not None)
        inputs = [f"{name}={told.path}" for name, told in least.inputs.items()]
        known = [f"    {name}: {r.dtype}, nodata {r.nodata}, shape {r.pixels.shape}, grid {r.grid}"
                 for name, r in ((name, told.raster) for name, told in least.inputs.items())]
        return "\n".join([f"FAILED (seed {self.seed}): {tree}", f"    {wrong}", f"    smaller: {least}",
                          f"    {self.check((least, out, settings))}", f"    with {' '.join([*inputs, *settings])}", *known])

    def run(self):
        with ThreadPoolExecutor(2) as pool:
            for number in itertools.count():
                cases = list(self.cases(number))
                for case, wrong in zip(cases, pool.map(self.check, cases)):
                    self.note(case, wrong)
                kept = f"{self.work}/{number}"
                if not any(kept + "/" in failure for failure in self.failures):
                    shutil.rmtree(kept, ignore_errors=True)
                is_enough = self.evaluated >= self.count and not self.seldom() or self.evaluated >= 2 * self.count
                if is_enough or len(self.failures) >= FAILURES_MAX:
                    return

    def seldom(self):
        """What was evaluated less often than it is to be, in a run that is long enough."""
        if self.count < COUNT:
            return []
        names = [operation.name for operation in OPERATIONS + NUMBERS if self.operations[operation.name] < LEAST]
        return names + [f"{dtype} of {kind}" for kind, counts in self.dtypes.items()
                        for dtype in DTYPES if counts[dtype] < LEAST]


def words_of_help(swath):
    """Functions, statistics of windows and operators of which the help tells."""
    text = subprocess.run([swath, "calc", "--help"], capture_output=True, text=True, check=True).stdout
    language = text[text.index("Functions:\n"):]
    functions = re.findall(r"^  (\w+)\(.*\)$", language, re.M)
    about = re.search(r"^  coarsen\(.*?: their (.*?);", language, re.M | re.S).group(1)
    along = re.search(r"^  over\(.*?; (\w+) and (\w+)\s+tell\b", language, re.M | re.S).groups()
    statistics = [*re.findall(r"\w+", about.replace(" or ", " ")), *along]
    overlaps = re.search(r"^  mosaic\(.*?([\w|]+)\)$", language, re.M).group(1).split("|")
    operators = re.search(r"Operators, the tightest first: (.*?)\. As", language, re.S).group(1)
    operators = operators.replace("x[0], the first band", "[]").replace(" before a raster", "").replace("~ or !", "~ !")
    return functions, statistics, overlaps, operators.replace(";", " ").split()


def uncovered(swath):
    functions, statistics, overlaps, operators = words_of_help(swath)
    counts = [len(words) for words in (functions, statistics, overlaps, operators)]
    assert all(np.greater(counts, [60, 15, 5, 15])), "the help has changed its form"
    known = {operation.word for operation in OPERATIONS + NUMBERS}
    unknown = [word for word in [*functions, *operators] if word not in known]
    names = {operation.name for operation in OPERATIONS}
    unknown += [f"mosaic {word}" for word in overlaps if f"mosaic {word}" not in names]
    return unknown + [word for word in statistics if word not in STATISTICS]


def table(test):
    """What was evaluated, and what was refused."""
    failing = f"of which {test.failing} fail at a pixel as they are to"
    print(f"evaluated {test.evaluated}, {failing}; refused {test.refused.total()}, which do not count")
    print("depths: " + ", ".join(f"{depth}: {test.depths[depth]}" for depth in sorted(test.depths)))
    print("shapes: " + ", ".join(f"{shape} {count}" for shape, count in test.shapes.most_common(12)))
    for kind, counts in test.dtypes.items():
        print(f"dtypes of {kind}: " + ", ".join(f"{dtype} {counts[dtype]}" for dtype in DTYPES))
    counts = [f"{operation.name} {test.operations[operation.name]}" for operation in OPERATIONS + NUMBERS]
    print("operations:")
    for first in range(0, len(counts), 5):
        print("  " + "".join(f"{cell:<26}" for cell in counts[first:first + 5]).rstrip())
    print("refused:")
    for rule, count in test.refused.most_common():
        print(f"  {count:5} {rule}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--work", default=f"{ROOT}/target/differential")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--count", type=int, default=COUNT, help="expressions to evaluate; refused ones do not count")
    a = p.parse_args()
    warnings.filterwarnings("ignore", category=rasterio.errors.NotGeoreferencedWarning)
    test = Test(a)
    missing = uncovered(test.swath)
    test.run()
    table(test)
    complaints = [f"{word} is of the language, and is not drawn" for word in missing]
    complaints += [f"{name} was evaluated less than {LEAST} times" for name in test.seldom()]
    for complaint in complaints:
        print(f"FAILED: {complaint}")
    failed = len(test.failures) + len(complaints)
    print(f"{test.evaluated + test.refused.total() - len(test.failures)} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
