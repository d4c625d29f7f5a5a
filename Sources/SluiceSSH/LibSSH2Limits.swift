import SluiceModel
import Synchronization

/// What libssh2 cannot do for a host, by what is known before a connection is made: the algorithms
/// that are allowed, the known hosts, and the keys and certificates that would be offered.
///
/// One serves a whole fleet: files and agents are read once. What cannot be read limits nothing
/// here; the connection says so.
package final class LibSSH2Limits: Sendable {
    private let knownHosts = Mutex<[[String]: KnownHosts]>([:])
    private let certificates = Mutex<[CertificateQuery: String?]>([:])
    private let agent = AgentLook()

    package init() {}

    /// Why the host cannot be reached with libssh2 and can with `ssh`; nil where nothing is known
    /// against libssh2. Names the jump host where that is what it is about.
    package func reason(for endpoint: SSHEndpoint) async -> String? {
        if let reason = await reason(ofOne: endpoint) { return reason }
        for jump in endpoint.jumps {
            guard let reason = await reason(ofOne: jump) else { continue }
            return "jump host \(jump.name ?? jump.login): \(reason)"
        }
        return nil
    }

    private func reason(ofOne endpoint: SSHEndpoint) async -> String? {
        if let reason = Self.algorithms(endpoint) ?? hostCertificate(endpoint) { return reason }
        return await userCertificate(endpoint)
    }

    private static func algorithms(_ endpoint: SSHEndpoint) -> String? {
        let lists = [
            ("HostKeyAlgorithms", endpoint.algorithms.hostKeys),
            ("KexAlgorithms", endpoint.algorithms.keyExchanges),
            ("Ciphers", endpoint.algorithms.ciphers), ("MACs", endpoint.algorithms.macs),
        ]
        guard let (option, _) = lists.first(where: { $0.1?.isEmpty == true }) else { return nil }
        return "\(option) allows nothing that libssh2 can do"
    }

    // MARK: Host certificates

    /// A host that is also known by a plain key is asked for that key: as for `ssh`, it is trusted if
    /// that is the key that it shows.
    private func hostCertificate(_ endpoint: SSHEndpoint) -> String? {
        let known = known(by: endpoint)
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

    private func known(by endpoint: SSHEndpoint) -> KnownHosts {
        let files = endpoint.knownHostsFiles + endpoint.globalKnownHostsFiles
        return knownHosts.withLock { all in
            if let known = all[files] { return known }
            let known = (try? KnownHosts(files: files)) ?? KnownHosts()
            all[files] = known
            return known
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

    private func userCertificate(_ endpoint: SSHEndpoint) async -> String? {
        guard endpoint.publicKeyAuthentication,
            endpoint.preferredAuthentications.contains("publickey")
        else { return nil }
        let query = CertificateQuery(endpoint)
        if let reason = certificates.withLock({ $0[query] }) { return reason }
        let list = await agent.credentials(for: endpoint)
        // A security key wants a touch for each login: that is for people to choose.
        let key = list?.beyond.first { $0.isCertificate && !$0.isOnToken }
        let reason = key.map { key in
            "\(key.source) is \(key.kind), with which libssh2 cannot log in"
                + (key.isSealed
                    ? "; its key has a passphrase, which ssh cannot ask for here: load the key into "
                        + "ssh-agent" : "")
        }
        certificates.withLock { $0[query] = .some(reason) }
        return reason
    }
}

/// Asks ssh-agent, on the thread that waits for sockets; every host has to be told apart from others
/// without a visit to that thread.
private actor AgentLook {
    private nonisolated let reactor = IOReactor.next()

    /// An agent that does not answer in this time is taken for one without keys.
    private static let patience: Duration = .seconds(2)

    nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe reactor.asUnownedSerialExecutor()
    }

    /// What would be offered to a host; nil where that can't be found out.
    func credentials(for endpoint: SSHEndpoint) async -> CredentialList? {
        let io = IOContext(reactor: reactor, host: endpoint.label)
        return try? await CredentialList.gather(
            for: endpoint, io, until: ContinuousClock.now + Self.patience)
    }
}
