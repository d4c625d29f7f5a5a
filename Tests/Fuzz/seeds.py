#!/usr/bin/env python3
"""Fills a corpus with inputs of the tests: seeds.py TARGET DIRECTORY."""
import hashlib
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TESTS = ROOT / "Tests/SluiceConfigTests"
SSH_CASES = ROOT / "Tests/SluiceSSHConfigTests/Cases/cases.txt"


def inventories():
    """The files of the recorded cases, with the byte before them that stands for the format."""
    formats = {".ini": b"\0", ".yml": b"\1", ".yaml": b"\1", "": b"\2", ".json": b"\3"}
    for name in ["ansible-inventory.jsonl", "listings.jsonl"]:
        for line in (TESTS / "InventoryCases" / name).read_text().split("\n"):
            for path, text in json.loads(line)["files"].items() if line else []:
                yield formats.get(pathlib.Path(path).suffix, b"\2") + text.encode()


def playbooks():
    for path in ROOT.glob("playbooks/*.yml"):
        yield path.read_bytes()
        # Long ones say less to a fuzzer than their parts.
        for part in path.read_text().split("\n\n"):
            yield ("- hosts: all\n" + part).encode()
    play = "- hosts: all\n  artifact: {source: a.tar}\n"
    for line in (TESTS / "InventoryCases/templates.jsonl").read_text().split("\n")[1:]:
        if line:
            yield (play + f"  name: {json.dumps(json.loads(line)['template'])}\n").encode()


def ssh_configurations():
    """The recorded cases; the first line is the host."""
    for case in SSH_CASES.read_text().split("\n=== "):
        yield ("web1\n" + case.partition("\n")[2]).encode()


def main():
    target, directory = sys.argv[1], pathlib.Path(sys.argv[2])
    inputs = {"Inventory": inventories, "Playbook": playbooks,
              "SSHConfiguration": ssh_configurations}.get(target)
    for data in inputs() if inputs else []:
        (directory / hashlib.sha1(data).hexdigest()).write_bytes(data)


if __name__ == "__main__":
    main()
