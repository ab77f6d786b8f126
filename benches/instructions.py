#!/usr/bin/env python3
"""Instructions that decoding takes for each byte of pixels, by whose code they belong to.

    python3 benches/instructions.py [--only TEXT] [--no-write]

Files are those of benches/read.py, smaller. `valgrind --tool=callgrind` counts a program that reads a file once, and one that
reads it twice: the difference is a pass. The table goes to docs/benchmarks.md.

Wants valgrind, NumPy and rasterio.
"""
import argparse
import collections
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lesson
import read

BEGIN, END = "<!-- instructions: begin -->", "<!-- instructions: end -->"
SIDE = 1024
MEMORY = ("memset", "memcpy", "memmove")


def counted(program, path, passes):
    """Instructions by whose they are."""
    with tempfile.NamedTemporaryFile() as out:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", program, path, "--passes", str(passes)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        text = subprocess.run(["callgrind_annotate", "--threshold=100", out.name], check=True, stdout=subprocess.PIPE, text=True).stdout
    owners = collections.Counter()
    for line in text.split("file:function", 1)[1].splitlines():
        count, _, function = line.strip().partition(" (")
        count = count.replace(",", "")
        if count.isdigit():
            owners[owner(function)] += int(count)
    return owners


def owner(function):
    """`Decoder::decompress` is a codec's: those of few lines are inlined there."""
    if any(word in function for word in MEMORY):
        return "memory"
    return "swath" if "swath" in function and "codec::decode" not in function else "codec"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", default="", help="cases that have this in their names")
    p.add_argument("--work", type=os.path.abspath, default=f"{lesson.ROOT}/target/read", help="folder of the files")
    p.add_argument("--no-write", action="store_true", help="leave docs/benchmarks.md alone")
    a = p.parse_args()
    program = lesson.build("-p", "swath-io", "--example", "decode_rate")
    os.makedirs(a.work, exist_ok=True)
    base = read.landscape(SIDE)
    lines = list(lesson.machine([lesson.revision()], subprocess.run(["valgrind", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()))
    lines += ["", "| codec | dtype | instructions a byte | codec | swath | memory |", "|---|---|---|---|---|---|"]
    for codec, dtype, bands, options in read.cases():
        label = read.name(codec, bands, options)
        if a.only not in f"{label}, {dtype}":
            continue
        path = f"{a.work}/small.tif"
        bytes_of = read.write(path, base, codec, dtype, bands, options)
        once, twice = (counted(program, path, passes) for passes in (1, 2))
        owned = {key: (twice[key] - once[key]) / bytes_of for key in ("codec", "swath", "memory")}
        lines.append(f"| {label} | {dtype} | {sum(owned.values()):.2f} | {owned['codec']:.2f} | {owned['swath']:.2f} | {owned['memory']:.2f} |")
        print(lines[-1], file=sys.stderr)
        os.remove(path)
    a.no_write = a.no_write or bool(a.only)
    lesson.finish("\n".join(lines), BEGIN, END, [], a)


if __name__ == "__main__":
    main()
