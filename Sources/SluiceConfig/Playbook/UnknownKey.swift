import SluiceModel

/// What to say about a key that does not exist where it was written.
enum UnknownKey {
    static func remedy(for key: String, in keys: [SchemaKey], atTop: Bool) -> String {
        if atTop, let sentence = ansible[key] { return sentence }
        let names = keys.map(\.name)
        let elsewhere = paths(of: key)
        if !elsewhere.isEmpty {
            return "it belongs at \(elsewhere.joined(separator: " or "))"
        }
        if let near = nearest(key, in: names) { return "did you mean '\(near)'?" }
        return "the keys here are: \(names.joined(separator: ", "))"
    }

    /// Where a key of this name is valid.
    private static func paths(of name: String) -> [String] {
        var found: [String] = []
        func search(_ keys: [SchemaKey], _ path: String) {
            for key in keys {
                let here = path.isEmpty ? key.name : "\(path).\(key.name)"
                if key.name == name { found.append(here) }
                search(key.shape.children, here)
            }
        }
        search(PlaybookSchema.play, "")
        // A hook's keys and names as common as `name` say little about what was meant.
        return found.count > 3 ? [] : found
    }

    /// Keys that people bring along from Ansible, with what takes their place.
    private static let ansible: [String: String] = {
        let steps =
            "Sluice has no tasks: it knows the steps of a rollout; put commands of your own into"
            + " hooks"
        let connection = "it belongs into the inventory, as in Ansible: "
        return [
            "tasks": steps, "pre_tasks": steps, "post_tasks": steps, "handlers": steps,
            "roles": "Sluice has no roles; run Ansible for what is not a rollout",
            "gather_facts": "remove it: Sluice gathers what it needs in its survey",
            "gather_subset": "remove it: Sluice gathers what it needs in its survey",
            "strategy": "remove it: batches are ruled by serial",
            "any_errors_fatal": "remove it: max_fail: 0, the default, stops at the first failure",
            "force_handlers": steps,
            "remote_user": connection + "ansible_user",
            "connection": "remove it: Sluice connects by SSH",
            "port": connection + "ansible_port; the service's port is service.port",
            "become_flags": connection + "ansible_become_flags",
            "environment": "set it in the service's start command or unit, or in a hook's command",
            "vars_files": "pass the file with -e @FILE, or use group_vars/ beside the inventory",
            "vars_prompt": "pass the variable with -e NAME=VALUE",
            "tags": "remove it: a rollout is done whole; choose hosts with --limit",
            "when": "remove it: choose hosts with the pattern in hosts or with --limit",
            "import_playbook": "name both files on the command line",
            "max_fail_percent": "did you mean 'max_fail_percentage'?",
            "throttle": "remove it: batches are ruled by serial",
            "run_once": "use hooks.before_rollout or hooks.after_rollout",
            "delegate_to": "use hooks with run:, which runs on the controller",
            "ignore_errors": "use max_fail to allow failed hosts",
            "collections": "remove it: Sluice loads no modules",
            "no_log":
                "remove it: what a template puts into a command is in the plan, the journal and the"
                + " output; let the command read a secret when it runs, from a file or from its"
                + " environment",
        ]
    }()
}
