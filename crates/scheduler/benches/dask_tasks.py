"""What Dask's threaded scheduler takes for tasks that do nothing: microseconds and bytes a task.

`python dask_tasks.py SHAPE COUNT`, with the shapes of `overhead.rs`, which runs this and prints it beside swath.
Bytes are the resident memory that the graph and its execution add at most; the graph holds no key but its own.
"""

import resource
import sys
import time

import dask.threaded

THREADS = 2


def nothing(*inputs):
    return 0


def flat(count):
    graph = {task: (nothing,) for task in range(count)}
    return graph, list(graph)


def chains(count):
    graph = {task: (nothing,) if task % 4 == 0 else (nothing, task - 1) for task in range(count)}
    return graph, [min(task + 3, count - 1) for task in range(0, count, 4)]


def tree(count):
    leaves = (count + 1) // 2
    graph = {task: (nothing,) for task in range(leaves)}
    graph.update({leaves + inner: (nothing, 2 * inner, 2 * inner + 1) for inner in range(count - leaves)})
    return graph, count - 1


def main():
    shape, count = sys.argv[1], int(sys.argv[2])
    dask.threaded.get({0: (nothing,)}, 0, num_workers=THREADS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    graph, wanted = {"flat": flat, "chains of four": chains, "binary tree": tree}[shape](count)
    start = time.perf_counter()
    dask.threaded.get(graph, wanted, num_workers=THREADS)
    micros = (time.perf_counter() - start) * 1e6 / count
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{micros:.2f} {(after - before) * 1024 / count:.0f}")


if __name__ == "__main__":
    main()
