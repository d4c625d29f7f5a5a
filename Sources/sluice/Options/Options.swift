import ArgumentParser
import Foundation
import SluiceConfig
import SluiceModel

/// `-i`, `-e`, `-l`: what the fleet is.
struct InventoryOptions: ParsableArguments {
    @Option(
        name: [.customShort("i"), .customLong("inventory")],
        help: ArgumentHelp(
            "An inventory: a file, a directory, an executable, or 'host1,host2,'. Repeatable; "
                + "the later wins.", valueName: "source"))
    var inventory: [String] = []

    @Option(
        name: [.customShort("l"), .customLong("limit")],
        help: ArgumentHelp(
            "Only these hosts of the play. The others are counted for capacity, never touched.",
            valueName: "pattern"))
    var limit: String?

    @Option(
        name: [.customShort("e"), .customLong("extra-vars")],
        help: ArgumentHelp(
            "A variable that wins over all others: KEY=VALUE, or @FILE in YAML. Repeatable.",
            valueName: "vars"))
    var extraVars: [String] = []

    @OptionGroup var vault: VaultOptions

    /// The variables of `-e`, the later winning, and the files among them as they were read.
    ///
    /// - Throws: `ConfigurationError` with everything that is wrong in any `-e`.
    func variables(
        opening vault: Vault
    ) throws -> (values: [String: Value], files: [InputDigest]) {
        var values: [String: Value] = [:]
        var files: [InputDigest] = []
        var failures: [(any Error)?] = []
        for text in extraVars {
            do {
                if text.hasPrefix("@") {
                    let path = String(text.dropFirst())
                    let data = try Self.contents(of: path)
                    files.append(
                        InputDigest(
                            path: InputFiles.absolute(path), sha256: FileDigest.sha256(of: data)))
                    let source = try Self.text(data, of: path)
                    values.merge(try Self.mapping(of: source, file: path, vault)) { $1 }
                } else if text.hasPrefix("{") {
                    values.merge(try Self.mapping(text, file: "--extra-vars")) { $1 }
                } else {
                    values.merge(try Self.assignment(text)) { $1 }
                }
            } catch {
                failures.append(error)
            }
        }
        try ConfigurationError.throwAll(failures)
        return (values, files)
    }

    private static func problem(
        _ file: String? = nil, _ message: String, _ remedy: String
    ) -> ConfigurationError {
        ConfigurationError(
            ConfigurationProblem(
                at: file.map { SourceLocation(file: $0, line: 1, column: 1) },
                keyPath: "--extra-vars", message, remedy: remedy))
    }

    private static func contents(of path: String) throws -> Data {
        do {
            return try Data(contentsOf: URL(fileURLWithPath: path))
        } catch {
            throw problem(
                path, "the file can't be read: \(error.localizedDescription)",
                "check its path and its permissions")
        }
    }

    private static func text(_ data: Data, of path: String) throws -> String {
        guard let text = String(validating: data, as: UTF8.self) else {
            throw problem(path, "the file is not UTF-8", "save the file as UTF-8")
        }
        return text
    }

    /// Of a file that may be encrypted: its variables are secrets then.
    private static func mapping(
        of text: String, file: String, _ vault: Vault
    ) throws -> [String: Value] {
        guard Vault.isEnvelope(text) else { return try mapping(text, file: file) }
        let place = SourceLocation(file: file, line: 1, column: 1)
        let plain = try vault.plainText(of: text, at: place, what: "the file")
        do {
            return try mapping(String(decoding: plain, as: UTF8.self), file: file).mapValues {
                .vault(SealedValue(.opened($0), at: place))
            }
        } catch {
            // What is wrong with it would quote it.
            throw problem(
                file, "what ansible-vault decrypted is not a mapping of variables in YAML",
                "mend it with: ansible-vault edit \(file)")
        }
    }

    private static func mapping(_ text: String, file: String) throws -> [String: Value] {
        guard case .dict(let values) = try Document.yaml(text, file: file)?.value ?? .null else {
            throw problem(file, "not a mapping of variables", "write 'name: value' lines")
        }
        return values
    }

    /// As in Ansible, the values of KEY=VALUE are texts.
    private static func assignment(_ text: String) throws -> [String: Value] {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw problem(
                nil, "'\(text)' is not KEY=VALUE", "write -e name=value, or -e @file.yml")
        }
        let name = text[..<equals].trimmingCharacters(in: .whitespaces)
        return [name: .string(String(text[text.index(after: equals)...]))]
    }
}

/// `-u`, `--private-key`, `-k`, `-b`, `-K`, `-f`: how hosts are reached.
struct ConnectionOptions: ParsableArguments {
    @Option(
        name: [.customShort("u"), .customLong("user")],
        help: "The login name, where the inventory gives none.")
    var user: String?

    @Option(
        name: [.customLong("private-key"), .customLong("key-file")],
        help: ArgumentHelp(
            "The private key file, where the inventory gives none.", valueName: "file"))
    var privateKey: String?

    @Flag(
        name: [.customShort("b"), .customLong("become")],
        help: "Run everything on the hosts as another user: root by sudo, if nothing else is said.")
    var become = false

    @OptionGroup var secrets: SecretOptions

    @Option(
        name: [.customShort("f"), .customLong("forks")],
        help: "How many hosts are looked at at once (default: 32).")
    var forks: Int?

    func validate() throws {
        if let forks, forks < 1 { throw ValidationError("--forks is at least 1") }
    }
}

/// The play and its artifact.
struct PlayOptions: ParsableArguments {
    @OptionGroup(title: "Fleet") var fleet: InventoryOptions
    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    @Option(help: ArgumentHelp("The artifact, in place of the playbook's.", valueName: "file"))
    var artifact: String?

    @Option(
        help: ArgumentHelp(
            "The release's id (default: the first 12 digits of the artifact's SHA-256).",
            valueName: "id"))
    var release: String?

    @Option(help: ArgumentHelp("The play to take from a playbook with several.", valueName: "name"))
    var play: String?

    @Flag(help: "Deploy also to hosts that have the release already.")
    var force = false

    @Option(help: ArgumentHelp("The seed of 'order: shuffle'.", valueName: "number"))
    var shuffleSeed: UInt64?
}

/// The play and the release of a rollback.
struct RollbackOptions: ParsableArguments {
    @OptionGroup(title: "Fleet") var fleet: InventoryOptions
    @OptionGroup(title: "Connection") var connection: ConnectionOptions

    @Option(
        help: ArgumentHelp(
            "The release to go back to (default: the one that the hosts had before the last "
                + "deploy, by the journal).", valueName: "release"))
    var to: String?

    @Option(help: ArgumentHelp("The play to take from a playbook with several.", valueName: "name"))
    var play: String?

    @Option(help: ArgumentHelp("The seed of 'order: shuffle'.", valueName: "number"))
    var shuffleSeed: UInt64?

    /// The same as of a deploy, without an artifact.
    func playOptions() throws -> PlayOptions {
        var options = try PlayOptions.parse([])
        options.fleet = fleet
        options.connection = connection
        options.play = play
        options.shuffleSeed = shuffleSeed
        return options
    }
}

/// Whether a plan is carried out, and what is written down of it.
struct ExecutionOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Start without asking.") var yes = false

    @Flag(
        name: [.customShort("C"), .customLong("check")],
        help: "Show the plan and stop, as 'sluice plan' does.")
    var check = false

    @Option(
        help: ArgumentHelp(
            "Write a report: jsonl=FILE (every event, as it happens), junit=FILE, markdown=FILE. "
                + "Repeatable.", valueName: "kind=file"))
    var report: [ReportRequest] = []

    func validate() throws {
        let files = report.map { InputFiles.absolute($0.path) }
        guard Set(files).count == files.count else {
            throw ValidationError("Two reports can't go to the same file.")
        }
    }
}

/// Where the journal lives.
struct StateOptions: ParsableArguments {
    @Option(
        name: .customLong("state"),
        help: ArgumentHelp(
            "The state directory with the journal (default: SLUICE_STATE, then sluice.yaml, then "
                + "XDG_STATE_HOME/sluice).", valueName: "dir"))
    var state: String?
}

/// How long to wait for a service that another rollout is at work on.
struct LockOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Wait so long for another rollout of the service to end (default: not at all).",
            valueName: "duration"))
    var lockWait: TimeSpan = .zero
}

extension TimeSpan: ExpressibleByArgument {
    init?(argument: String) {
        guard let span = TimeSpan(argument) else { return nil }
        self = span
    }
}

struct VerbosityOptions: ParsableArguments {
    @Flag(
        name: [.customShort("v"), .customLong("verbose")],
        help: "Show more: every command of every host.")
    var verbose: Int
}
