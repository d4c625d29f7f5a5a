import Foundation
import Glibc
import SluiceModel
import SluicePrograms
import SluiceSSH

struct FixtureError: Error, CustomStringConvertible {
    let description: String
}

/// Runs a local tool to its end and returns what it printed on either stream; throws that unless it
/// succeeds.
@discardableResult
func tool(_ arguments: [String], environment: [String: String] = [:]) async throws -> String {
    let result = try await Program(
        "/bin/sh", ["-c", "exec \"$@\" 2>&1", "sh"] + arguments,
        variables: .inherited(updating: environment), limit: .seconds(300)
    ).run()
    guard result.status == .exited(0) else {
        throw FixtureError(description: "\(arguments): \(result.status): \(result.output)")
    }
    return result.output
}

/// A real sshd on a port of the loopback interface, with keys and a directory of its own.
final class SSHServer {
    let directory: String
    let port: Int
    private let child: LeashedProgram
    /// Removes the directory when this is gone.
    private let sweep: LeashedProgram

    var clientKey: String { directory + "/client" }
    var authorizedKeys: String { directory + "/authorized_keys" }
    var knownHosts: String { directory + "/known_hosts" }
    static let user = NSUserName()

    /// - Parameters:
    ///   - trustsAuthority: that a user certificate of the key `authority` lets in.
    ///   - system: Whose users and rules the server and all that it starts have.
    ///   - prepare: Gets the directory, with the host's keys in it; returns more lines for sshd.
    init(
        hostKeys: [String] = ["ed25519"], options: [String] = [], trustsAuthority: Bool = false,
        system: PrivateSystem? = nil, prepare: (String) async throws -> [String] = { _ in [] }
    ) async throws {
        directory = try Self.temporaryDirectory()
        sweep = try await LeashedProgram.start(["sleep", "86400"], removing: directory)
        try await Self.key("ed25519", at: directory + "/client")
        try FileManager.default.copyItem(
            atPath: directory + "/client.pub", toPath: directory + "/authorized_keys")
        var lines = options
        if trustsAuthority {
            try await Self.key("ed25519", at: directory + "/authority")
            lines.append("TrustedUserCAKeys \(directory)/authority.pub")
        }
        for type in hostKeys {
            let file = directory + "/host_" + type
            try await Self.key(type, at: file)
            lines.append("HostKey \(file)")
        }
        lines += try await prepare(directory)
        lines += [
            "ListenAddress 127.0.0.1", "PidFile none", "StrictModes no",
            "UsePAM no", "PermitRootLogin yes", "PasswordAuthentication no",
            "KbdInteractiveAuthentication no", "PrintMotd no", "LogLevel VERBOSE",
            "AuthorizedKeysFile \(directory)/authorized_keys",
            // The start-up files of whoever runs the tests are no part of them.
            "SetEnv HOME=\(directory)",
        ]
        // The logins that tests make fail must not shut out those after them.
        if try await Self.punishes.value { lines.append("PerSourcePenalties no") }
        let configuration = directory + "/sshd_config"
        try (lines.joined(separator: "\n") + "\n").write(
            toFile: configuration, atomically: true, encoding: .utf8)
        // sshd as root wants its empty directory.
        if geteuid() == 0 { unsafe mkdir("/run/sshd", 0o755) }
        (child, port) = try await Self.start(
            configuration, log: directory + "/log", within: system?.entry ?? [])
        var known = ""
        for type in hostKeys {
            known +=
                "[127.0.0.1]:\(port) "
                + (try String(contentsOfFile: directory + "/host_\(type).pub", encoding: .utf8))
        }
        try known.write(toFile: directory + "/known_hosts", atomically: true, encoding: .utf8)
    }

    /// Starts sshd on a free port; on another where somebody has taken it meanwhile.
    private static func start(
        _ configuration: String, log: String, within entry: [String]
    ) async throws -> (LeashedProgram, port: Int) {
        let limit = ContinuousClock.now + .seconds(20)
        while true {
            let port = try freePort()
            let child = try await LeashedProgram.start(
                entry + ["/usr/sbin/sshd", "-D", "-f", configuration, "-p", "\(port)", "-E", log])
            var text = ""
            while !text.contains("Cannot bind any address") {
                text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
                if text.contains("listening") { return (child, port) }
                guard ContinuousClock.now < limit else {
                    throw FixtureError(description: "sshd did not start; \(log): \(text)")
                }
                try await Task.sleep(for: .milliseconds(5))
            }
            await child.stop()
            try FileManager.default.removeItem(atPath: log)
        }
    }

    /// Whether this sshd shuts out addresses whose logins fail, as OpenSSH does since 9.8.
    private static let punishes = Task {
        try await !tool([
            "sh", "-c", "/usr/sbin/sshd -t -f /dev/null -o PerSourcePenalties=no || :",
        ]).contains("Bad configuration option")
    }

    /// No more connections; those that there are go on.
    func stop() async { await child.stop() }

    var log: String { (try? String(contentsOfFile: directory + "/log", encoding: .utf8)) ?? "" }

    func endpoint(
        keyFiles: [String]? = nil, knownHosts: String? = nil, agent: String? = nil,
        host: String = "127.0.0.1", alias: String? = nil, user: String = SSHServer.user,
        throughOpenSSH: Bool = SSHServer.usesOpenSSH
    ) -> SSHEndpoint {
        let endpoint = SSHEndpoint(
            host: host, port: port, user: user, keyFiles: keyFiles ?? [clientKey],
            useAgent: agent != nil, agentSocket: agent,
            knownHostsFiles: [knownHosts ?? self.knownHosts], hostKeyAlias: alias)
        return throughOpenSSH ? endpoint.throughOpenSSH() : endpoint
    }

    /// The same tests run once more through the system's `ssh`.
    static let usesOpenSSH =
        ProcessInfo.processInfo.environment["SLUICE_TEST_TRANSPORT"] == "openssh"

    func write(_ text: String, to name: String) throws -> String {
        let path = directory + "/" + name
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    func authorize(_ publicKeyFile: String) throws {
        let line = try String(contentsOfFile: publicKeyFile, encoding: .utf8)
        let old = try String(contentsOfFile: authorizedKeys, encoding: .utf8)
        try (old + line).write(toFile: authorizedKeys, atomically: true, encoding: .utf8)
    }

    static func key(
        _ type: String, at path: String, passphrase: String = "", options: [String] = []
    ) async throws {
        try await tool(
            ["ssh-keygen", "-q", "-t", type, "-N", passphrase, "-C", "test-" + type, "-f", path]
                + options)
    }

    static func temporaryDirectory() throws -> String {
        var template = Array((NSTemporaryDirectory() + "sluice-ssh-XXXXXX").utf8CString)
        guard unsafe mkdtemp(&template) != nil else {
            throw FixtureError(description: "no temporary directory")
        }
        return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

extension SSHEndpoint {
    /// The same for `ssh`, in words of its command line, without the files of whoever runs the tests.
    ///
    /// - Parameter more: options of `ssh` that an endpoint does not have.
    func throughOpenSSH(_ more: String...) -> SSHEndpoint {
        var endpoint = self
        endpoint.transport = .openssh
        endpoint.jumps = []
        let hasAgent = useAgent && agentSocket != nil
        var options = [
            "Port=\(port)", "User=\(user)",
            "IdentitiesOnly=\(hasAgent && !identitiesOnly ? "no" : "yes")",
            "IdentityAgent=\(hasAgent ? agentSocket ?? "none" : "none")",
            "GlobalKnownHostsFile=/dev/null", "UpdateHostKeys=no",
            "UserKnownHostsFile=\(knownHostsFiles.joined(separator: " "))",
            "StrictHostKeyChecking=\(hostKeyChecking.rawValue)",
        ]
        options += (keyFiles.isEmpty ? ["none"] : keyFiles).map { "IdentityFile=\($0)" }
        options += certificateFiles.map { "CertificateFile=\($0)" }
        if let hostKeyAlias { options.append("HostKeyAlias=\(hostKeyAlias)") }
        if let names = algorithms.hostKeys {
            options.append("HostKeyAlgorithms=\(names.joined(separator: ","))")
        }
        precondition(jumps.count <= 1, "quotes within quotes")
        var proxy = proxyCommand
        if let jump = jumps.first {
            let words = ["ssh"] + jump.throughOpenSSH().sshArguments + ["-W", "\(host):\(port)"]
            proxy = (words + [jump.host]).map { "'\($0)'" }.joined(separator: " ")
        }
        if let proxy { options.append("ProxyCommand=\(proxy)") }
        endpoint.sshArguments = ["-F", "none"] + (more + options).flatMap { ["-o", $0] }
        return endpoint
    }

    /// As a run takes it: through `ssh` where libssh2 is known not to be enough, and why.
    func chosen() async throws -> (endpoint: SSHEndpoint, reason: String?) {
        let finding = try await LibSSH2Limits().finding(for: self)
        return (finding.reason == nil ? self : throughOpenSSH(), finding.reason)
    }
}

/// An ssh-agent with a socket of its own.
final class Agent {
    let socket: String
    private let child: LeashedProgram

    init(in directory: String) async throws {
        let socket = directory + "/agent"
        self.socket = socket
        child = try await LeashedProgram.start(["ssh-agent", "-D", "-a", socket])
        // Its socket is there a moment before it listens: 2 is the status for an agent that can't be
        // reached, and 1 for one without keys.
        try await eventually("ssh-agent listens") {
            try await Program(
                "ssh-add", ["-l"], variables: .inherited(updating: ["SSH_AUTH_SOCK": socket])
            ).run().number < 2
        }
    }

    func add(_ key: String) async throws {
        try await tool(["ssh-add", key], environment: ["SSH_AUTH_SOCK": socket])
    }
}

/// Not gone and not a zombie, whose sockets are closed.
func isRunning(_ pid: Int32) -> Bool {
    guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else {
        return false
    }
    return !text.contains(") Z ")
}

/// Looks every 2 ms until a condition holds; throws at a limit that a busy machine does not reach.
func eventually(
    _ what: String, _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.Instant.generous
    while try await !condition() {
        guard ContinuousClock.now < end else {
            throw FixtureError(description: "not in time: \(what)")
        }
        try await Task.sleep(for: .milliseconds(2))
    }
}

/// Seconds for `sleep`, never slept out, by which this run's process is told from any other's.
func uniqueNap() -> String { "\(Int.random(in: 300_000_000...399_999_999))" }

/// A port of the loopback interface on which nothing listens.
func freePort() throws -> Int {
    let listener = try Listener()
    return listener.port
}

/// A listening socket that answers each connection with what a closure makes of the first read.
final class Listener: @unchecked Sendable {
    let port: Int
    private let socket: Int32

    init() throws {
        let socket = Glibc.socket(
            AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        self.socket = socket
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = unsafe withUnsafeMutablePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(socket, $0, length) == 0 && listen(socket, 16) == 0
                    && getsockname(socket, $0, &length) == 0
            }
        }
        guard bound else { throw FixtureError(description: "no port") }
        port = Int(UInt16(bigEndian: address.sin_port))
    }

    /// Serves on a thread until the listener goes.
    func serve(_ answer: @escaping @Sendable ([UInt8]) -> [UInt8]) {
        let socket = socket
        Thread.detachNewThread {
            while true {
                let client = accept(socket, nil, nil)
                guard client >= 0 else { return }
                var block = [UInt8](repeating: 0, count: 65536)
                let count = unsafe read(client, &block, block.count)
                let bytes = answer(Array(block[0..<max(0, count)]))
                _ = unsafe write(client, bytes, bytes.count)
                close(client)
            }
        }
    }

    deinit {
        shutdown(socket, Int32(SHUT_RDWR))
        close(socket)
    }
}

extension ContinuousClock.Instant {
    /// Long enough for a busy machine; no test waits for it on its good path.
    static var generous: ContinuousClock.Instant { .now + .seconds(60) }
}

/// The error that an operation throws, as the kind that SSH throws.
func sshError(_ body: () async throws -> some Any) async throws -> SSHError {
    do {
        _ = try await body()
    } catch let error as SSHError {
        return error
    }
    throw FixtureError(description: "no error was thrown")
}
