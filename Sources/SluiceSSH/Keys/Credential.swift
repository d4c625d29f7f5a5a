/// One key to log in with: what is offered, and who signs.
struct Credential: Sendable {
    enum Signer: Sendable {
        case file(PrivateKey)
        /// Somebody has to be asked for its passphrase, if the host takes the key at all.
        case sealed(SealedKey)
        /// The agent's own name for the key, which may be a certificate's.
        case agent(AgentClient, identity: PublicKey)
    }

    /// For messages: the file's path, or the agent's comment.
    let source: String
    /// Unknown only for a protected PEM file without a `.pub` beside it.
    let publicKey: PublicKey?
    let certificate: Certificate?
    let signer: Signer

    var description: String {
        guard let publicKey else { return source }
        let type = certificate?.type ?? publicKey.type
        return "\(source) (\(type) \(publicKey.fingerprint))"
    }

    /// What is offered for a key.
    ///
    /// libssh2 1.10 takes the signature's algorithm from the blob's first string, so an RSA key
    /// that is to sign with SHA-512 (RFC 8332) is offered under that algorithm's name; OpenSSH's
    /// server takes it for the RSA key that it is.
    static func offer(_ publicKey: PublicKey, _ certificate: Certificate?) -> [UInt8] {
        if let certificate { return certificate.blob }
        guard publicKey.type == "ssh-rsa" else { return publicKey.blob }
        var reader = WireReader(publicKey.blob)
        guard (try? reader.string()) != nil else { return publicKey.blob }
        var writer = WireWriter()
        writer.string("rsa-sha2-512")
        return writer.bytes + reader.rest
    }

    /// The inner signature; asks for a passphrase if need be.
    ///
    /// Throws a ``CredentialProblem`` where the key cannot be had, and what agents throw.
    func sign(
        _ data: [UInt8], _ io: IOContext, _ passphrase: KeyPassphrase?,
        until deadline: ContinuousClock.Instant
    ) async throws -> [UInt8] {
        switch signer {
        case .file(let key): return try key.signature(for: data)
        case .sealed(let file):
            return try await Self.open(file, io, passphrase, until: deadline)
                .signature(for: data)
        case .agent(let agent, let identity):
            let flags = publicKey?.type == "ssh-rsa" ? AgentClient.signRSA512 : 0
            return try await agent.sign(data, with: identity, flags: flags, io, until: deadline)
        }
    }

    /// The public part, which for some protected files only the passphrase shows.
    func disclosed(
        _ io: IOContext, _ passphrase: KeyPassphrase?, until deadline: ContinuousClock.Instant
    ) async throws -> PublicKey {
        if let publicKey { return publicKey }
        guard case .sealed(let file) = signer else { throw CredentialProblem("no public key") }
        return try await Self.open(file, io, passphrase, until: deadline).publicKey()
    }

    private static func open(
        _ file: SealedKey, _ io: IOContext, _ passphrase: KeyPassphrase?,
        until deadline: ContinuousClock.Instant
    ) async throws -> PrivateKey {
        guard let secrets = io.secrets else { throw CredentialProblem.isProtected }
        let key: PrivateKey?
        do {
            let notice = io.notice
            key = try await io.result("open a key file", until: deadline) {
                try await secrets.key(of: file, with: passphrase, notice: notice)
            }
        } catch let error as SSHError {
            throw error
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw CredentialProblem("\(error)")
        }
        guard let key else {
            if secrets.canAsk { throw CredentialProblem("no passphrase opened it") }
            throw passphrase.map { CredentialProblem("\($0.source) does not open it") }
                ?? CredentialProblem.isProtected
        }
        return key
    }
}

/// Why a key that the host would take cannot be used; the next one is tried.
struct CredentialProblem: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    static let isProtected = CredentialProblem(
        "is protected by a passphrase, and there is nobody to ask for it; load it with ssh-add "
            + "into ssh-agent")
}
