import Foundation
import SluiceConfig
import SluiceModel

/// Reads the inventory and the playbook, and finds the hosts of a play.
struct FleetLoader {
    let settings: Settings
    let options: PlayOptions
    let playbook: Playbook
    let inventory: Inventory
    let sources: [String]
    let warnings: [ConfigurationWarning]
    let extraVars: [String: Value]
    /// One for the whole command: what is checked is what is planned.
    private let shuffleSeed: UInt64

    init(playbook path: String, options: PlayOptions) async throws {
        self.options = options
        shuffleSeed = options.shuffleSeed ?? .random(in: .min ... .max)
        let directory = (path as NSString).deletingLastPathComponent
        settings = try Settings(near: directory.isEmpty ? "." : directory)
        extraVars = try options.fleet.variables()
        playbook = try Playbook.read(file: path)
        sources = try settings.inventory(options.fleet.inventory)
        let reading = try await Self.inventory(
            sources, playbookDirectory: directory.isEmpty ? "." : directory)
        inventory = reading.inventory
        warnings = reading.warnings
    }

    static func inventory(
        _ sources: [String], playbookDirectory: String?
    ) async throws -> InventoryReader.Reading {
        try await InventoryReader(playbookDirectory: playbookDirectory, runScript: runScript)
            .read(sources)
    }

    /// How long an executable inventory may take.
    private static let scriptLimit = Duration.seconds(60)

    private static func runScript(_ path: String, _ arguments: [String]) async throws -> String {
        let outcome = try await ControllerTools.capture(
            path, arguments, limit: scriptLimit)
        guard outcome.status == 0 else {
            throw CommandFailure(
                "inventory-script", "\(path) failed: \(outcome.message)",
                remedy: "run it by hand with \(arguments.joined(separator: " "))",
                status: ExitStatus.invalidInput)
        }
        return outcome.output
    }

    /// The plays to run: all of them, or the one that `--play` names.
    func plays() throws -> [PlayTemplate] {
        guard let name = options.play else {
            if playbook.plays.count > 1, options.artifact != nil || options.release != nil {
                throw CommandFailure(
                    "play-ambiguous",
                    "the playbook has \(playbook.plays.count) plays, and --artifact or --release "
                        + "is for one",
                    remedy: "name the play with --play", status: 64)
            }
            return playbook.plays
        }
        let matching = playbook.plays.filter { $0.writtenName == name }
        guard !matching.isEmpty else {
            let names = playbook.plays.map(\.writtenName)
            throw CommandFailure(
                "play-unknown", "the playbook has no play '\(name)'",
                remedy: nearest(name, in: names).map { "did you mean '\($0)'?" }
                    ?? "its plays are: \(names.joined(separator: ", "))", status: 64)
        }
        return matching
    }

    /// What the play needs to be resolved.
    func inputs(
        for play: PlayTemplate
    ) throws -> (inputs: PlayInputs, warnings: [ConfigurationWarning]) {
        let pattern = try HostPattern(play.hostPattern(extraVars: extraVars))
        let all = try inventory.hosts(matching: pattern)
        var chosen = all.hosts
        var warnings = self.warnings
        func warn(_ terms: [String], _ what: String) {
            for term in terms {
                warnings.append(
                    ConfigurationWarning(
                        at: nil, "\(what) '\(term)' matches no host and no group"))
            }
        }
        warn(all.unmatched, "the host pattern")
        if let text = options.fleet.limit {
            let limited = try inventory.hosts(
                matching: pattern, limit: HostLimit.pattern(text))
            chosen = limited.hosts
            warn(limited.unmatched.filter { !all.unmatched.contains($0) }, "the limit")
            guard !chosen.isEmpty else {
                throw CommandFailure(
                    "no-hosts", "--limit '\(text)' leaves no host of '\(pattern)'",
                    remedy: "see the hosts with: sluice inventory --graph",
                    status: ExitStatus.invalidInput)
            }
        }
        var problems: [ConfigurationProblem] = []
        var notes = HostNotes()
        var hosts: [PlayHost] = []
        for name in all.hosts {
            do {
                let (host, found) = try playHost(name, of: play, &notes)
                hosts.append(host)
                warnings += found.filter { !warnings.contains($0) }
            } catch let error as ConfigurationError {
                problems += error.problems
            }
        }
        if let error = ConfigurationError(problems) { throw error }
        let selected = Set(chosen)
        let inputs = PlayInputs(
            hosts: hosts.filter { selected.contains($0.name) },
            peers: hosts.filter { !selected.contains($0.name) }, groups: inventory.groups,
            extraVars: extraVars, release: options.release, artifact: options.artifact,
            shuffleSeed: shuffleSeed)
        return (inputs, warnings + notes.warnings)
    }

    /// The files that a plan depends on, for the refusal of a stale one.
    func inputDigests() throws -> [InputDigest] {
        try InputFiles.digests(playbook: playbook.file, sources: sources)
    }
}
