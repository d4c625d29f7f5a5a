#!/usr/bin/env python3
"""Runs every case of ansible-inventory.jsonl through ansible-inventory and writes down what it says.

The tests read the result and never run Ansible. To record again, or after adding a line with
"name", "files" and "sources" (and "playbook", a directory, where it matters):

    python3 -m venv venv && venv/bin/pip install 'ansible-core==2.19.*'
    venv/bin/python Tests/SluiceConfigTests/InventoryCases/record.py
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

CASES = pathlib.Path(__file__).parent / "ansible-inventory.jsonl"
PROGRAM = pathlib.Path(sys.executable).parent / "ansible-inventory"
STRICT = {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1", "ANSIBLE_NOCOLOR": "1"}


def record(case):
    with tempfile.TemporaryDirectory() as directory:
        for name, text in case["files"].items():
            path = pathlib.Path(directory, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        command = [str(PROGRAM), "--list"]
        for source in case["sources"]:
            command += ["-i", source]
        if "playbook" in case:
            command += ["--playbook-dir", case["playbook"]]
        environment = {**os.environ, **STRICT, "HOME": directory}
        done = subprocess.run(
            command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60)
    case["list"] = json.loads(done.stdout) if done.returncode == 0 else None
    return json.dumps(case, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    lines = [record(json.loads(line)) for line in CASES.read_text().splitlines()]
    CASES.write_text("\n".join(lines) + "\n")
