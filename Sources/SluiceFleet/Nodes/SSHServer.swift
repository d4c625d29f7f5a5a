import FoundationEssentials
import Glibc
import SluicePrograms

/// The files and the configuration of one node's OpenSSH server.
struct SSHServer: Sendable {
    let node: Node
    /// Absolute, because sshd starts itself again for every connection.
    let program: String

    var configuration: String { node.directory + "/sshd_config" }
    var log: String { node.directory + "/sshd.log" }
    var hostKey: String { node.directory + "/ssh_host_ed25519_key" }

    static func program() throws -> String {
        for path in ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd"]
        where FileManager.default.isExecutableFile(atPath: path) {
            return path
        }
        throw FleetError(
            .missingProgram, "sshd is not installed",
            remedy: "Run `make setup`, or install the package openssh-server.")
    }

    /// Whether a program shuts out addresses whose logins fail, as OpenSSH does since 9.8.
    static func punishes(_ program: String) async throws -> Bool {
        let outcome = try await Command(
            program, ["-t", "-f", "/dev/null", "-o", "PerSourcePenalties=no"]
        ).run()
        // It may complain about other things, the host keys for one; this one comes first.
        return !outcome.errors.contains("Bad configuration option")
    }

    /// Makes the host key and writes the configuration.
    ///
    /// Logins get a home of the node's own: what the user's shell does when it starts (bash reads
    /// `.bashrc` under sshd, too) must not slow the fleet's hosts down or change them.
    func prepare(clientKey: String, punishes: Bool) async throws {
        try await Self.makeKey(hostKey, comment: node.name)
        try FileManager.default.copyItem(
            atPath: clientKey + ".pub", toPath: node.directory + "/authorized_keys")
        // A home of its own: the start-up files of whoever runs this are no part of the host, and
        // some wait for locks.
        var text = """
            ListenAddress \(node.address):\(node.sshPort)
            HostKey \(hostKey)
            AuthorizedKeysFile \(node.directory)/authorized_keys
            PidFile none
            UsePAM no
            StrictModes no
            PubkeyAuthentication yes
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            PermitRootLogin prohibit-password
            AllowTcpForwarding yes
            MaxStartups 500
            MaxSessions 100
            UseDNS no
            PrintMotd no
            PrintLastLog no
            Subsystem sftp internal-sftp
            SetEnv \(Sweep.variable)=\(node.fleetDirectory) HOME=\(node.directory)

            """
        // The logins that tests make fail must not shut out those after them.
        if punishes { text += "PerSourcePenalties no\n" }
        try Data(text.utf8).write(to: URL(filePath: configuration))
    }

    /// The line of `known_hosts` for the key that the server has now.
    func knownHostsLine() throws -> String {
        let key = try String(contentsOf: URL(filePath: hostKey + ".pub"), encoding: .utf8)
        let words = key.split(separator: " ").prefix(2).joined(separator: " ")
        return "[\(node.address)]:\(node.sshPort) \(words)"
    }

    func start() async throws -> RunningProgram {
        // Where sshd, started by root, separates its privileges.
        if geteuid() == 0, !FileManager.default.fileExists(atPath: "/run/sshd") {
            try FileManager.default.createDirectory(
                atPath: "/run/sshd", withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o755])
        }
        // Not bound to this process's life by the kernel: the guard ends it together with its
        // sessions, which it could not find any more once the listener is gone.
        let child = try await ChildProcess.start(
            program, ["-D", "-e", "-f", configuration], log: log,
            environment: [Sweep.variable: node.fleetDirectory], diesWithParent: false)
        do {
            try await eventually(
                within: .seconds(20), "sshd of \(node.name) does not listen", remedy: "See \(log)."
            ) {
                guard ProcessTable.identity(of: child.pid) != nil else {
                    throw FleetError(
                        .commandFailed, "sshd of \(node.name) ended", remedy: "See \(log).")
                }
                return Loopback.answers(node.address, node.sshPort)
            }
        } catch {
            await child.stop()
            throw error
        }
        return child
    }

    static func makeKey(_ path: String, comment: String) async throws {
        try await Command(
            "ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path]
        )
        .runChecked()
    }
}
