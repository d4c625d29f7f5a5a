#!/usr/bin/env python3
"""Writes ssh-G.jsonl: what OpenSSH 9.2 says about the files in cases.txt.

Run it as root in a machine with that version. cases.txt has one case per paragraph:

    === NAME | HOST | OPTIONS
    (lines of the file that ssh is given)
    --- PATH
    (lines of another file in the same directory, which is HOME)

In the lines, @DIR@ is the directory, and \\r \\t \\f \\\\ stand for the characters.
"""

import json
import os
import shlex
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
HOST_NAME = "controller.example.org"
KEYS = set("""addressfamily batchmode bindaddress bindinterface certificatefile checkhostip ciphers
compression connectionattempts connecttimeout globalknownhostsfile gssapiauthentication
hashknownhosts host hostkeyalgorithms hostkeyalias hostname identitiesonly identityagent
identityfile kbdinteractiveauthentication kexalgorithms loglevel macs passwordauthentication
pkcs11provider port preferredauthentications proxycommand proxyjump pubkeyacceptedalgorithms
pubkeyauthentication securitykeyprovider serveralivecountmax serveraliveinterval
stricthostkeychecking user userknownhostsfile""".split())
ENVIRONMENT = {"SHELL": "/bin/sh", "KEYS": "/keys", "EMPTY": "", "SSH_AUTH_SOCK": "/agent",
               "PATH": os.environ["PATH"]}


def cases():
    case = None
    with open(os.path.join(HERE, "cases.txt"), encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("=== "):
                if case:
                    yield case
                name, host, options = [part.strip() for part in (line[4:] + "||").split("|")[:3]]
                case = {"name": name, "host": host or "web1", "options": shlex.split(options),
                        "files": {"config": ""}}
                path = "config"
            elif line.startswith("--- "):
                path = line[4:].strip()
                case["files"][path] = ""
            else:
                for mark, byte in (("\\r", "\r"), ("\\t", "\t"), ("\\f", "\f"), ("\\\\", "\\")):
                    line = line.replace(mark, byte)
                case["files"][path] += line
    yield case


def ssh(case):
    with tempfile.TemporaryDirectory(prefix="sluice-ssh-") as directory:
        for path, text in case["files"].items():
            full = os.path.join(directory, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "w", encoding="utf-8", newline="") as file:
                file.write(text.replace("@DIR@", directory))
            os.chmod(full, 0o600)
        options = [option.replace("@DIR@", directory) for option in case["options"]]
        done = subprocess.run(
            ["/usr/bin/ssh", "-G", "-F", directory + "/config", *options, case["host"]],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False,
            env={**ENVIRONMENT, "HOME": directory})
        if done.returncode != 0:
            return None, done.stderr
        found = {}
        for line in done.stdout.splitlines():
            key, _, value = line.partition(" ")
            if key in KEYS:
                found.setdefault(key, []).append(value.replace(directory, "@DIR@"))
        return found, ""


def main():
    if "--named" not in sys.argv:
        script = "hostname %s && exec %s %s --named" % (HOST_NAME, sys.executable, __file__)
        sys.exit(subprocess.run(["unshare", "-u", "sh", "-c", script], check=False).returncode)
    basis, _ = ssh({"files": {"config": ""}, "options": [], "host": "web1"})
    names = set()
    refused = 0
    with open(os.path.join(HERE, "ssh-G.jsonl"), "w", encoding="utf-8") as output:
        output.write(json.dumps({"basis": basis}, sort_keys=True) + "\n")
        for case in cases():
            assert case["name"] not in names, case["name"]
            names.add(case["name"])
            found, message = ssh(case)
            if found is None:
                refused += 1
                case["changes"] = None
                if "-v" in sys.argv:
                    print(case["name"], message)
            else:
                case["changes"] = {
                    key: found.get(key, []) for key in sorted(set(basis) | set(found))
                    if found.get(key) != basis.get(key)}
            output.write(json.dumps(case, sort_keys=True, ensure_ascii=False) + "\n")
    print(len(names), "cases,", refused, "refused")


main()
