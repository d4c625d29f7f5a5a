#!/usr/bin/env python3
"""Writes down what ansible-core's templating makes of expressions, as templates.jsonl.

TemplateRecordedTests reads the result and never runs Ansible. To record again, or after adding a
line here:

    python3 -m venv venv && venv/bin/pip install 'ansible-core==2.19.14'
    venv/bin/python Tests/SluiceConfigTests/InventoryCases/templates.py

A line has the template and either its value, or how it fails: "undefined", or "error".
"""
import json
import pathlib

VARIABLES = {
    "app": "feature_gateway", "root": "/data/{{ app }}", "port": 8080, "on": True, "off": False,
    "hosts": ["a", "b", "c"], "none": None, "ratio": 1.5, "empty": "", "nothing": [], "zero": 0,
    "db": {"port": 5432, "name-x": "y", "deep": {"k": "{{ app }}"}, "list": [1, 2]},
    "groups": {"gw": ["a", "b"], "web": []}, "which": "gw", "words": "yes", "spaced": "a b's",
    "number": "12", "mixed": [1, "x", None, True], "env": "prod", "nested": "{{ root }}/run",
    "broken": "{{ missing_inside }}", "word": "Straße", "sizes": {"prod": 3, "test": 1},
    "braces": "{{ '{{' }} app }}", "lone": "{{ hosts }}", "text_list": "x{{ hosts }}",
    "hosts_of": "{{ groups[which] }}", "version": "1.10", "negative": -3, "tabs": "a\tb\n",
}

TEMPLATES = r"""
{{ app }}
{{app}}
{{ root }}/x
{{ nested }}
{{ port }}
p{{ port }}
{{ on }}
x{{ on }}
{{ ratio }}
r{{ ratio }}
{{ none }}
x{{ none }}
{{ hosts }}
{{ lone }}
{{ text_list }}
{{ mixed }}
x{{ mixed }}
x{{ db.deep }}
{{ hosts[0] }}
{{ hosts[-1] }}
{{ hosts.1 }}
{{ hosts[3] }}
{{ db.port }}
{{ db['port'] }}
{{ db["name-x"] }}
{{ db.deep.k }}
{{ db.deep }}
{{ db.missing }}
{{ db.missing.more }}
{{ groups[which][1] }}
{{ groups[which] | first }}
{{ hosts_of | last }}
{{ groups['gw'] | length }}
{{ groups.web | length }}
{{ sizes[env] }}
{{ sizes[env] + 1 }}
{{ missing }}
x{{ missing }}
{{ broken }}
{{ broken | default('d') }}
{{ 'lit' }}
{{ "double" }}
{{ 3 }}
{{ -3 }}
{{ 1.5 }}
{{ true }}
{{ True }}
{{ none is none }}
{{ 'it''s' }}
{{ 'a\nb' }}
{{ "a\"b" }}
{{ braces }}
{{ '{{' }}
{{ missing | default('d') }}
{{ missing | default }}
{{ missing | default('') }}
{{ missing | default(none) }}
{{ missing | default(omit) }}
{{ missing | d('x') }}
{{ missing.a.b | default(5) }}
{{ db.missing | default('d') }}
{{ hosts[9] | default('d') }}
{{ app | default('d') }}
{{ empty | default('d') }}
{{ empty | default('d', true) }}
{{ none | default('d') }}
{{ none | default('d', true) }}
{{ zero | default(1, true) }}
{{ nothing | default(['x'], true) }}
{{ missing | default(app) }}
{{ missing | default(other | default('z')) }}
{{ missing | default(other) }}
{{ app | default(other) }}
{{ missing | default(app | upper) }}
{{ missing | default([]) }}
{{ missing | default({}) }}
{{ missing | default([1, 'a']) }}
{{ missing | upper | default('d') }}
{{ missing | upper }}
{{ missing | int }}
{{ missing | bool }}
{{ missing | length }}
{{ missing | join(',') }}
{{ missing | first }}
{{ missing | quote }}
{{ missing | replace('a', 'b') }}
{{ app | upper }}
{{ 'AB' | lower }}
{{ port | upper }}
{{ on | lower }}
{{ word | upper }}
{{ 'ÄÖ' | lower }}
{{ none | upper }}
{{ hosts | upper }}
{{ app | replace('_', '-') }}
{{ app | replace('_', '-') | upper }}
{{ app | replace('e', 'E', 1) }}
{{ app | replace('e', 'E', 2) }}
{{ port | replace('8', '9') }}
{{ app | replace('', '.') }}
{{ app | replace('nope', 'x') }}
{{ app | replace('_') }}
{{ hosts | join(', ') }}
{{ hosts | join }}
{{ hosts | join('') }}
{{ mixed | join(',') }}
{{ 'abc' | join('-') }}
{{ nothing | join(',') }}
{{ port | join(',') }}
{{ db | join(',') }}
{{ hosts | first }}
{{ hosts | last }}
{{ nothing | first }}
{{ nothing | last }}
{{ nothing | first | default('d') }}
{{ nothing | last | default('d') }}
{{ 'abc' | first }}
{{ 'abc' | last }}
{{ '' | first | default('d') }}
{{ db | first }}
{{ port | first }}
{{ hosts | length }}
{{ app | length }}
{{ db | length }}
{{ word | length }}
{{ port | length }}
{{ none | length }}
{{ hosts | count }}
{{ number | int }}
{{ 'x' | int }}
{{ 'x' | int(7) }}
{{ ' 12 ' | int }}
{{ '12.7' | int }}
{{ 12.7 | int }}
{{ negative | int }}
{{ '-12.7' | int }}
{{ on | int }}
{{ none | int }}
{{ hosts | int }}
{{ '0x1f' | int }}
{{ '1_000' | int }}
{{ '1e3' | int }}
{{ '' | int }}
{{ words | bool }}
{{ 'no' | bool }}
{{ 'on' | bool }}
{{ 'True' | bool }}
{{ 'y' | bool }}
{{ 't' | bool }}
{{ '1' | bool }}
{{ 1 | bool }}
{{ 0 | bool }}
{{ 1.0 | bool }}
{{ none | bool }}
{{ '' | bool }}
{{ 'maybe' | bool }}
{{ 2 | bool }}
{{ hosts | bool }}
{{ spaced | quote }}
{{ app | quote }}
{{ '' | quote }}
{{ port | quote }}
{{ none | quote }}
{{ on | quote }}
{{ hosts | quote }}
{{ word | quote }}
{{ on | ternary('x', 'y') }}
{{ off | ternary('x', 'y') }}
{{ none | ternary('x', 'y') }}
{{ none | ternary('x', 'y', 'z') }}
{{ off | ternary('x', 'y', 'z') }}
{{ app | ternary(1, 2) }}
{{ empty | ternary(1, 2) }}
{{ nothing | ternary(1, 2) }}
{{ 'false' | ternary(1, 2) }}
{{ 'false' | bool | ternary(1, 2) }}
{{ missing | ternary('x', 'y') }}
{{ (env == 'prod') | ternary('p', 't') }}
{{ on | ternary(missing, 'y') }}
{{ off | ternary(missing, 'y') }}
{{ 'x' if on else 'y' }}
{{ 'x' if off else 'y' }}
{{ 'x' if on }}
{{ 'x' if off }}
{{ 'x' if off else 'y' if off else 'z' }}
{{ ('x' if on else 'y') | upper }}
{{ 'x' | upper if on else 'y' }}
{{ 'x' if on else 'y' | upper }}
{{ port if env == 'prod' else 80 }}
{{ port if env != 'prod' else 80 }}
{{ 'x' if missing else 'y' }}
{{ 'x' if missing is defined else 'y' }}
{{ 'x' if missing is not defined else 'y' }}
{{ 'x' if missing is undefined else 'y' }}
{{ 'x' if app is defined else 'y' }}
{{ 'x' if db.missing is defined else 'y' }}
{{ missing if off else 'y' }}
{{ 'x' if app is defined and app == 'feature_gateway' else 'y' }}
{{ 'x' if missing is defined and missing else 'y' }}
{{ 'x' if off or on else 'y' }}
{{ 'x' if not off else 'y' }}
{{ 'x' if not on or not off else 'y' }}
{{ 'x' if 'a' in hosts else 'y' }}
{{ 'x' if 'z' not in hosts else 'y' }}
{{ 'x' if 'gate' in app else 'y' }}
{{ 'x' if 'port' in db else 'y' }}
{{ 'x' if port > 80 else 'y' }}
{{ 'x' if port >= 8080 and port <= 8080 else 'y' }}
{{ 'x' if port < 80 else 'y' }}
{{ 'x' if port == '8080' else 'y' }}
{{ 'x' if 'a' < 'b' else 'y' }}
{{ 'x' if app > 1 else 'y' }}
{{ 'x' if hosts else 'y' }}
{{ 'x' if nothing else 'y' }}
{{ 'x' if app else 'y' }}
{{ 'x' if empty else 'y' }}
{{ 'x' if (hosts | length) > 2 else 'y' }}
{{ 'x' if hosts | length > 2 else 'y' }}
{{ 'x' if inventory_hostname in groups['gw'] else 'y' }}
{{ env == 'prod' }}
{{ on == true }}
{{ on == 1 }}
{{ 1 == 1.0 }}
{{ none == none }}
{{ hosts == ['a', 'b', 'c'] }}
{{ 1 < 2 < 3 }}
{{ not on }}
{{ on and app }}
{{ off and app }}
{{ empty or app }}
{{ app or missing }}
{{ off or missing }}
{{ off or missing | default('d') }}
{{ app ~ '-' ~ port }}
{{ app ~ none }}
{{ app ~ on }}
{{ 'a' ~ hosts }}
{{ app ~ missing }}
{{ app is none }}
{{ none is not none }}
{{ ['a', 'b'] }}
{{ ['a', app] | join('-') }}
{{ [1, 2] | first }}
{{ (app) }}
{{ ((app)) | upper }}
{{ app | frobnicate }}
{{ app | regex_replace('_', '-') }}
{{ app | to_json }}
{{ app.upper() }}
{{ lookup('env', 'HOME') }}
{{ port + 1 }}
{{ app is match('feat') }}
{{ app
{{ app | }}
{{ }}
{{ app app }}
{{ [ }}
{{ 'x }}
{{ app[ }}
{{ app | default( }}
${#app} }}
no template
a {{ app }} b {{ port }} c
{{ app }}{{ port }}
{{ port }}{{ port }}
{{ on }}{{ off }}
 {{ port }} 
{{ app }}\n
{{ tabs }}
{{- app -}}
a {{- app -}} b
{{ app | upper|lower }}
{{ app|default('x')|upper }}
{{ version }}
{{ version ~ '' }}
{{ port | default(80) | int }}
{{ number | int + 1 }}
{{ '5' | int | quote }}
{{ hosts | join(',') | replace(',', ' ') | upper }}
{{ hosts | length | quote }}
{{ groups[which] | default([]) | join(',') }}
{{ groups['nope'] | default([]) | length }}
{{ groups['nope'][0] | default('none') }}
{{ db.list | join('.') }}
{{ db.list[1] }}
{{ mixed[2] }}
{{ mixed[1] | upper }}
""".split("\n")[1:-1]

HERE = pathlib.Path(__file__).parent / "templates.jsonl"


def main():
    from ansible.errors import AnsibleUndefinedVariable
    from ansible.parsing.dataloader import DataLoader
    from ansible.plugins.loader import init_plugin_loader
    from ansible.template import Templar, trust_as_template
    from ansible.utils.display import Display
    init_plugin_loader()
    Display.display = lambda *_, **__: None

    def trust(value):
        if isinstance(value, str):
            return trust_as_template(value)
        if isinstance(value, list):
            return [trust(item) for item in value]
        if isinstance(value, dict):
            return {key: trust(item) for key, item in value.items()}
        return value

    lines = [json.dumps({"variables": VARIABLES}, ensure_ascii=False)]
    for template in TEMPLATES:
        entry = {"template": template}
        try:
            value = Templar(loader=DataLoader(), variables=trust(VARIABLES)).template(trust(template))
            entry["value"] = json.loads(json.dumps(value))
        except AnsibleUndefinedVariable as error:
            entry["fails"] = "undefined"
        except Exception as error:
            entry["fails"] = "error"
            entry["why"] = type(error).__name__
        lines.append(json.dumps(entry, ensure_ascii=False, separators=(",", ":")))
    HERE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
