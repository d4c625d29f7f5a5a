#!/usr/bin/env python3
"""Runs every case of ansible-inventory.jsonl through ansible-inventory and writes down what it says.

The tests read the result and never run Ansible. To record again, or after adding a line with
"name", "files" and "sources" (and "playbook", a directory, "executable", a list of files, and
"patterns", a list of "pattern" with perhaps "limit" and "limitFile", where they matter):

    python3 -m venv venv && venv/bin/pip install 'ansible-core==2.19.14'
    venv/bin/python Tests/SluiceConfigTests/InventoryCases/record.py
"""
import json
import pathlib
import sys
import tempfile

from oracle import Oracle, lay_out, program_listing

CASES = pathlib.Path(__file__).parent / "ansible-inventory.jsonl"


def record(oracle, case):
    with tempfile.TemporaryDirectory() as directory:
        lay_out(case, directory)
        case["list"] = program_listing(case, directory)
        answer = oracle.ask(case, directory)
        if answer.listing != case["list"]:
            sys.exit(f"{case['name']}: the program and its classes disagree")
        for entry in case.get("patterns", []):
            answer.hosts_of(entry, directory)
    return json.dumps(case, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    oracle = Oracle()
    lines = [record(oracle, json.loads(line)) for line in CASES.read_text().split("\n") if line]
    CASES.write_text("\n".join(lines) + "\n")
