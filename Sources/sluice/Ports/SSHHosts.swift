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
    /// What each changing command is told about who sends it.
    private let identity = Mutex<[String: String]>([:])

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
        guard target.ssh.transport == .openssh else {
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
                passphrase: target.ssh.transport == .openssh
                    ? nil : try opened(target) { try $0.keyPassphrase(of: target.name) })
            connections[target] = connection
            return connection
        }
    }

    func read(_ command: ReadCommand, on target: HostTarget) async -> CommandOutcome {
        await run(command.command, on: target)
    }

    /// Tells the scripts of changing commands who sends them.
    func act(as identity: [String: String]) { self.identity.withLock { $0 = identity } }

    func change(_ command: RemoteCommand, on target: HostTarget) async -> CommandOutcome {
        await run(command, on: target)
    }

    /// The command's text, with a password for `sudo` or `su` where that asks for one.
    private func rendered(_ command: RemoteCommand, on target: HostTarget) throws -> String {
        let password = try command.script.escalation.flatMap { escalation in
            try opened(target) {
                try $0.becomePassword(for: target.name, by: escalation.become.method)
            }
        }
        return try command.script.rendered(
            environment: command.effect == .read ? [:] : identity.withLock { $0 },
            password: password.map { String(decoding: $0.content, as: UTF8.self) })
    }

    private func run(_ command: RemoteCommand, on target: HostTarget) async -> CommandOutcome {
        await outcome(of: command.kind) {
            try await connection(to: target).run(
                rendered(command, on: target), deadline: .now + command.deadline.duration)
        }
    }

    func upload(
        _ release: ReleaseArtifact, through receive: RemoteCommand, on target: HostTarget,
        progress: @escaping @Sendable (_ sent: Int, _ total: Int) -> Void
    ) async -> CommandOutcome {
        guard let staging, case .receive(let encoding) = receive.operation else {
            return .unreachable(
                reason: "no artifact was staged for this command",
                remedy: "report this as a defect of Sluice")
        }
        let file: String
        let total: Int
        do {
            file = try await staging.file(encoding)
            total = try Staging.size(of: file)
        } catch {
            return .failed(status: -1, message: "\(error)")
        }
        return await outcome(of: receive.kind) {
            try await connection(to: target).upload(
                file: file, to: rendered(receive, on: target),
                deadline: .now + receive.deadline.duration,
                progress: { progress(Int($0), total) })
        }
    }

    private func outcome(
        of kind: HostOperation.Kind, _ body: () async throws -> CommandResult
    ) async -> CommandOutcome {
        do {
            let result = try await body()
            switch result.exit {
            case .code(0): return CommandOutcome(kind, output: result.stdout)
            case .code(let status):
                let text = result.stderr.suffix(2000).trimmingCharacters(
                    in: .whitespacesAndNewlines)
                return .failed(status: Int(status), message: text)
            case .unknown(let reason): return .unknown(reason: reason)
            }
        } catch let error as RemoteScript.MissingValue {
            return .unreachable(
                reason: "the plan has no value for '\(error.place.rawValue)' of this host",
                remedy: "make the plan again with this version of Sluice")
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
