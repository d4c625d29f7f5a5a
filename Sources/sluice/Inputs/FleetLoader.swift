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
    /// Opens what ansible-vault encrypted, when it is needed.
    let vault: Vault
    /// One for the whole command: what is checked is what is planned.
    private let shuffleSeed: UInt64
    private let variableFiles: [InputDigest]
    /// Nothing of them is asked for or read before a host is to be contacted.
    let secrets: RunSecrets
    private let scripts: InventoryScripts
    let ssh: SSHWays
    private let known = KnownInputs()

    init(playbook path: String, options: PlayOptions) async throws {
        self.options = options
        secrets = RunSecrets(options.connection.secrets)
        shuffleSeed = options.shuffleSeed ?? .random(in: .min ... .max)
        let directory = (path as NSString).deletingLastPathComponent
        settings = try Settings(near: directory.isEmpty ? "." : directory)
        sources = try settings.inventory(options.fleet.inventory)
        let scripts = InventoryScripts()
        self.scripts = scripts
        ssh = try SSHWays()
        let vault = try await VaultPasswords.vault(options.fleet.vault)
        self.vault = vault
        // None of them needs another one: what is wrong with any of them is told at once.
        let variables = Result { try options.fleet.variables(opening: vault) }
        let playbook = Result { try Playbook.read(file: path) }
        let reading: Result<InventoryReader.Reading, any Error>
        do {
            reading = .success(
                try await Self.inventory(
                    sources, playbookDirectory: directory.isEmpty ? "." : directory,
                    scripts: scripts, vault: vault))
        } catch {
            reading = .failure(error)
        }
        try ConfigurationError.throwAll([variables.failure, playbook.failure, reading.failure])
        (extraVars, variableFiles) = try variables.get()
        self.playbook = try playbook.get()
        inventory = try reading.get().inventory
        warnings = try reading.get().warnings
    }

    static func inventory(
        _ sources: [String], playbookDirectory: String?,
        scripts: InventoryScripts = InventoryScripts(), vault: Vault, readsGroups: Bool = false
    ) async throws -> InventoryReader.Reading {
        var reader = InventoryReader(
            playbookDirectory: playbookDirectory,
            runScript: { try await scripts.run($0, $1) }, vault: vault)
        reader.readsGroups = readsGroups
        return try await reader.read(sources)
    }

    /// The plays to run: all of them, or the one that `--play` names.
    func plays() throws -> [PlayTemplate] {
        guard let name = options.play else {
            if playbook.plays.count > 1, options.artifact != nil || options.release != nil {
                throw CommandFailure(
                    "play-ambiguous",
                    "the playbook has \(playbook.plays.count) plays, and --artifact or --release "
                        + "is for one",
                    remedy: "name the play with --play", status: ExitStatus.usage)
            }
            return playbook.plays
        }
        let matching = playbook.plays.filter { $0.writtenName == name }
        guard !matching.isEmpty else {
            let names = playbook.plays.map(\.writtenName)
            throw CommandFailure(
                "play-unknown", "the playbook has no play '\(name)'",
                remedy: nearest(name, in: names).map { "did you mean '\($0)'?" }
                    ?? "its plays are: \(names.joined(separator: ", "))", status: ExitStatus.usage)
        }
        return matching
    }

    /// What was seen when plays were checked.
    struct Checked {
        var hosts = 0
        /// Each once.
        var warnings: [ConfigurationWarning] = []
    }

    /// Resolves every play on every host; connects to nothing.
    ///
    /// - Parameters:
    ///   - needsArtifacts: whether an artifact that is not there is a problem.
    ///   - isRollback: whether the plays are for a release that the hosts hold.
    /// - Throws: `ConfigurationError` with everything that is wrong in any of them: a second play
    ///   must not be found wanting when the first has been carried out.
    @discardableResult
    func check(
        _ plays: [PlayTemplate], needsArtifacts: Bool, isRollback: Bool = false
    ) async throws -> Checked {
        var checked = Checked()
        var failures: [(any Error)?] = []
        for play in plays {
            do {
                var (inputs, notes) = try await inputs(for: play)
                known.keep((inputs, notes), for: play)
                let told = Set(checked.warnings)
                if needsArtifacts {
                    failures.append(Result { try requireArtifact(of: play, inputs) }.failure)
                }
                // The id comes from the artifact's bytes, and no template depends on its value.
                inputs.release = inputs.release ?? "release"
                if isRollback { inputs.goBack(to: "release", fileName: "artifact") }
                let resolved = try play.resolve(inputs)
                checked.hosts += resolved.play.hosts.count
                checked.warnings += (notes + resolved.warnings).filter { !told.contains($0) }
            } catch {
                failures.append(error)
            }
        }
        do {
            try ConfigurationError.throwAll(failures)
        } catch {
            // A variable may be missing because of what these are about.
            for warning in warnings { Terminal.complain("\(warning)") }
            throw error
        }
        return checked
    }

    private func requireArtifact(of play: PlayTemplate, _ inputs: PlayInputs) throws {
        let source = InputFiles.absolute(try play.artifactSource(inputs))
        guard !FileManager.default.fileExists(atPath: source) else { return }
        throw ConfigurationError(
            ConfigurationProblem(
                at: inputs.artifact == nil ? play.location : nil,
                keyPath: inputs.artifact == nil ? "artifact.source" : "--artifact",
                "there is no artifact at \(source)", remedy: Staging.missingRemedy))
    }

    /// The names of the hosts to deploy to.
    func hostNames(of play: PlayTemplate) throws -> [String] { try hosts(of: play).chosen }

    /// What the play needs to be resolved; of a play that was checked, what was found out for that.
    func inputs(
        for play: PlayTemplate
    ) async throws -> (inputs: PlayInputs, warnings: [ConfigurationWarning]) {
        if let known = known.take(play) { return known }
        let (all, chosen, unmatched) = try hosts(of: play)
        var warnings = self.warnings + unmatched
        var told = Set(warnings)
        var problems = HostProblems()
        var hosts: [PlayHost] = []
        for name in all {
            do {
                let (host, found) = try await playHost(name, of: play)
                hosts.append(host)
                warnings += found.filter { told.insert($0).inserted }
            } catch let error as ConfigurationError {
                problems.add(error.problems, of: name)
            }
        }
        if let error = ConfigurationError(problems.all) { throw error }
        let selected = Set(chosen)
        let inputs = PlayInputs(
            hosts: hosts.filter { selected.contains($0.name) },
            peers: hosts.filter { !selected.contains($0.name) }, groups: inventory.groups,
            extraVars: extraVars, release: options.release, artifact: options.artifact,
            shuffleSeed: shuffleSeed)
        return (inputs, warnings)
    }

    /// The play's hosts, those of them that `--limit` leaves, and a warning for each term that
    /// matches nothing.
    private func hosts(
        of play: PlayTemplate
    ) throws -> (all: [String], chosen: [String], unmatched: [ConfigurationWarning]) {
        var warnings: [ConfigurationWarning] = []
        func warn(_ terms: [String], _ what: String) {
            for term in terms {
                warnings.append(
                    ConfigurationWarning(
                        at: nil,
                        "\(what) '\(term)' matches no host and no group"
                            + (meant(term).map { "; did you mean '\($0)'?" } ?? "")))
            }
        }
        let pattern: HostPattern
        let all: HostMatch
        do {
            pattern = try HostPattern(play.hostPattern(extraVars: extraVars))
            all = try inventory.hosts(matching: pattern)
        } catch let error as HostPatternError {
            throw ConfigurationError(
                ConfigurationProblem(
                    at: play.location, keyPath: "hosts", error.message, remedy: error.remedy))
        }
        try refuse(pattern, all, "hosts", at: play.location)
        warn(all.unmatched, "the host pattern")
        guard let text = options.fleet.limit else { return (all.hosts, all.hosts, warnings) }
        let limit: HostPattern
        let limited: HostMatch
        do {
            limit = try HostLimit.pattern(text)
            limited = try inventory.hosts(matching: pattern, limit: limit)
        } catch let error as HostPatternError {
            throw ConfigurationError(
                ConfigurationProblem(
                    at: nil, keyPath: "--limit", error.message, remedy: error.remedy))
        }
        try refuse(limit, limited, "--limit", at: nil)
        warn(limited.unmatched.filter { !all.unmatched.contains($0) }, "the limit")
        guard !limited.hosts.isEmpty else {
            let guesses = limited.unmatched.compactMap(meant).map { "'\($0)'" }
            throw ConfigurationError(
                ConfigurationProblem(
                    at: nil, keyPath: "--limit", "'\(text)' leaves no host of '\(pattern)'",
                    remedy: (guesses.isEmpty
                        ? "" : "did you mean \(guesses.joined(separator: ", "))? ")
                        + "see the hosts with: sluice inventory --graph"))
        }
        return (all.hosts, limited.hosts, warnings)
    }

    /// The host or the group whose name is nearest to one that nothing has.
    private func meant(_ name: String) -> String? {
        nearest(name, in: inventory.hosts + inventory.groups.keys.sorted())
    }

    /// A name that is excluded and that nothing has: misspelt, it lets in what was to be left out.
    private func refuse(
        _ pattern: HostPattern, _ match: HostMatch, _ keyPath: String, at location: SourceLocation?
    ) throws {
        for term in pattern.terms where term.hasPrefix("!") {
            let name = String(term.dropFirst())
            let isPlain = !name.contains { "*?[~".contains($0) }
            guard isPlain, match.unmatched.contains(name) else { continue }
            throw ConfigurationError(
                ConfigurationProblem(
                    at: location, keyPath: keyPath,
                    "'\(term)' excludes no host and no group: there is no '\(name)'",
                    remedy: meant(name).map { "did you mean '!\($0)'?" }
                        ?? "take the term out, or correct the name"))
        }
    }

    /// What a plan depends on, for the refusal of a stale one: files, and what scripts printed.
    func inputDigests() throws -> [InputDigest] {
        try InputFiles.digests(
            playbook: playbook.file, sources: sources, limit: options.fleet.limit)
            + variableFiles + scripts.digests + InputFiles.digests(of: ssh.filesRead)
    }
}

/// The inputs of plays from their check to their plan, by where each play is written.
///
/// Of one task: whoever loads a fleet goes through its plays one by one.
private final class KnownInputs {
    typealias Found = (inputs: PlayInputs, warnings: [ConfigurationWarning])

    private var all: [SourceLocation: Found] = [:]

    func keep(_ found: Found, for play: PlayTemplate) { all[play.location] = found }

    /// They take memory for each host, which is wanted for the plan.
    func take(_ play: PlayTemplate) -> Found? { all.removeValue(forKey: play.location) }
}

extension PlayInputs {
    /// - Parameter fileName: What the release came from, where that is known.
    mutating func goBack(to release: String, fileName: String?) {
        self.release = release
        isRollback = true
        releaseFileName = fileName
    }
}
