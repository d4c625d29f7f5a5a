#!/usr/bin/env python3
"""Writes down what `ansible-inventory --list --yaml` and `--graph --vars` print, as listings.jsonl.

The inventories are those below and every seventh of ansible-inventory.jsonl. InventoryListingTests
reads the result and never runs Ansible. To record again, or after adding an inventory here:

    python3 -m venv venv && venv/bin/pip install 'ansible-core==2.19.14'
    venv/bin/python Tests/SluiceConfigTests/InventoryCases/listings.py
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from oracle import PROGRAM, STRICT, lay_out

FOLDER = pathlib.Path(__file__).parent
VALUES = r"""
empty: ''
space: ' '
lead: ' x'
trail: 'x '
colon: 'a: b'
colon_end: 'a:'
hash: 'a #b'
hash_first: '#b'
dash: '- a'
dash_word: '-a'
question: '? a'
quote: "it's"
double: 'say "x"'
both: "it's \"x\""
newline: "a\nb"
newlines: "a\n\nb\n"
newline_first: "\na"
newline_last: "a\n"
tab: "a\tb"
carriage: "a\rb"
bell: "a\ab"
escape: "a\eb"
nel: "a\Lb\Nc"
bom: "\uFEFFx"
nbsp: "a\_b"
emoji: "😀 ü 日本"
backslash: 'a\b'
percent: '%a'
at: '@a'
tick: '`a'
star: '*a'
amp: '&a'
bang: '!a'
pipe: '|a'
gt: '>a'
brace: '{a}'
bracket: '[a]'
comma: 'a,b'
comma_space: 'a, b'
tilde: '~'
null_word: 'null'
yes_word: 'yes'
on_word: 'on'
y_word: 'y'
true_word: 'True'
int_word: '12'
octal_word: '010'
octal_no: '089'
hex_word: '0x1f'
bin_word: '0b11'
float_word: '1.5'
exp_word: '1e3'
exp_float: '1.0e+3'
sexa: '1:30'
sexa_float: '1:30.5'
date_word: '2026-01-31'
time_word: '2026-01-31 10:00:00'
underscore: '1_000'
dot: '.'
inf_word: '.inf'
equal: '='
merge: '<<'
doc: '---'
doc_end: '...'
doc_text: '--- a'
template: '{{ x }}'
url: 'http://a/b?c=d'
path: '/a/b'
long: 'aaaaaaaaaa bbbbbbbbbb cccccccccc dddddddddd eeeeeeeeee ffffffffff gggggggggg hhhhhhhhhh iiiiiiiiii'
long_word: 'aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhhhhhhiiiiiiiiii'
long_quoted: 'aaaaaaaaaa: bbbbbbbbbb cccccccccc dddddddddd eeeeeeeeee ffffffffff gggggggggg hhhhhhhhhh iii'
long_double: "aaaaaaaaaa\tbbbbbbbbbb cccccccccc dddddddddd eeeeeeeeee ffffffffff gggggggggg hhhhhhhhhh ii"
long_lines: "aaaaaaaaaa bbbbbbbbbb cccccccccc dddddddddd eeeeeeeeee\nffffffffff gggggggggg hhhhhhhhhh\n"
long_spaces: 'aaaaaaaaaa  bbbbbbbbbb  cccccccccc  dddddddddd  eeeeeeeeee  ffffffffff  gggggggggg  hhhhhh'
int: 12
negative: -5
zero: 0
float: 1.5
whole: 3.0
big: 1.0e+20
small: 1.0e-7
tiny: 0.0001
inf: .inf
minus_inf: -.inf
nan: .nan
"true": true
"false": false
nothing: null
list: [1, a, null, true, [2, [3]], {k: v}]
empty_list: []
empty_map: {}
map: {k: v, m: {n: [o, {p: q}]}}
list_of_maps: [{a: 1, b: 2}, {c: 3}]
list_of_lists: [[1, 2], [], [[3]]]
map_of_empty: {a: [], b: {}, c: ''}
""".split("\n")[1:-1]


def inventories():
    """Name, files and sources of each."""
    for line in VALUES:
        name = line.split(":")[0].strip('"')
        yield f"value {name}", {"hosts.yml": f"all:\n  hosts:\n    a:\n      {line}\n      z: [{{k: 1}}]\n"}
    # A text that starts with a byte order mark has a case of its own.
    values = [line for line in VALUES if not line.startswith("bom:")]
    everything = "".join("      " + line + "\n" for line in values)
    yield "all values", {"hosts.yml": "all:\n  hosts:\n    a:\n" + everything}
    yield "all values in a list", {
        "hosts.yml": "all:\n  hosts:\n    a:\n      list:\n" + "".join(
            "      - " + line + "\n" for line in values)}
    yield "odd names", {"hosts.yml": (
        "all:\n  hosts:\n    '010':\n    yes_: {x: 1}\n    a.b: {'k k': 1, 'k: k': 2, '10': 3, 'yes': 4, "
        "'': 5, '- x': 6, 'é': 7, '{': 8}\n    10.0.0.1:\n    'on': {a: 1}\n    '2001:db8::1':\n")}
    long_name = "k" * 130
    yield "a long name", {"hosts.yml": f"all:\n  hosts:\n    a:\n      {long_name}: [1]\n      {long_name}x: v\n"}
    yield "a tree", {"hosts.ini": (
        "solo x=1\n[web]\nw1 a=1\nw2\n[db]\nd1\n[eu:children]\nweb\ndb\n[us:children]\nweb\n[eu:vars]\nr=eu\n"
        "[web:vars]\nansible_group_priority=5\nv=web\n[all:vars]\nall=1\n[empty]\n")}
    yield "a host in two groups", {"hosts.ini": "[a]\nh x=1\n[b]\nh\n[c:children]\na\nb\n"}
    yield "group variables", {
        "hosts.ini": "[web]\nw1\nw2 p=3\n", "group_vars/web.yml": "list: [1, 2]\nmap: {k: [v]}\n",
        "group_vars/all.yml": "p: 1\nq: {r: s}\n", "host_vars/w1.yml": "p: 2\n"}
    yield "nothing at all", {"hosts.ini": ""}
    yield "hosts alone", {"hosts.ini": "b\na\nc\n"}
    yield "groups alone", {"hosts.ini": "[b]\n[a]\n[c:children]\na\n"}
    vault = (
        "$ANSIBLE_VAULT;1.1;AES256\n          6162\n          6364\n")
    yield "a vault value", {"hosts.yml": f"all:\n  hosts:\n    a:\n      s: !vault |\n          {vault}"}
    yield "python values", {"hosts.ini": (
        "a l=[1,'x',None,True] d=\"{'k': 'v', 'e': [1.5, {}]}\" q=\"it's\" n=None t=True f=1e3 s='\"x\"'\n"
        "[x:children]\n[all:vars]\nw='a' \"b\"\nu='\\x41\\n'\nq2=\"it's\"\nq3='\"'\n")}


def printed(case, directory, *flags):
    command = [str(PROGRAM), *flags] + [f"--inventory={source}" for source in case["sources"]]
    if "playbook" in case:
        command += ["--playbook-dir", case["playbook"]]
    done = subprocess.run(
        command, cwd=directory, env={**os.environ, **STRICT, "HOME": str(directory)},
        capture_output=True, timeout=60)
    return done.stdout.decode() if done.returncode == 0 else None


def main():
    cases = [{"name": name, "files": files, "sources": list(files)[:1]} for name, files in inventories()]
    recorded = [json.loads(line) for line in (FOLDER / "ansible-inventory.jsonl").read_text().split("\n") if line]
    for case in [case for case in recorded if case["list"] is not None][::7]:
        cases.append({key: case[key] for key in ("name", "files", "sources", "playbook", "executable") if key in case})
    # Names as arguments: only those are asked for again.
    target = FOLDER / "listings.jsonl"
    known = {}
    if sys.argv[1:]:
        known = {json.loads(line)["name"]: line for line in target.read_text().split("\n") if line}
    lines = []
    for case in cases:
        if case["name"] in known and case["name"] not in sys.argv[1:]:
            lines.append(known[case["name"]])
            continue
        with tempfile.TemporaryDirectory() as directory:
            lay_out(case, directory)
            case["yaml"] = printed(case, directory, "--list", "--yaml")
            case["graph"] = printed(case, directory, "--graph", "--vars")
        lines.append(json.dumps(case, ensure_ascii=False, separators=(",", ":")))
    target.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
