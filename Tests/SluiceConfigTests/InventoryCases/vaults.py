#!/usr/bin/env python3
"""Writes envelopes of ansible-vault, whole and damaged, and what ansible-core reads in each.

VaultTests reads the result, vaults.jsonl, and never runs Ansible; the passwords open nothing else.
To record again, or after adding a case here:

    python3 -m venv venv && venv/bin/pip install 'ansible-core==2.19.14'
    venv/bin/python Tests/SluiceConfigTests/InventoryCases/vaults.py
"""
import json
import pathlib

HERE = pathlib.Path(__file__).parent / "vaults.jsonl"
OPEN, OTHER, LONG = "open sesame", "another one", "pässwörd " * 20


def main():
    from ansible.parsing.vault import VaultLib, VaultSecret
    from ansible.utils.display import Display
    Display.display = lambda *_, **__: None

    def sealed(text, password=OPEN, label=None, salt=None):
        secret = VaultSecret(password.encode())
        return VaultLib().encrypt(text, secret, vault_id=label, salt=salt).decode()

    lines = []

    def case(name, envelope, *passwords):
        secrets = [(label, VaultSecret(password.encode())) for label, password in passwords]
        entry = {"name": name, "envelope": envelope, "passwords": passwords}
        try:
            entry["plain"] = VaultLib(secrets).decrypt(envelope.encode()).decode()
        except Exception:  # Ansible's own errors and a few of Python's
            entry["plain"] = None
        lines.append(json.dumps(entry, ensure_ascii=False, separators=(",", ":")))

    default = ("default", OPEN)
    for length in [0, 1, 15, 16, 17, 31, 32, 33, 100, 1000]:
        case(f"{length} bytes", sealed("x" * length), default)
    case("no ASCII", sealed("ä日本\n"), default)
    case("a long password", sealed("text", LONG), ("default", LONG))
    case("a label", sealed("text", label="prod"), ("prod", OPEN))
    case("a label among others", sealed("text", label="prod"), ("dev", OTHER), ("prod", OPEN))
    case("a label under another name", sealed("text", label="prod"), ("dev", OPEN))
    case("a file of variables", sealed("sealed_port: 8081\nsealed_word: hush\n", label="prod"), ("prod", OPEN))
    case("two passwords of one label", sealed("text", label="prod"), ("prod", OTHER), ("prod", OPEN))
    case("no label, the second fits", sealed("text"), ("a", OTHER), ("b", OPEN))
    case("a short salt", sealed("text", salt="salt"), default)
    case("many blocks", sealed("0123456789abcdef" * 200), default)
    case("the wrong password", sealed("text"), ("default", OTHER))
    case("the wrong password of the label", sealed("text", label="prod"), ("prod", OTHER))
    case("no password", sealed("text"))
    text = sealed("text")
    case("CR LF", text.replace("\n", "\r\n"), default)
    case("upper case", text.split("\n")[0] + "\n" + "".join(text.split("\n")[1:]).upper(), default)
    case("one long line", text.split("\n")[0] + "\n" + "".join(text.split("\n")[1:]), default)
    case("no newline at the end", text.rstrip("\n"), default)
    case("blank lines inside", text.replace("\n", "\n\n"), default)
    case("spaces in the header", text.replace(";", " ; ").replace("AES256", "AES256  "), default)
    case("cut in the middle", text[:200], default)
    case("cut by one digit", text.rstrip("\n")[:-1], default)
    case("cut by two digits", text.rstrip("\n")[:-2], default)
    case("the header alone", text.split("\n")[0] + "\n", default)
    case("no header", "\n".join(text.split("\n")[1:]), default)
    case("another cipher", text.replace("AES256", "AES"), default)
    case("no cipher", text.replace(";AES256", ""), default)
    case("a letter among the digits", text[:100] + "x" + text[101:], default)
    case("indented", text.replace("\n", "\n  "), default)
    digits = "".join(text.split("\n")[1:])
    parts = bytes.fromhex(digits).decode().split("\n")

    def rebuilt(*parts):
        return text.split("\n")[0] + "\n" + "\n".join(parts).encode().hex() + "\n"

    case("rebuilt", rebuilt(*parts), default)
    case("two parts", rebuilt(*parts[:2]), default)
    case("four parts", rebuilt(*parts, "00"), default)
    flipped = parts[2][:-1] + ("0" if parts[2][-1] != "0" else "1")
    case("a changed cipher text", rebuilt(parts[0], parts[1], flipped), default)
    case("a changed code", rebuilt(parts[0], "00" + parts[1][2:], parts[2]), default)
    case("a short code", rebuilt(parts[0], parts[1][:-2], parts[2]), default)
    case("no code", rebuilt(parts[0], "", parts[2]), default)
    case("no salt", rebuilt("", parts[1], parts[2]), default)
    case("an odd salt", rebuilt(parts[0][:-1], parts[1], parts[2]), default)
    case("no cipher text", rebuilt(parts[0], parts[1], ""), default)
    case("empty", "", default)
    case("no vault at all", "secret: text\n", default)
    HERE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
