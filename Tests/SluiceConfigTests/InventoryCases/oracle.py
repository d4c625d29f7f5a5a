"""What ansible-core makes of an inventory, asked in this process.

Every case is one that record.py and generate.py share: "files", "sources", perhaps "playbook" (a
directory) and "executable" (files with that permission).
"""
import json
import os
import pathlib
import subprocess
import sys

STRICT = {"ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1", "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8",
          "ANSIBLE_DEPRECATION_WARNINGS": "0"}
PROGRAM = pathlib.Path(sys.executable).parent / "ansible-inventory"
PATTERN_PROGRAM = pathlib.Path(sys.executable).parent / "ansible"


def lay_out(case, directory):
    """Writes the files of a case."""
    for name, text in case["files"].items():
        path = pathlib.Path(directory, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        if name in case.get("executable", []):
            path.chmod(0o755)


def program_listing(case, directory):
    """What ansible-inventory --list prints, or None when it refuses."""
    command = [str(PROGRAM), "--list"]
    for source in case["sources"]:
        command.append(f"--inventory={source}")
    if "playbook" in case:
        command += ["--playbook-dir", case["playbook"]]
    environment = {**os.environ, **STRICT, "HOME": str(directory)}
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout) if done.returncode == 0 else None


def program_hosts(case, entry, directory):
    """The hosts that `ansible PATTERN --list-hosts` prints, or None when it refuses."""
    if "limitFile" in entry:
        pathlib.Path(directory, "limit").write_bytes(entry["limitFile"].encode())
    command = [str(PATTERN_PROGRAM), "--list-hosts"]
    for source in case["sources"]:
        command.append(f"--inventory={source}")
    if "playbook" in case:
        command += ["--playbook-dir", case["playbook"]]
    if "limit" in entry:
        command.append(f"--limit={entry['limit']}")
    command += ["--", entry["pattern"]]
    environment = {**os.environ, **STRICT, "HOME": str(directory)}
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        return None
    # A line with the count, then the names, indented by four.
    return [line[4:] for line in done.stdout.split("\n")[1:] if line]


class Unlistable(Exception):
    """The inventory was read, but JSON cannot say what is in it: keys of several types, or half a
    surrogate pair. ansible-inventory ends with a traceback there."""


def walk_relationship(group, relation, include_self=False, preserve_ordering=False):
    """Group._walk_relationship with sets that keep their order.

    The original walks sets, so that from the third level on the order of groups, and with it the
    order of hosts, differs from run to run; this is one of its orders.
    """
    seen, ordered = {}, [group] if include_self else []
    level = dict.fromkeys(getattr(group, relation))
    ordered += level
    if include_self:
        level[group] = None
    while level:
        seen.update(level)
        below = dict.fromkeys(kin for member in level for kin in getattr(member, relation))
        ordered += [kin for kin in below if kin not in seen]
        level = {kin: None for kin in below if kin not in seen}
    return ordered if preserve_ordering else set(seen)


class Answer:
    """The listing, or None; the names for drawing patterns; the hosts of a pattern."""

    def __init__(self, listing, inventory):
        self.listing = listing
        self.inventory = inventory
        self.hosts = sorted(inventory.hosts) if inventory else []
        self.groups = sorted(inventory.groups) if inventory else []

    def hosts_of(self, entry, directory):
        """Sets "hosts" of the entry: the names in order, or None when Ansible refuses."""
        if "limitFile" in entry:
            pathlib.Path(directory, "limit").write_bytes(entry["limitFile"].encode())
        os.chdir(directory)
        self.inventory.clear_caches()
        # One implicit localhost is remembered; every run of a program starts without.
        localhost = self.inventory._inventory.localhost
        if localhost is not None and localhost.implicit:
            self.inventory._inventory.localhost = None
        try:
            self.inventory.subset(entry.get("limit"))
            entry["hosts"] = [host.name for host in self.inventory.get_hosts(entry["pattern"])]
        except Exception:  # Ansible lets IndexError and re.error out too; all of them end the program
            entry["hosts"] = None
        finally:
            os.chdir("/")


class Oracle:
    """Ansible's own classes, put together as ansible-inventory puts them together."""

    def __init__(self):
        os.environ.update(STRICT)
        from ansible.cli.inventory import InventoryCLI
        from ansible.inventory.group import Group
        from ansible.inventory.manager import InventoryManager
        from ansible.parsing.dataloader import DataLoader
        from ansible.plugins.loader import init_plugin_loader
        from ansible.plugins.vars import host_group_vars
        from ansible.utils.display import Display
        from ansible.vars.manager import VariableManager
        init_plugin_loader()
        Display.display = lambda *_, **__: None  # warnings
        Group._walk_relationship = walk_relationship
        self.classes = (InventoryCLI, InventoryManager, DataLoader, VariableManager)
        self.caches = (host_group_vars.FOUND, host_group_vars.NAK, host_group_vars.CANONICAL_PATHS)

    @staticmethod
    def printed(program, listing):
        try:
            text = program.dump(listing)
            json.dumps(json.loads(text), ensure_ascii=False).encode()
            return json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise Unlistable(str(error)) from error

    def ask(self, case, directory):
        """Lists one case, laid out in `directory`; an Answer without a listing if it is refused."""
        from ansible import context
        from ansible.utils.context_objects import CLIArgs
        commands, manager, loaders, variables = self.classes
        for cache in self.caches:
            cache.clear()
        sources = [s if "," in s else os.path.join(directory, s) for s in case["sources"]]
        os.chdir(directory)
        basedir = os.path.join(directory, case["playbook"]) if "playbook" in case else None
        context.CLIARGS = CLIArgs({
            "basedir": basedir, "export": False, "yaml": False, "toml": False, "list": True,
            "subset": None, "verbosity": 0, "inventory": tuple(sources)})
        program = commands.__new__(commands)
        try:
            loader = loaders()
            if basedir:
                loader.set_basedir(basedir)
            inventory = manager(loader=loader, sources=sources, cache=False)
            program.loader, program.inventory = loader, inventory
            program.vm = variables(loader=loader, inventory=inventory)
            listing = program.json_inventory(program._get_group("all"))
        except Exception:
            return Answer(None, None)
        else:
            return Answer(self.printed(program, listing), inventory)
        finally:
            os.chdir("/")
