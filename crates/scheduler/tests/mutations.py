"""Breaks the scheduler on purpose, one rule at a time, and requires that a test notices.

`python3 crates/scheduler/tests/mutations.py [NAME ...]`: all mutations, or those whose names contain a word given.
Prints which test killed each; fails if one survives. A run that takes too long counts as killed by its hang.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CRATE = Path(__file__).resolve().parents[1]
# A mutation hangs if its tests take so many times as long as the unmutated ones, and as many seconds.
PATIENCE, SECONDS_MIN = 5, 10

# Name, file, the text to find, which occurs once, and what stands in its place.
MUTATIONS = [
    ("no admission", "state/budget.rs", "is_some_and(|ahead| ahead <= self.ordinary)", "is_some()"),
    ("the budget is not filled", "state/budget.rs", "ahead <= self.ordinary", "ahead < self.ordinary"),
    ("all that lives counts as ahead", "state/mod.rs", "self.budget.catch_up(*bytes);", "let _ = bytes;"),
    ("the lowest counts as ahead", "state/mod.rs", "self.budget.take(bytes, task.0 > self.lowest);", "self.budget.take(bytes, true);"),
    ("no forced head", "state/mod.rs", "task.0 != self.lowest && !self", "!self"),
    ("the head is forced too early", "state/mod.rs", "task.0 != self.lowest &&", "task.0 > self.lowest + 1 &&"),
    ("a start takes nothing", "state/mod.rs", "        self.take(task, bytes);\n        match", "        match"),
    (
        "inputs' bytes are kept",
        "state/mod.rs",
        "        self.give_back(task);\n        commands.push(Command::Free(task));",
        "        commands.push(Command::Free(task));",
    ),
    ("scratch is kept", "state/mod.rs", "        self.give_back(task);\n        self.settled", "        self.settled"),
    ("what was given back is ahead", "state/mod.rs", "std::mem::take(&mut self.held[task.index()])", "self.held[task.index()]"),
    (
        "bytes are given back twice",
        "state/mod.rs",
        "        self.give_back(task);\n        commands.push(Command::Free(task));",
        "        let twice = self.held[task.index()];\n        self.give_back(task);\n"
        "        self.budget.give_back(twice, false);\n        commands.push(Command::Free(task));",
    ),
    ("values are not freed", "state/mod.rs", "        if *users == 0 {\n", "        if *users == u32::MAX {\n"),
    ("values are freed with the first user", "state/mod.rs", "        if *users == 0 {\n", "        if *users < 2 {\n"),
    ("unused values are kept", "state/mod.rs", "if self.counts[task.index()] == 0 && !self", "if false && !self"),
    ("the estimate is not replaced", "state/mod.rs", "self.take(task, bytes);\n        for", "self.held[task.index()] = bytes;\n        for"),
    ("a start before its inputs", "state/mod.rs", "if *missing > 0 {", "if *missing > 1 {"),
    ("no limit of workers", "state/mod.rs", "self.jobs < self.jobs_max", "self.jobs_max > 0"),
    ("one worker too many", "state/mod.rs", "self.jobs < self.jobs_max", "self.jobs <= self.jobs_max"),
    ("no limit of I/O", "state/mod.rs", "self.io_in_flight < self.io_in_flight_max", "true"),
    ("I/O never ends", "state/mod.rs", "Lane::Io => self.io_in_flight -= 1,", "Lane::Io => {}"),
    ("an appetite only grows", "state/mod.rs", "self.jobs_max - before + now", "self.jobs_max.max(now) + before.min(0)"),
    ("delivery out of order", "state/mod.rs", "self.lowest == task.0 && self.settled", "self.settled"),
    ("deliveries at once", "state/mod.rs", "if due && !self.delivering &&", "if due &&"),
    ("delivery without a worker", "state/mod.rs", "!self.delivering && self.has_room(Lane::Cpu)", "!self.delivering"),
    ("delivery after execution", "state/mod.rs",
     "            self.start_delivery(commands);\n            self.admit(successor, commands);",
     "            self.admit(successor, commands);\n            self.start_delivery(commands);"),
    ("the highest failure stops", "state/mod.rs", "self.bound.min(task.0)", "task.0"),
    ("a failure stops nothing", "state/mod.rs", "self.bound = self.bound.min(task.0);", ""),
    ("the highest failure is told", "outcome.rs", "Some((holder, _)) => task < *holder", "Some((holder, _)) => task > *holder"),
    ("a panic does not explain a lost reply", "outcome.rs", "task <= *holder", "task < *holder"),
    ("later tasks overtake a refused one", "state/mod.rs", "            *horizon = task.0;\n", ""),
    ("roots before inner tasks", "state/mod.rs",
     "        self.start_from(Queue::EagerInner, &[Queue::CpuInner], &mut horizon, commands);\n"
     "        let roots = [Queue::CpuRoot, Queue::IoInner, Queue::IoRoot];\n"
     "        self.start_from(Queue::EagerRoot, &roots, &mut horizon, commands);\n",
     "        let roots = [Queue::CpuRoot, Queue::IoInner, Queue::IoRoot];\n"
     "        self.start_from(Queue::EagerRoot, &roots, &mut horizon, commands);\n"
     "        self.start_from(Queue::EagerInner, &[Queue::CpuInner], &mut horizon, commands);\n"),
    ("nothing is eager", "graph.rs", "self.specs.set_leads_to_io(index);", ""),
    ("eager by one step only", "graph.rs", "self.specs.leads_to_io(dependent) || self", "self"),
    ("the eager are not preferred", "state/mod.rs", "other < eager.0 && !self.fits_beside(eager.0, others)", "other < eager.0"),
    ("eager tasks take awaited memory", "state/mod.rs", "other < eager.0 && !self.fits_beside(eager.0, others)", "false && other < eager.0"),
    ("a successor goes before the eager", "state/mod.rs", "self.is_next(task) && self.has_room", "self.has_room"),
    ("the successor is not preferred", "state/mod.rs", "if successor.is_none() && self", "if false && self"),
    ("cancel is ignored", "state/mod.rs", "self.cancelled = !self.is_settled()", "self.cancelled = false"),
    ("a cancel after the end counts", "state/mod.rs", "self.cancelled = !self.is_settled()", "self.cancelled = true"),
    ("workers do not see the cancel", "pool.rs", "self.over.load(Ordering::Acquire) || self.control.cancel.is_cancelled()", "self.over.load(Ordering::Acquire)"),
    ("the state is not told of the cancel", "pool.rs", "if self.control.cancel.is_cancelled() {\n            state", "if false {\n            state"),
    ("what is not reported is out of reach", "desk.rs", "papers.jobs.is_empty() && papers.events.is_empty()", "papers.jobs.is_empty()"),
    ("nobody takes what is not reported", "desk.rs", "        events.append(&mut papers.events);\n        first", "        first"),
    ("nobody takes jobs from a desk", "desk.rs", "let half = papers.jobs.len().div_ceil(2);", "let half = 0;"),
    ("what is finished is never reported", "desk.rs", "if next.is_none() || report() {", "if report() {"),
    ("deliveries wait behind executions", "desk.rs", "papers.jobs.push_front(job)", "papers.jobs.push_back(job)"),
    ("handfuls of long tasks", "pace.rs", ".clamp(1, TASKS_MAX.min(self.tasks * 2))", ".clamp(TASKS_MAX, TASKS_MAX)"),
    ("deliveries are reported late", "pool.rs", "matches!(event, Event::Computed { .. })", "!matches!(event, Event::Failed { .. })"),
    ("failures are reported late", "pool.rs", "!is_value || is_due", "is_due"),
    ("nobody is woken for a job", "pool.rs", "self.bell.ring(shared);", ""),
    ("nobody is woken for a reply", "inbox.rs", "        self.bell.ring(1);\n", ""),
    ("nobody is woken for the end", "pool.rs", "        self.bell.ring_all();\n", ""),
    ("inputs outlive their last user", "pool.rs", "            inputs.clear();\n            value\n        });\n        inputs.clear();\n", "            value\n        });\n"),
    ("the last user does not own", "slots.rs", "if others > 0 {", "if others < u32::MAX {"),
    ("a begin keeps its inputs", "pool.rs", "            Ok(())\n        });\n        inputs.clear();\n", "            Ok(())\n        });\n"),
    ("a lost reply is not answered", "work.rs", "        self.answer(Err(Failure::Abandoned));\n", ""),
    ("a graph over the limit is run", "pool.rs", "if peak.bytes > limits.bytes {", "if false {"),
]


def copy_crate(to: Path) -> None:
    """Copies the crate and makes it a workspace of its own, with the versions of ours."""
    shutil.copytree(CRATE, to / "crates/scheduler")
    root = CRATE.parents[1]
    manifest = (root / "Cargo.toml").read_text()
    tables = re.split(r"(?m)^(?=\[)", manifest)
    kept = ("[workspace.package]", "[workspace.dependencies]", "[workspace.lints", "[profile")
    text = "".join(table for table in tables if table.startswith(kept))
    text = re.sub(r"(?m)^swath.*\n", "", text)
    (to / "Cargo.toml").write_text('[workspace]\nresolver = "3"\nmembers = ["crates/scheduler"]\n\n' + text)
    shutil.copy(root / "Cargo.lock", to / "Cargo.lock")


def first_failure(workspace: Path, target: str, seconds: float) -> str | None:
    """The first test that fails, or what else went wrong; nothing if all pass."""
    # The targets are tests that stand for themselves; doctests are slow to link and test the same code.
    command = ["cargo", "test", "-q", "--offline", "-p", "swath-scheduler", "--no-fail-fast", "--lib", "--tests"]
    environment = {**os.environ, "CARGO_TARGET_DIR": target, "RUSTFLAGS": "-Awarnings", "RUST_BACKTRACE": "0"}
    subprocess.run([*command, "--no-run"], cwd=workspace, env=environment, check=True, capture_output=True)
    for tests in (["--lib"], ["--test", "simulation"], ["--test", "threads"], ["--test", "stress"]):
        process = subprocess.Popen(
            [*command[:6], *tests], cwd=workspace, env=environment, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.communicate()
            return f"a hang ({tests[-1]})"
        if process.returncode != 0:
            failed = re.search(r"(?m)^    ([\w:]+)$", output)
            return failed[1] if failed else output.strip().splitlines()[-1]
    return None


def main() -> int:
    words = sys.argv[1:]
    chosen = [mutation for mutation in MUTATIONS if not words or any(word in mutation[0] for word in words)]
    survivors = []
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "swath"
        workspace.mkdir()
        copy_crate(workspace)
        target = os.environ.get("CARGO_TARGET_DIR", folder + "/target") + "/mutations"
        first_failure(workspace, target, seconds=600)  # Builds the dependencies, too.
        start = time.monotonic()
        if failure := first_failure(workspace, target, seconds=600):
            print(f"without a mutation: {failure} fails")
            return 1
        seconds = max(SECONDS_MIN, PATIENCE * (time.monotonic() - start))
        width = max(len(mutation[0]) for mutation in chosen)
        for name, file, find, replacement in chosen:
            path = workspace / "crates/scheduler/src" / file
            text = path.read_text()
            if text.count(find) != 1:
                print(f"{name}: the text to replace occurs {text.count(find)} times in {file}")
                return 1
            path.write_text(text.replace(find, replacement))
            try:
                killer = first_failure(workspace, target, seconds)
            except subprocess.CalledProcessError as error:
                print(f"{name}: does not compile\n{error.stderr.decode()}")
                return 1
            path.write_text(text)
            print(f"{name:<{width}}  {killer or 'SURVIVES'}", flush=True)
            if killer is None:
                survivors.append(name)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
