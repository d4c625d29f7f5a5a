package import SluiceModel

/// Reads `ansible_host`, `ansible_user`, `ansible_ssh_common_args`, `ansible_become` and their
/// kin from the variables of one host.
package struct ConnectionVariables {
    package struct Reading: Sendable, Hashable {
        package var settings: ConnectionSettings
        package var warnings: [ConfigurationWarning]
    }

    private let host: String
    private let variables: [String: Value]
    private let vault: Vault
    private let render: (String) throws -> String
    private var problems: [ConfigurationProblem] = []
    private var warnings: [ConfigurationWarning] = []

    /// - Parameters:
    ///   - host: the name in the inventory, which is the address unless a variable says otherwise.
    ///   - vault: opens encrypted passwords, when they are asked for.
    ///   - render: resolves the templates in a text.
    /// - Throws: ``ConfigurationError`` with all problems; they name the variable, since variables
    ///   come merged from many files.
    package static func read(
        host: String, variables: [String: Value], vault: Vault = Vault(),
        render: (String) throws -> String
    ) throws(ConfigurationError) -> Reading {
        let result: Result<Reading, ConfigurationError> = withoutActuallyEscaping(render) {
            render in
            var reader = ConnectionVariables(
                host: host, variables: variables, vault: vault, render: render)
            let settings = reader.settings()
            if let error = ConfigurationError(reader.problems) { return .failure(error) }
            return .success(Reading(settings: settings, warnings: reader.warnings))
        }
        return try result.get()
    }

    private init(
        host: String, variables: [String: Value], vault: Vault,
        render: @escaping (String) throws -> String
    ) {
        self.host = host
        self.variables = variables
        self.vault = vault
        self.render = render
    }

    private mutating func problem(_ name: String, _ message: String, _ remedy: String) {
        problems.append(
            ConfigurationProblem(at: nil, keyPath: "\(host).\(name)", message, remedy: remedy))
    }

    /// The first of the names that is set to something, rendered.
    private mutating func first(_ names: String...) -> (name: String, value: Value)? {
        for name in names {
            guard let value = variables[name] else { continue }
            switch value {
            case .null: continue
            case .vault:
                problem(
                    name,
                    "the value is encrypted by ansible-vault: it would be stored in the plan and "
                        + "shown",
                    "give this variable in plain text, or with -e; only passwords may be encrypted")
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
        settings.becomePassword = secret(
            "ansible_sudo_pass", "ansible_become_pass", "ansible_become_password")
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
        for name in ["ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args"] {
            if let arguments = first(name) {
                apply(arguments.value.text, name, to: &settings)
            }
        }
        if flag(first("ansible_become")) == true { settings.become = become() }
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
        if let command = first("ansible_ssh_executable") {
            warnings.append(
                ConfigurationWarning(
                    at: nil, "\(host): \(command.name) is not used: no ssh program is run"))
        }
    }

    private mutating func become() -> ConnectionSettings.Become? {
        let method = first("ansible_become_method")?.value.text ?? "sudo"
        let defaults = ["sudo": ["-H", "-S", "-n"], "su": [], "doas": []]
        let short = method.split(separator: ".").last.map(String.init) ?? method
        guard let defaultFlags = defaults[short] else {
            let guess = nearest(short, in: defaults.keys.sorted()).map { "; did you mean \($0)?" }
            problem(
                "ansible_become_method",
                "the method '\(method)' is not supported: expected sudo, su or doas\(guess ?? "")",
                "use sudo where you can")
            return nil
        }
        var flags = defaultFlags
        if let written = first("ansible_become_flags") {
            do {
                flags = try ShellWords.split(written.value.text, comments: false).map(\.text)
            } catch {
                problem(written.name, error.message, error.remedy)
            }
        }
        return ConnectionSettings.Become(
            user: first("ansible_become_user")?.value.text ?? "root", method: short,
            exe: first("ansible_become_exe")?.value.text ?? short, flags: flags)
    }

    // MARK: Arguments of ssh

    /// Options that steer how ssh shares or keeps connections, which Sluice does its own way.
    private static let withoutEffect: Set<String> = [
        "controlmaster", "controlpersist", "controlpath", "serveraliveinterval",
        "serveralivecountmax", "tcpkeepalive", "loglevel", "compression", "batchmode",
        "forwardx11", "requesttty",
    ]

    private static let known = [
        "UserKnownHostsFile", "Port", "User", "IdentityFile", "StrictHostKeyChecking",
        "ConnectTimeout", "IdentitiesOnly", "ProxyJump",
    ]

    /// As for ssh itself, what was said first stays; identity files add up.
    private mutating func apply(
        _ text: String, _ name: String, to settings: inout ConnectionSettings
    ) {
        var words: [String]
        do {
            words = try ShellWords.split(text, comments: false).map(\.text)
        } catch {
            problem(name, error.message, error.remedy)
            return
        }
        let shorthand: [String: String] = [
            "-p": "Port", "-l": "User", "-i": "IdentityFile", "-J": "ProxyJump",
        ]
        let ignored: Set<String> = ["-C", "-q", "-4", "-6", "-T", "-tt", "-t", "-x", "-a"]
        while !words.isEmpty {
            let word = words.removeFirst()
            if ignored.contains(word) || word.dropFirst().allSatisfy({ $0 == "v" }) && word != "-" {
                continue
            }
            let letter = String(word.prefix(2))
            guard letter == "-o" || shorthand[letter] != nil else {
                problem(
                    name, "the ssh argument '\(word)' has no meaning here",
                    "remove it; -o options, -p, -l, -i and -J are understood")
                return
            }
            var argument = String(word.dropFirst(2))
            if argument.isEmpty {
                guard !words.isEmpty else {
                    problem(name, "'\(word)' needs a value after it", "write the value")
                    return
                }
                argument = words.removeFirst()
            }
            if let option = shorthand[letter] {
                set(option, argument, name, &settings)
                continue
            }
            let parts = argument.split(maxSplits: 1) { $0 == "=" || $0 == " " || $0 == "\t" }
            guard parts.count == 2 else {
                problem(
                    name, "expected -o Option=value, found '-o \(argument)'", "write the value")
                continue
            }
            set(String(parts[0]), String(parts[1]).trimmingWhitespace, name, &settings)
        }
    }

    private mutating func set(
        _ option: String, _ value: String, _ name: String,
        _ settings: inout ConnectionSettings
    ) {
        let found = (name: name, value: Value.string(value))
        switch option.lowercased() {
        case "userknownhostsfile":
            guard settings.knownHostsFiles.isEmpty else { return }
            settings.knownHostsFiles = value.split(separator: " ").map(String.init)
        case "port": settings.port = settings.port ?? number(found, 1...65535)
        case "user": settings.user = settings.user ?? value
        case "identityfile":
            if !settings.identityFiles.contains(value) { settings.identityFiles.append(value) }
        case "identitiesonly":
            settings.identitiesOnly = settings.identitiesOnly ?? flag(found)
        case "connecttimeout":
            settings.connectTimeout = settings.connectTimeout ?? number(found, 0...86400)
        case "proxyjump": settings.proxyJump = settings.proxyJump ?? value
        case "stricthostkeychecking":
            guard settings.hostKeyChecking == nil else { return }
            switch value.lowercased() {
            case "yes", "true": settings.hostKeyChecking = .yes
            case "no", "off", "false": settings.hostKeyChecking = .no
            case "accept-new": settings.hostKeyChecking = .acceptNew
            case "ask": settings.hostKeyChecking = .ask
            default:
                problem(
                    name, "StrictHostKeyChecking cannot be '\(value)'",
                    "write yes, accept-new, ask or no")
            }
        case let other where Self.withoutEffect.contains(other): break
        default:
            let guess = nearest(option, in: Self.known).map { "; did you mean \($0)?" } ?? ""
            problem(
                name, "the ssh option '\(option)' is not supported\(guess)",
                "remove it, or move it to ~/.ssh/config if it is only for ssh itself; understood "
                    + "are \(Self.known.joined(separator: ", "))")
        }
    }
}
