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

    /// Key files that the user named, each as the agent's copy if the agent holds the key; then the
    /// agent's other keys, unless only named ones may be tried; then OpenSSH's default files.
    ///
    /// OpenSSH tries what only a file holds last of all (`pubkey_prepare` in its `sshconnect2.c`).
    /// With as few tries as servers allow, a full agent would keep it from the key that it was told.
    static func gather(
        for endpoint: SSHEndpoint, _ io: IOContext, until deadline: ContinuousClock.Instant
    ) async throws -> CredentialList {
        var list = CredentialList()
        let files = endpoint.keyFiles.map { (path: $0, file: PrivateKeyFile(path: $0)) }
        var identities: [AgentIdentity] = []
        var agent: AgentClient?
        if endpoint.useAgent, let path = endpoint.agentSocket, !path.isEmpty {
            let client = AgentClient(path: path)
            do {
                identities = try await client.identities(io, until: deadline)
                agent = client
            } catch let error as SSHError where error.code == .agent {
                list.notes.append("ssh-agent at \(path): \(error.cause.map { "\($0)" } ?? "")")
            }
        }
        func held(_ file: PrivateKeyFile) -> AgentIdentity? {
            file.publicKey.flatMap { key in identities.first { $0.publicKey == key } }
        }
        for (path, file) in files {
            if let agent, let identity = held(file) {
                list.add(identity, of: agent)
            } else if !endpoint.keyFilesAreDefaults {
                list.add(file, at: path, isDefault: false)
            }
        }
        if let agent, !endpoint.identitiesOnly {
            let named = Set(files.compactMap(\.file.publicKey))
            for identity in identities where !named.contains(identity.publicKey) {
                list.add(identity, of: agent)
            }
        }
        if endpoint.keyFilesAreDefaults {
            for (path, file) in files where held(file) == nil {
                list.add(file, at: path, isDefault: true)
            }
        }
        if list.credentials.count > limit {
            let left = list.credentials[limit...].map(\.source).joined(separator: ", ")
            list.notes.append("not tried, because servers allow few tries: \(left)")
            list.credentials.removeSubrange(limit...)
        }
        return list
    }

    /// Two files may hold one key, and a try is dear.
    private func has(_ key: PublicKey) -> Bool { credentials.contains { $0.publicKey == key } }

    private mutating func add(_ file: PrivateKeyFile, at path: String, isDefault: Bool) {
        switch file.key {
        case .success(let key):
            guard let publicKey = file.publicKey, !has(publicKey) else { return }
            credentials.append(
                Credential(source: path, publicKey: publicKey, signer: .file(key)))
        case .failure(.missing) where isDefault: return
        case .failure(let problem): notes.append("\(path): \(problem)")
        }
    }

    private mutating func add(_ identity: AgentIdentity, of agent: AgentClient) {
        guard !has(identity.publicKey) else { return }
        let type = identity.publicKey.type
        let supported =
            type == "ssh-rsa" || type == "ssh-ed25519" || type.hasPrefix("ecdsa-sha2-nistp")
        guard supported, !type.contains("-cert-v01") else {
            notes.append("ssh-agent \(identity.comment): \(type) keys are not supported")
            return
        }
        credentials.append(
            Credential(
                source: "ssh-agent \(identity.comment)", publicKey: identity.publicKey,
                signer: .agent(agent, flags: type == "ssh-rsa" ? AgentClient.signRSA512 : 0)))
    }
}
