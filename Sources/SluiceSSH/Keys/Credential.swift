/// One key to log in with: what is offered, and who signs.
struct Credential: Sendable {
    enum Signer: Sendable {
        case file(PrivateKey)
        case agent(AgentClient, flags: Int)
    }

    /// For messages: the file's path, or the agent's comment.
    let source: String
    let publicKey: PublicKey
    let signer: Signer

    /// The public key as it is offered.
    ///
    /// libssh2 1.10 takes the signature's algorithm from the blob's first string, so an RSA key
    /// that is to sign with SHA-512 (RFC 8332) is offered under that algorithm's name; OpenSSH's
    /// server takes it for the RSA key that it is.
    var offer: [UInt8] {
        guard publicKey.type == "ssh-rsa" else { return publicKey.blob }
        var reader = WireReader(publicKey.blob)
        guard (try? reader.string()) != nil else { return publicKey.blob }
        var writer = WireWriter()
        writer.string("rsa-sha2-512")
        return writer.bytes + reader.rest
    }

    var description: String { "\(source) (\(publicKey.type) \(publicKey.fingerprint))" }

    func sign(
        _ data: [UInt8], _ io: IOContext, until deadline: ContinuousClock.Instant
    ) async throws -> [UInt8] {
        switch signer {
        case .file(let key): try key.signature(for: data)
        case .agent(let agent, let flags):
            try await agent.sign(data, with: publicKey, flags: flags, io, until: deadline)
        }
    }
}

/// The keys to try for one endpoint, in order, and what was left out and why.
struct CredentialList: Sendable {
    /// sshd's MaxAuthTries is 6 by default, and a dropped connection explains nothing.
    static let limit = 5

    var credentials: [Credential] = []
    var notes: [String] = []

    /// Agent identities first (those that the endpoint's key files name before the others), then
    /// key files that the agent does not hold.
    static func gather(
        for endpoint: SSHEndpoint, _ io: IOContext, until deadline: ContinuousClock.Instant
    ) async throws -> CredentialList {
        var list = CredentialList()
        let files = endpoint.keyFiles.map { ($0, PrivateKeyFile(path: $0)) }
        let named = Set(files.compactMap { $0.1.publicKey })
        if endpoint.useAgent, let path = endpoint.agentSocket, !path.isEmpty {
            let agent = AgentClient(path: path)
            do {
                let identities = try await agent.identities(io, until: deadline)
                list.add(identities, of: agent, named: named, only: endpoint.identitiesOnly)
            } catch let error as SSHError where error.code == .agent {
                list.notes.append("ssh-agent at \(path): \(error.cause.map { "\($0)" } ?? "")")
            }
        }
        let held = Set(list.credentials.map(\.publicKey))
        for (path, file) in files {
            if let key = file.publicKey, held.contains(key) { continue }
            switch file.key {
            case .success(let key):
                guard let publicKey = file.publicKey else { continue }
                list.credentials.append(
                    Credential(source: path, publicKey: publicKey, signer: .file(key)))
            case .failure(.missing) where endpoint.keyFilesAreDefaults: continue
            case .failure(let problem): list.notes.append("\(path): \(problem)")
            }
        }
        if list.credentials.count > limit {
            let left = list.credentials[limit...].map(\.source).joined(separator: ", ")
            list.notes.append("not tried, because servers allow few tries: \(left)")
            list.credentials.removeSubrange(limit...)
        }
        return list
    }

    private mutating func add(
        _ identities: [AgentIdentity], of agent: AgentClient, named: Set<PublicKey>, only: Bool
    ) {
        let first = identities.filter { named.contains($0.publicKey) }
        let others = only ? [] : identities.filter { !named.contains($0.publicKey) }
        for identity in first + others {
            let type = identity.publicKey.type
            let supported =
                type == "ssh-rsa" || type == "ssh-ed25519" || type.hasPrefix("ecdsa-sha2-nistp")
            guard supported, !type.contains("-cert-v01") else {
                notes.append("ssh-agent \(identity.comment): \(type) keys are not supported")
                continue
            }
            credentials.append(
                Credential(
                    source: "ssh-agent \(identity.comment)", publicKey: identity.publicKey,
                    signer: .agent(agent, flags: type == "ssh-rsa" ? AgentClient.signRSA512 : 0)))
        }
    }
}
