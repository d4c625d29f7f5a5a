import ArgumentParser

/// `--vault-id` and its kin: the passwords of ansible-vault, as Ansible takes them.
struct VaultOptions: ParsableArguments {
    @Option(
        name: .customLong("vault-id"),
        help: ArgumentHelp(
            "A vault password under a label: LABEL@FILE or LABEL@prompt; an executable file "
                + "prints it. Repeatable.", valueName: "id"))
    var ids: [String] = []

    @Option(
        name: [.customLong("vault-password-file"), .customLong("vault-pass-file")],
        help: ArgumentHelp(
            "A file with the vault password, or an executable that prints it. Repeatable.",
            valueName: "file"))
    var passwordFiles: [String] = []

    @Flag(
        name: [
            .customShort("J"), .customLong("ask-vault-password"), .customLong("ask-vault-pass"),
        ], help: "Ask for the vault password.")
    var ask = false

    var isEmpty: Bool { ids.isEmpty && passwordFiles.isEmpty && !ask }
}
