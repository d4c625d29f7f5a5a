/// What is said of an encrypted variable that is part of the plan, where only passwords may be.
enum VaultedVariable {
    static let message =
        "the value is encrypted by ansible-vault: it would be stored in the plan and shown"
    static let remedy =
        "give this variable in plain text, or with -e; only passwords may be encrypted"
}
