import Foundation
package import SluiceModel
import Synchronization

/// A vault password with the label, Ansible's vault id, that it was given under.
package struct VaultPassword: Sendable {
    package let label: String
    fileprivate let bytes: [UInt8]

    /// - Parameters:
    ///   - label: `default` where none was given.
    ///   - bytes: the password itself; never empty.
    package init(label: String, _ bytes: [UInt8]) {
        precondition(!bytes.isEmpty, "a vault password without a character")
        self.label = label
        self.bytes = bytes
    }
}

extension VaultPassword: CustomStringConvertible, CustomReflectable {
    package var description: String { "<vault password \(label)>" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// Opens what ansible-vault encrypted, with the passwords that a user gave.
///
/// Nothing is opened before somebody asks for it. What a password and a salt derive to is kept, so
/// that one variable of ten thousand hosts costs one derivation.
package final class Vault: Sendable {
    private struct Derivation: Hashable {
        var password: Int
        var salt: [UInt8]
    }

    private let passwords: [VaultPassword]
    /// Whether only a password of the envelope's own label is tried.
    private let isLabelBinding: Bool
    private let derived = Mutex<[Derivation: VaultEnvelope.Keys]>([:])

    /// - Parameters:
    ///   - passwords: The first that fits wins, those of the envelope's own label before others.
    ///   - isLabelBinding: Ansible's `ANSIBLE_VAULT_ID_MATCH`.
    package init(_ passwords: [VaultPassword] = [], isLabelBinding: Bool = false) {
        self.passwords = passwords
        self.isLabelBinding = isLabelBinding
    }

    /// Whether there is any password to try.
    package var hasPasswords: Bool { !passwords.isEmpty }

    package static func isEnvelope(_ text: String) -> Bool { text.hasPrefix(VaultEnvelope.mark) }
    static func isEnvelope(_ data: Data) -> Bool { data.starts(with: VaultEnvelope.mark.utf8) }

    /// The plain value.
    ///
    /// - Throws: ``ConfigurationError`` with the place of the envelope and nothing of its text.
    package func open(_ sealed: SealedValue) throws(ConfigurationError) -> Value {
        switch sealed.content {
        case .opened(let value): return value
        case .envelope(let text):
            let bytes = try plainText(of: text, at: sealed.location, what: "the value")
            guard let plain = String(validating: bytes, as: UTF8.self) else {
                throw ConfigurationError(
                    ConfigurationProblem(
                        at: sealed.location,
                        "the value that ansible-vault encrypted is not UTF-8",
                        remedy: "encrypt a text"))
            }
            return .string(plain)
        }
    }

    /// The bytes that an envelope holds.
    ///
    /// - Parameter what: what to call it in an error: `the value`, `the file`.
    package func plainText(
        of envelope: String, at location: SourceLocation?, what: String
    ) throws(ConfigurationError) -> [UInt8] {
        func failure(_ message: String, _ remedy: String) -> ConfigurationError {
            ConfigurationError(ConfigurationProblem(at: location, message, remedy: remedy))
        }
        let damaged = "\(what) looks as if encrypted by ansible-vault, but is damaged: "
        let parsed: VaultEnvelope
        do {
            parsed = try VaultEnvelope(envelope)
        } catch {
            throw failure(
                damaged + error.reason,
                "copy it anew, whole, from what ansible-vault or its encrypt_string printed")
        }
        guard hasPasswords else {
            throw failure(
                "\(what) is encrypted by ansible-vault"
                    + (parsed.label.map { " with the vault id '\($0)'" } ?? "")
                    + ", and no vault password was given",
                Self.waysToGive(parsed.label))
        }
        let own = passwords.indices.filter { passwords[$0].label == (parsed.label ?? "default") }
        let others = isLabelBinding ? [] : passwords.indices.filter { !own.contains($0) }
        for index in own + others {
            do {
                if let plain = try parsed.plainText(keys(of: index, parsed.salt)) { return plain }
            } catch let damage as VaultEnvelope.Damage {
                throw failure(
                    damaged + damage.reason, "encrypt it anew with ansible-vault")
            } catch {
                throw failure(
                    "\(what) is encrypted by ansible-vault and no key can be derived for it",
                    "encrypt it anew with ansible-vault")
            }
        }
        if let label = parsed.label, own.isEmpty {
            let labels = passwords.map(\.label).map { "'\($0)'" }.joined(separator: ", ")
            throw failure(
                "\(what) is encrypted by ansible-vault with the vault id '\(label)', for which no "
                    + "password was given; those given for \(labels) "
                    + (isLabelBinding ? "are not tried" : "do not open it"),
                Self.waysToGive(label))
        }
        throw failure(
            "\(what) is encrypted by ansible-vault, and "
                + (own.count + others.count == 1
                    ? "the vault password does not open it"
                    : "none of the \(own.count + others.count) vault passwords opens it"),
            "check the password; if it is the right one, the text was changed since: encrypt it "
                + "anew")
    }

    private static func waysToGive(_ label: String?) -> String {
        label.map { "give it with --vault-id \($0)@FILE or --vault-id \($0)@prompt" }
            ?? "give it with --vault-password-file FILE, --ask-vault-pass or "
            + "ANSIBLE_VAULT_PASSWORD_FILE"
    }

    private func keys(of index: Int, _ salt: [UInt8]) throws -> VaultEnvelope.Keys {
        let wanted = Derivation(password: index, salt: salt)
        if let known = derived.withLock({ $0[wanted] }) { return known }
        let keys = try VaultEnvelope.Keys(password: passwords[index].bytes, salt: salt)
        derived.withLock { $0[wanted] = keys }
        return keys
    }
}

extension InventoryBuilder {
    /// The text of an encrypted file; nil, with a problem, when it does not open.
    mutating func plainText(
        of envelope: String, at start: SourceLocation, with vault: Vault
    ) -> String? {
        do {
            let bytes = try vault.plainText(of: envelope, at: start, what: "the file")
            if let text = String(validating: bytes, as: UTF8.self) { return text }
            problem(
                start, "what ansible-vault decrypted is not UTF-8",
                remedy: "save the file as UTF-8 with: ansible-vault edit \(start.file)")
        } catch {
            problems += error.problems
        }
        return nil
    }
}
