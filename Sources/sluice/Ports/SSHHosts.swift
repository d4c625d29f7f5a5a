import Foundation
import SluiceEngine
import SluiceModel
import SluiceSSH
import Synchronization

/// The fleet's hosts over SSH: one connection each, opened when it is first needed.
final class SSHHosts: HostChanging {
    private let staging: Staging?
    private let secrets: RunSecrets.Given?
    private let connections = Mutex<[HostTarget: SSHConnection]>([:])
    /// Assignments that go before each changing command, as `sh` takes them.
    private let identity = Mutex("")

    /// - Parameters:
    ///   - staging: What uploads send; `nil` where nothing is ever pushed.
    ///   - secrets: `nil` where no host is ever contacted.
    init(staging: Staging?, secrets: RunSecrets.Given?) {
        self.staging = staging
        self.secrets = secrets
    }

    private func interaction(for target: HostTarget) -> SSHInteraction {
        let desk = secrets?.desk
        var interaction = SSHInteraction(notice: { Terminal.complain("\(target.name): \($0)") })
        if let desk {
            interaction.confirm = { try await desk.confirm($0, for: target.name) }
        }
        return interaction
    }

    private func opened<Opened>(
        _ target: HostTarget, _ body: (RunSecrets.Given) throws -> Opened?
    ) throws(SSHError) -> Opened? {
        do {
            return try secrets.flatMap { try body($0) }
        } catch {
            throw SSHError(
                SSHError.Code("secret"), host: target.name, operation: "open a password",
                "\(target.name): a password of the inventory cannot be opened",
                remedy: "give the password of ansible-vault: --vault-password-file or -J",
                cause: error)
        }
    }

    /// The inventory's, if any. The ssh program has no use for one, which is said once.
    private func password(for target: HostTarget) throws(SSHError) -> Secret? {
        guard target.ssh?.transport == .openssh else {
            return try opened(target) { try $0.password(of: target.name) }
        }
        if let secrets, secrets.desk.password != nil || secrets.hosts.hasPassword(of: target.name),
            secrets.hosts.isFirst("openssh")
        {
            Terminal.complain(
                "sluice: the login password is not used: with 'transport: openssh' the ssh program "
                    + "logs in, which asks nobody; use keys or ssh-agent, or set SSH_ASKPASS")
        }
        return nil
    }

    /// Throws an `SSHError` where a password of the inventory cannot be opened.
    func connection(to target: HostTarget) throws -> SSHConnection {
        try connections.withLock { connections in
            if let connection = connections[target] { return connection }
            let connection = SSHConnection(
                SSHEndpoint(target), interaction: interaction(for: target),
                secrets: secrets?.desk, password: try password(for: target),
                passphrase: target.ssh?.transport == .openssh
                    ? nil : try opened(target) { try $0.keyPassphrase(of: target.name) })
            connections[target] = connection
            return connection
        }
    }

    func read(_ command: ReadCommand, on target: HostTarget) async -> CommandOutcome {
        await run(command.command, on: target)
    }

    /// Tells the scripts of changing commands who sends them.
    func act(as identity: [String: String]) {
        let words = identity.sorted { $0.key < $1.key }
            .map { "\($0.key)=\(ShellWord.quoted($0.value))" }.joined(separator: " ")
        self.identity.withLock { $0 = words.isEmpty ? "" : "export \(words)\n" }
    }

    func change(_ command: RemoteCommand, on target: HostTarget) async -> CommandOutcome {
        await run(identified(command), on: target)
    }

    private func identified(_ command: RemoteCommand) -> RemoteCommand {
        var command = command
        command.script = identity.withLock { $0 } + command.script
        return command
    }

    /// With a password for `sudo` or `su`, where that asks for one.
    private func escalated(_ script: String, on target: HostTarget) throws -> String {
        guard let become = target.become else { return script }
        let password = try opened(target) {
            try $0.becomePassword(for: target.name, by: become.method)
        }
        return EscalatedScript.with(
            password.map { String(decoding: $0.content, as: UTF8.self) }, script, for: become)
    }

    private func run(_ command: RemoteCommand, on target: HostTarget) async -> CommandOutcome {
        await outcome {
            try await connection(to: target).run(
                escalated(command.script, on: target), deadline: .now + command.deadline.duration)
        }
    }

    func upload(
        _ release: ReleaseArtifact, through receive: RemoteCommand, on target: HostTarget,
        progress: @escaping @Sendable (Int) -> Void
    ) async -> CommandOutcome {
        guard let staging else {
            return .unreachable(
                reason: "no artifact was staged for this command",
                remedy: "report this as a defect of Sluice")
        }
        let file: String
        do {
            // The plan's command says in which form it takes the bytes.
            file = try await staging.file(compressed: receive.script.contains("zstd -dcq >"))
        } catch {
            return .failed(status: -1, message: "\(error)")
        }
        return await outcome {
            try await connection(to: target).upload(
                file: file, to: escalated(identified(receive).script, on: target),
                deadline: .now + receive.deadline.duration,
                progress: { progress(Int($0)) })
        }
    }

    private func outcome(
        _ body: () async throws -> CommandResult
    ) async -> CommandOutcome {
        do {
            let result = try await body()
            switch result.exit {
            case .code(0): return .succeeded(CommandReport.values(in: result.stdout))
            case .code(let status):
                let text = result.stderr.suffix(2000).trimmingCharacters(
                    in: .whitespacesAndNewlines)
                return .failed(status: Int(status), message: text)
            case .unknown(let reason): return .unknown(reason: reason)
            }
        } catch let error as SSHError {
            if error.mayHaveRun || error.code == .timedOut {
                return .unknown(reason: error.explained)
            }
            return .unreachable(
                reason: error.explained, remedy: error.remedy, code: error.codeName)
        } catch {
            return .unknown(reason: "\(error)")
        }
    }

    func close() async {
        let all = connections.withLock { connections in
            defer { connections = [:] }
            return Array(connections.values)
        }
        await withTaskGroup(of: Void.self) { group in
            for connection in all { group.addTask { await connection.close() } }
        }
    }
}
