"""What the benchmarks have in common: the programs, and what a run of one costs."""
import os
import pathlib
import subprocess
import sys
import threading
import time
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Cost(NamedTuple):
    """Of one run, or the best of several."""
    clock: float      # seconds
    processor: float  # seconds, of all cores
    memory: float     # megabytes, at the most


def sluice(program):
    """The program that was named, else one built in release mode."""
    if program:
        return pathlib.Path(program).resolve()
    subprocess.run(["swift", "build", "-c", "release", "--product", "sluice"], cwd=ROOT, check=True,
                   stdout=sys.stderr)
    return ROOT / ".build/release/sluice"


def ansible(name, program):
    """The program that was named, else that of scripts/ansible-environment; None, and a line that
    says why, where the package index can't be reached."""
    if program:
        return pathlib.Path(program).resolve()
    python = subprocess.run([ROOT / "scripts/ansible-environment"], capture_output=True, text=True)
    if python.returncode == 69:
        print(f"SKIPPED: there is no {name} to compare with: {python.stderr.strip()}")
        return None
    if python.returncode != 0:
        sys.exit(python.stderr.strip())
    return pathlib.Path(python.stdout.strip()).parent / name


def run(command, output, limit=None):
    """What one run costs; None if it is not at its end after `limit` seconds."""
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"}
    with open(output, "wb") as file:
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=file, env=environment)
        watchdog = threading.Timer(limit, process.kill) if limit else None
        if watchdog:
            watchdog.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        if watchdog:
            watchdog.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if limit and seconds >= limit:
        return None
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with status {process.returncode}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def best(costs):
    """The fastest of several runs, and the most memory that any of them took."""
    return Cost(min(c.clock for c in costs), min(c.processor for c in costs), max(c.memory for c in costs))
