import SluiceModel
import Synchronization

/// What libssh2 cannot do for a host, by what is known before a connection is made: the algorithms
/// that are allowed, the known hosts, and the keys and certificates that would be offered.
///
/// One serves a whole fleet: files and agents are read once. What cannot be read limits nothing, and
/// is told.
package final class LibSSH2Limits: Sendable {
    /// What was found for one host.
    package struct Finding: Sendable, Hashable {
        /// Why the host cannot be reached with libssh2 and can with `ssh`; nil where nothing is known
        /// against libssh2. Names the jump host where that is what it is about.
        package var reason: String?
        /// What could not be read, each with the error: there may be a reason in it.
        package var unread: [String] = []
    }

    private let knownHosts = Mutex<[[String]: (known: KnownHosts, unread: [String])]>([:])
    private let certificates = Mutex<[CertificateQuery: Finding]>([:])
    private let agent: AgentLook

    /// - Parameter patience: An agent that does not answer in this time is taken for one without keys.
    package init(patience: Duration = .seconds(2)) { agent = AgentLook(patience: patience) }

    /// - Throws: `CancellationError` alone.
    package func finding(for endpoint: SSHEndpoint) async throws -> Finding {
        var all = try await finding(ofOne: endpoint)
        for jump in endpoint.jumps where all.reason == nil {
            let finding = try await finding(ofOne: jump)
            all.reason = finding.reason.map { "jump host \(jump.name ?? jump.login): \($0)" }
            all.unread += finding.unread.filter { !all.unread.contains($0) }
        }
        return all
    }

    private func finding(ofOne endpoint: SSHEndpoint) async throws -> Finding {
        if let reason = Self.algorithms(endpoint) { return Finding(reason: reason) }
        let (known, unread) = known(by: endpoint)
        if let reason = Self.hostCertificate(endpoint, known) {
            return Finding(reason: reason, unread: unread)
        }
        let certificate = try await userCertificate(endpoint)
        return Finding(reason: certificate.reason, unread: unread + certificate.unread)
    }

    private static func algorithms(_ endpoint: SSHEndpoint) -> String? {
        let algorithms = endpoint.algorithms
        let lists = [
            ("HostKeyAlgorithms", algorithms.hostKeys),
            ("KexAlgorithms", algorithms.keyExchanges), ("Ciphers", algorithms.ciphers),
            ("MACs", algorithms.macs),
        ]
        guard let (option, _) = lists.first(where: { $0.1?.isEmpty == true }) else { return nil }
        return "\(option) allows nothing that libssh2 can do"
    }

    // MARK: Host certificates

    /// A host that is also known by a plain key is asked for that key: as for `ssh`, it is trusted if
    /// that is the key that it shows.
    private static func hostCertificate(
        _ endpoint: SSHEndpoint, _ known: KnownHosts
    ) -> String? {
        let (host, port, alias) = (endpoint.host, endpoint.port, endpoint.hostKeyAlias)
        if let entry = known.authorities(host: host, port: port, alias: alias).first {
            let types = known.types(host: host, port: port, alias: alias)
            if Set(types).isDisjoint(with: HostKeyPolicy.supported) {
                return "\(entry.file):\(entry.line) has a @cert-authority for it, which libssh2 "
                    + "cannot check"
            }
        }
        // With StrictHostKeyChecking=no, `ssh` lets a revoked key pass, and libssh2 does not have to.
        guard endpoint.hostKeyChecking != .no,
            let entry = known.revoked(host: host, port: port, alias: alias).first
        else { return nil }
        return
            "\(entry.file):\(entry.line) has a @revoked key for it, which may be an authority's, "
            + "and libssh2 cannot see who has signed a host key"
    }

    /// Those of the files that can be read.
    private func known(by endpoint: SSHEndpoint) -> (known: KnownHosts, unread: [String]) {
        let files = endpoint.knownHostsFiles + endpoint.globalKnownHostsFiles
        return knownHosts.withLock { all in
            if let found = all[files] { return found }
            var (known, unread) = (KnownHosts(), [String]())
            for file in files {
                do {
                    try known.add(contentsOf: file)
                } catch {
                    unread.append("\(error)")
                }
            }
            all[files] = (known, unread)
            return (known, unread)
        }
    }

    // MARK: User certificates

    /// What decides which certificates are offered.
    private struct CertificateQuery: Hashable {
        let keyFiles: [String]
        let certificateFiles: [String]
        let identitiesOnly: Bool
        let useAgent: Bool
        let agentSocket: String?

        init(_ endpoint: SSHEndpoint) {
            keyFiles = endpoint.keyFiles
            certificateFiles = endpoint.certificateFiles
            identitiesOnly = endpoint.identitiesOnly
            useAgent = endpoint.useAgent
            agentSocket = endpoint.agentSocket
        }
    }

    private func userCertificate(_ endpoint: SSHEndpoint) async throws -> Finding {
        guard endpoint.publicKeyAuthentication,
            endpoint.preferredAuthentications.contains("publickey")
        else { return Finding() }
        let query = CertificateQuery(endpoint)
        if let finding = certificates.withLock({ $0[query] }) { return finding }
        let finding: Finding
        do {
            finding = Finding(reason: Self.reason(try await agent.credentials(for: endpoint)))
        } catch let error as SSHError {
            // Of what is asked here only the agent can fail in such a way.
            let socket = endpoint.agentSocket.map { " at \($0)" } ?? ""
            let problem =
                error.code == .timedOut
                ? "no answer in \(TimeSpan(agent.patience))" : error.message
            finding = Finding(unread: ["ssh-agent\(socket): \(problem)"])
        }
        certificates.withLock { $0[query] = finding }
        return finding
    }

    private static func reason(_ list: CredentialList) -> String? {
        // A security key wants a touch for each login: that is for people to choose.
        let key = list.beyond.first { $0.isCertificate && !$0.isOnToken }
        return key.map { key in
            "\(key.source) is \(key.kind), with which libssh2 cannot log in"
                + (key.isSealed
                    ? "; its key has a passphrase, which ssh cannot ask for here: load the key into "
                        + "ssh-agent" : "")
        }
    }
}

/// Asks ssh-agent, on the thread that waits for sockets; every host has to be told apart from others
/// without a visit to that thread.
private actor AgentLook {
    private nonisolated let reactor = IOReactor.next()
    nonisolated let patience: Duration

    init(patience: Duration) { self.patience = patience }

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe reactor.asUnownedSerialExecutor()
    }

    /// What would be offered to a host.
    ///
    /// - Throws: `CancellationError`, or an `SSHError` where the agent fails.
    func credentials(for endpoint: SSHEndpoint) async throws -> CredentialList {
        try await CredentialList.gather(
            for: endpoint, IOContext(reactor: reactor, host: endpoint.label),
            until: ContinuousClock.now + patience)
    }
}
