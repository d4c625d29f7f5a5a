package import SluiceModel

/// Runs the command of a `Match exec` line and gives its exit status.
///
/// ssh gives it to the user's shell (`$SHELL -c`, else `/bin/sh -c`) with nothing to read and its
/// output thrown away. Throws when the command cannot be started, does not end in time, or ends by
/// a signal. The caller owns the process, its deadline and its end.
package typealias SSHMatchCommandRunner = @Sendable (_ command: String) async throws -> Int32

/// Reads `~/.ssh/config` and the system's file as OpenSSH 9.2 does.
///
/// Files are read once, for all hosts: what one reader says comes from one state of them. Where it
/// differs from ssh on purpose is told in docs/ssh.md.
package final class SSHConfigurationReader: Sendable {
    /// How many different commands one host's lines may ask for.
    private static let commandLimit = 256

    private let client: SSHClient
    private let system: SSHConfigurationSystem
    private let userFile: String?
    private let systemFile: String?
    private let sources: SSHSources
    private let runMatchCommand: SSHMatchCommandRunner

    /// - Parameters:
    ///   - userFile: ssh's is `~/.ssh/config`; it may be missing, and others may not write to it.
    ///   - systemFile: ssh's is `/etc/ssh/ssh_config`; relative includes are beside it.
    package init(
        client: SSHClient, userFile: String?, systemFile: String?,
        system: SSHConfigurationSystem = .live, runMatchCommand: @escaping SSHMatchCommandRunner
    ) {
        self.client = client
        let system = system.askingOnceForPorts()
        self.system = system
        self.userFile = userFile
        self.systemFile = systemFile
        self.runMatchCommand = runMatchCommand
        sources = SSHSources(client: client, system: system)
    }

    /// The files that were read so far, sorted: a plan made from the settings depends on them.
    package var filesRead: [String] { sources.paths }

    /// What the files say about a host.
    ///
    /// A command of `Match exec` runs once for each different text, however many lines have it.
    /// - Parameters:
    ///   - host: the name as a person would type it; it comes before any `HostName`.
    ///   - options: as on ssh's command line, cut into words: `-o`, `Port=22`, `-J`, `bastion`.
    ///     They come before the files, and `-F` takes their place.
    /// - Throws: ``ConfigurationError`` for all that ssh refuses.
    package func settings(
        for host: String, options: [String] = []
    ) async throws(ConfigurationError) -> SSHHostSettings {
        let commandLine = try SSHCommandLine(options)
        var results: [String: Bool] = [:]
        while true {
            switch evaluate(host, commandLine, results) {
            case .success(let settings): return settings
            case .failure(.problems(let problems)): throw Self.error(problems)
            case .failure(.needs(let command, let place)):
                results[command] = try await run(command, at: place, before: results.count)
            }
        }
    }

    /// Replaces `~`, tokens and variables, which only stand for something once it is known where
    /// to connect.
    ///
    /// - Parameters: where the connection goes in the end, whatever the configuration says.
    package func paths(
        for settings: SSHHostSettings, host: String, port: Int, user: String
    ) throws(ConfigurationError) -> SSHConnectionPaths {
        let tokens = SSHTokens(
            client, system, typed: Array(settings.name.utf8), host: Array(host.utf8), port: port,
            user: Array(user.utf8),
            keyAlias: Array((settings.hostKeyAlias ?? settings.name).utf8))
        do {
            return try SSHConnectionPaths(settings, tokens, client)
        } catch {
            throw ConfigurationError(
                ConfigurationProblem(
                    at: nil, keyPath: settings.name, error.message, remedy: error.remedy))
        }
    }

    /// The pure part: no command runs, and one that would have to stops it.
    func evaluate(
        _ host: String, _ commandLine: SSHCommandLine, _ results: [String: Bool]
    ) -> Result<SSHHostSettings, SSHEvaluation.Interruption> {
        let directory =
            systemFile.flatMap { file in
                file.lastIndex(of: "/").map { String(file[..<$0]) }
            } ?? "/etc/ssh"
        var evaluation = SSHEvaluation(
            client: client, system: system, sources: sources, systemDirectory: directory,
            host: Array(host.utf8), commandResults: results)
        let files: SSHEvaluation.Files =
            switch commandLine.configurationFile {
            case let path?: .instead(path.lowercased() == "none" ? nil : path)
            case nil: .usual(user: userFile, system: systemFile)
            }
        do throws(SSHEvaluation.Interruption) {
            try evaluation.apply(commandLine)
            return .success(try evaluation.resolve(files))
        } catch {
            return .failure(error)
        }
    }

    private func run(
        _ command: String, at place: SSHPlace, before count: Int
    ) async throws(ConfigurationError) -> Bool {
        guard count < Self.commandLimit else {
            let complaint = SSHComplaint(
                1, "more than \(Self.commandLimit) commands of 'Match exec' for one host",
                remedy: "use fewer of them")
            throw ConfigurationError(complaint.problem(in: place))
        }
        do {
            return try await runMatchCommand(command) == 0
        } catch {
            let complaint = SSHComplaint(
                1, "the command of 'Match exec' failed: \(error)",
                remedy: "run it by hand: \(command)")
            throw ConfigurationError(complaint.problem(in: place))
        }
    }

    private static func error(_ problems: [ConfigurationProblem]) -> ConfigurationError {
        ConfigurationError(problems)
            ?? ConfigurationError(
                ConfigurationProblem(
                    at: nil, "the ssh configuration is wrong", remedy: "run ssh -G with the host"))
    }
}

extension SSHConnectionPaths {
    init(
        _ settings: SSHHostSettings, _ tokens: SSHTokens, _ client: SSHClient
    ) throws(SSHTokens.Failure) {
        func files(
            _ paths: [String], _ expand: ([UInt8]) throws(SSHTokens.Failure) -> [UInt8]
        ) throws(SSHTokens.Failure) -> [String] {
            var expanded: [String] = []
            for path in paths where path.lowercased() != "none" {
                expanded.append(try expand(Array(path.utf8)).text)
            }
            return expanded
        }
        identityFiles =
            settings.identityFiles.isEmpty ? nil : try files(settings.identityFiles, tokens.path)
        certificateFiles = try files(settings.certificateFiles, tokens.path)
        if let paths = settings.userKnownHostsFiles {
            userKnownHostsFiles = try files(paths, tokens.path)
        }
        if let paths = settings.globalKnownHostsFiles {
            globalKnownHostsFiles = try files(paths, tokens.withHome)
        }
        switch settings.identityAgent {
        case nil, "SSH_AUTH_SOCK": agentSocket = client.environment["SSH_AUTH_SOCK"]
        case "none": agentSocket = nil
        case let text?:
            let path = try tokens.path(Array(text.utf8)).text
            agentSocket =
                path.hasPrefix("$") ? client.environment[String(path.dropFirst())] : path
        }
        if case .command(let command)? = settings.proxy {
            proxyCommand = try tokens.proxyCommand(Array(command.utf8)).text
        }
    }
}
