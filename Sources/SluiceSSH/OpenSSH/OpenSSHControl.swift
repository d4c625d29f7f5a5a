import Glibc
import Subprocess
import SystemPackage

/// The control connections that the channels of one host share.
enum OpenSSHControl {
    /// How long a connection that nobody uses is kept: longer than a drain window, and not so long
    /// that much is left behind by a controller that was killed.
    private static let persistence = 60

    /// A directory of this user's, in which nobody else can put a socket. Throws `SystemError`.
    private static func directory() throws -> String {
        let runtime = unsafe getenv("XDG_RUNTIME_DIR").map { unsafe String(cString: $0) } ?? ""
        // A socket's path has 104 bytes, of which the name takes 51.
        let path =
            runtime.hasPrefix("/") && runtime.utf8.count < 32
            ? "\(runtime)/sluice-ssh" : "/tmp/sluice-ssh-\(geteuid())"
        if unsafe mkdir(path, 0o700) != 0, errno != EEXIST { throw SystemError(number: errno) }
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { throw SystemError(number: errno) }
        let isOurs = status.st_uid == geteuid() && status.st_mode & 0o077 == 0
        guard isOurs, status.st_mode & S_IFMT == S_IFDIR else {
            throw SystemError(number: EPERM)
        }
        return path
    }

    private static func control() throws -> [String] {
        ["-o", "ControlPath=\(try directory())/\(getpid())-%C"]
    }

    /// Options that come before the host's name; what is given first counts.
    static func options(for endpoint: SSHEndpoint) throws -> [String] {
        try control() + ["-o", "ControlMaster=auto", "-o", "ControlPersist=\(persistence)"]
            + loginOptions(for: endpoint)
    }

    private static func loginOptions(for endpoint: SSHEndpoint) -> [String] {
        let seconds = max(1, endpoint.connectTimeout.components.seconds)
        var settings = [
            "RequestTTY=no", "ClearAllForwardings=yes", "ForwardX11=no", "PermitLocalCommand=no",
            "RemoteCommand=none", "EscapeChar=none", "ConnectTimeout=\(seconds)",
        ]
        // It has no terminal to ask at.
        if unsafe getenv("SSH_ASKPASS") == nil { settings.append("BatchMode=yes") }
        return settings.flatMap { ["-o", $0] } + endpoint.sshArguments
    }

    /// What `ssh` and those on the way say of a login with a connection that is not shared: to the
    /// ProxyCommand of a shared one, and to the `ssh` of a jump, it gives no standard error.
    static func words(of endpoint: SSHEndpoint) async -> String {
        let program = endpoint.sshProgram
        var platform = PlatformOptions()
        // So that all that it has started ends with it.
        platform.createSession = true
        platform.teardownSequence = [
            .send(
                signal: .terminalClosed, toProcessGroup: true,
                allowedDurationToNextStep: .seconds(1))
        ]
        let configuration = Configuration(
            executable: program.contains("/") ? .path(FilePath(program)) : .name(program),
            arguments: Arguments(
                ["-o", "ControlPath=none", "-o", "ControlMaster=no"]
                    + loginOptions(for: endpoint) + ["--", endpoint.host, ":"]),
            platformOptions: platform)
        do {
            return try await Subprocess.run(
                configuration, input: .none, output: .discarded, error: .string(limit: 1 << 20)
            ).standardError
        } catch {
            // There is the first error still.
            return ""
        }
    }

    /// Ends the host's control connection, if there is one.
    static func leave(_ endpoint: SSHEndpoint) async {
        guard let control = try? control() else { return }
        let options = control + endpoint.sshArguments
        let words = options + ["-O", "exit", "--", endpoint.host]
        var platform = PlatformOptions()
        platform.teardownSequence = [
            .gracefulShutDown(allowedDurationToNextStep: .seconds(1))
        ]
        let program = endpoint.sshProgram
        let configuration = Configuration(
            executable: program.contains("/") ? .path(FilePath(program)) : .name(program),
            arguments: Arguments(words), platformOptions: platform)
        let task = Task {
            // Without a connection there is nothing to end, which ssh calls an error.
            _ = try? await Subprocess.run(
                configuration, input: .none, output: .discarded, error: .discarded)
        }
        let limit = Task {
            try? await Task.sleep(for: .seconds(3))
            task.cancel()
        }
        await task.value
        limit.cancel()
    }
}
