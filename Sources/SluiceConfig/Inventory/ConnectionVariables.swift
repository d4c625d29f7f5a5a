package import SluiceModel

/// Reads `ansible_host`, `ansible_user`, `ansible_ssh_common_args` and their kin, and the passwords,
/// from the variables of one host.
package struct ConnectionVariables {
    package struct Reading: Sendable, Hashable {
        package var settings: ConnectionSettings
        package var warnings: [ConfigurationWarning]
    }

    private let host: String
    private let variables: [String: Value]
    private let place: (String) -> SourceLocation?
    private let vault: Vault
    private let render: (String) throws -> String
    private var problems: [ConfigurationProblem] = []
    private var warnings: [ConfigurationWarning] = []

    /// - Parameters:
    ///   - host: the name in the inventory, which is the address unless a variable says otherwise.
    ///   - place: where a variable is written, for messages, as far as that is known.
    ///   - vault: opens encrypted passwords, when they are asked for.
    ///   - render: resolves the templates in a text.
    /// - Throws: ``ConfigurationError`` with all problems; they name the variable, since variables
    ///   come merged from many files.
    package static func read(
        host: String, variables: [String: Value],
        place: @escaping (String) -> SourceLocation? = { _ in nil },
        vault: Vault = Vault(), render: (String) throws -> String
    ) throws(ConfigurationError) -> Reading {
        let result: Result<Reading, ConfigurationError> = withoutActuallyEscaping(render) {
            render in
            var reader = ConnectionVariables(
                host: host, variables: variables, place: place, vault: vault, render: render)
            let settings = reader.settings()
            if let error = ConfigurationError(reader.problems) { return .failure(error) }
            return .success(Reading(settings: settings, warnings: reader.warnings))
        }
        return try result.get()
    }

    private init(
        host: String, variables: [String: Value], place: @escaping (String) -> SourceLocation?,
        vault: Vault, render: @escaping (String) throws -> String
    ) {
        self.host = host
        self.variables = variables
        self.place = place
        self.vault = vault
        self.render = render
    }

    private mutating func problem(_ name: String, _ message: String, _ remedy: String) {
        problems.append(
            ConfigurationProblem(
                at: place(name), keyPath: "\(host).\(name)", message, remedy: remedy))
    }

    /// The first of the names that is set to something, rendered.
    private mutating func first(_ names: String...) -> (name: String, value: Value)? {
        for name in names {
            guard let value = variables[name] else { continue }
            switch value {
            case .null: continue
            case .vault:
                problem(name, VaultedVariable.message, VaultedVariable.remedy)
                return nil
            case .string(let text):
                do {
                    let rendered = try render(text)
                    if rendered.isEmpty { continue }
                    return (name, .string(rendered))
                } catch {
                    problem(
                        name, "the template cannot be resolved: \(error)",
                        "define the variables that it uses for this host")
                    return nil
                }
            default: return (name, value)
            }
        }
        return nil
    }

    /// The first of the names that is set to something, to be opened when it is needed.
    private func secret(_ names: String...) -> SecretVariable? {
        for name in names {
            guard let value = variables[name], value != .null, value != .string("") else {
                continue
            }
            return TemplateRendering.secret(
                "\(host).\(name)", value, over: variables, vault: vault)
        }
        return nil
    }

    private mutating func number(_ found: (name: String, value: Value)?, _ range: ClosedRange<Int>)
        -> Int?
    {
        guard let found else { return nil }
        let number: Int? =
            switch found.value {
            case .int(let number): number
            case .string(let text): Int(text.trimmingWhitespace)
            default: nil
            }
        guard let number, range.contains(number) else {
            problem(
                found.name,
                "expected a whole number from \(range.lowerBound) to \(range.upperBound), found "
                    + "'\(found.value.text)'", "write a number")
            return nil
        }
        return number
    }

    private mutating func flag(_ found: (name: String, value: Value)?) -> Bool? {
        guard let found else { return nil }
        if case .bool(let flag) = found.value { return flag }
        switch found.value.text.lowercased() {
        case "yes", "true", "on", "y", "t", "1", "1.0": return true
        case "no", "false", "off", "n", "f", "0", "0.0": return false
        default:
            problem(
                found.name, "expected yes or no, found '\(found.value.text)'", "write true or false"
            )
            return nil
        }
    }

    // MARK: The settings

    private mutating func settings() -> ConnectionSettings {
        checkConnection()
        let address = first("ansible_ssh_host", "ansible_host")?.value.text ?? host
        var settings = ConnectionSettings(address: address)
        settings.port = number(first("ansible_ssh_port", "ansible_port"), 1...65535)
        settings.user = first("ansible_ssh_user", "ansible_user")?.value.text
        settings.password = secret(
            "ansible_ssh_password", "ansible_ssh_pass", "ansible_password")
        for method in Become.Method.allCases {
            settings.becomePasswords[method] = secret(
                "ansible_\(method.rawValue)_pass", "ansible_become_pass", "ansible_become_password")
        }
        settings.keyPassphrase = secret(
            "ansible_ssh_private_key_passphrase", "ansible_private_key_passphrase")
        if let file = first("ansible_ssh_private_key_file", "ansible_private_key_file") {
            settings.identityFiles = [file.value.text]
        }
        settings.connectTimeout = number(
            first("ansible_ssh_timeout", "ansible_timeout"), 0...86400)
        if let check = flag(first("ansible_ssh_host_key_checking", "ansible_host_key_checking")),
            !check
        {
            settings.hostKeyChecking = .no
        }
        settings.sshArguments = words("ansible_ssh_args")
        settings.moreSSHArguments =
            words("ansible_ssh_common_args") + words("ansible_ssh_extra_args")
        settings.sshProgram = first("ansible_ssh_executable")?.value.text
        return settings
    }

    private mutating func checkConnection() {
        if let connection = first("ansible_connection") {
            let name = connection.value.text
            let known = ["ssh", "smart", "paramiko", "paramiko_ssh"]
            if !known.contains(name.split(separator: ".").last.map(String.init) ?? name) {
                problem(
                    connection.name, "the connection '\(name)' is not supported: expected ssh",
                    "remove the variable, or leave the host out with --limit '!\(host)'")
            }
        }
    }

    /// Arguments of ssh, which its own configuration's reader understands.
    private mutating func words(_ name: String) -> [String] {
        guard let found = first(name) else { return [] }
        do {
            return try ShellWords.split(found.value.text, comments: false).map(\.text)
        } catch {
            problem(found.name, error.message, error.remedy)
            return []
        }
    }
}
