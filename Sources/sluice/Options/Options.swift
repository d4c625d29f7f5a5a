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

    /// The variables of `-e`, the later winning.
    func variables() throws -> [String: Value] {
        var result: [String: Value] = [:]
        for text in extraVars { try result.merge(Self.variables(in: text)) { $1 } }
        return result
    }

    private static func variables(in text: String) throws -> [String: Value] {
        if text.hasPrefix("@") || text.hasPrefix("{") {
            let file = text.hasPrefix("@") ? String(text.dropFirst()) : "--extra-vars"
            var source = text
            if text.hasPrefix("@") {
                do {
                    source = try String(contentsOfFile: file, encoding: .utf8)
                } catch {
                    throw CommandFailure(
                        "extra-vars", "the variables file \(file) can't be read",
                        remedy: "check its path",
                        cause: error, status: ExitStatus.invalidInput)
                }
            }
            guard
                case .dict(let values) = try Document.yaml(source, file: file)?.value ?? .null
            else {
                throw CommandFailure(
                    "extra-vars", "\(file) is not a mapping of variables",
                    remedy: "write 'name: value' lines", status: ExitStatus.invalidInput)
            }
            return values
        }
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
            throw CommandFailure(
                "extra-vars", "'\(text)' is not KEY=VALUE",
                remedy: "write -e name=value, or -e @file.yml",
                status: ExitStatus.invalidInput)
        }
        // As in Ansible, the values of KEY=VALUE are texts.
        return [
            String(text[..<equals]).trimmingCharacters(in: .whitespaces):
                .string(String(text[text.index(after: equals)...]))
        ]
    }
}

/// `-u`, `--private-key`, `-b`, `-f`: how hosts are reached.
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
        help: "Run everything on the hosts through sudo -n.")
    var become = false

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

/// Where the journal lives.
struct StateOptions: ParsableArguments {
    @Option(
        name: .customLong("state"),
        help: ArgumentHelp(
            "The state directory with the journal (default: SLUICE_STATE, then sluice.yaml, then "
                + "XDG_STATE_HOME/sluice).", valueName: "dir"))
    var state: String?
}

struct VerbosityOptions: ParsableArguments {
    @Flag(
        name: [.customShort("v"), .customLong("verbose")],
        help: "Show more: every command of every host.")
    var verbose: Int
}
