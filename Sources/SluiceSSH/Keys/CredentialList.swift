/// The keys to try for one endpoint, in order, and what was left out and why.
struct CredentialList: Sendable {
    /// sshd's MaxAuthTries is 6 by default, and a dropped connection explains nothing.
    static let limit = 5
    /// Where a password was given: it is to be tried as well, in both ways.
    static let limitBeforePassword = 3

    private(set) var credentials: [Credential] = []
    private(set) var notes: [String] = []
    /// Where the keys come from that were not to be tried, since servers allow few tries.
    private(set) var leftOut: [String] = []
    /// What OpenSSH's own client would offer, and libssh2 cannot log in with.
    private(set) var beyond: [UnusableKey] = []

    /// In the order of OpenSSH (`pubkey_prepare` in its `sshconnect2.c`): named certificates; the
    /// agent's keys that are also named as files, in the agent's order; the agent's other keys,
    /// unless only named ones may be tried; then the files that the agent does not hold, each
    /// followed by the certificate beside it.
    ///
    /// Where that makes more tries than servers allow, files that the user named come before the
    /// agent's other keys: a full agent would keep OpenSSH from the key that it was told.
    static func gather(
        for endpoint: SSHEndpoint, _ io: IOContext, until deadline: ContinuousClock.Instant
    ) async throws -> CredentialList {
        guard endpoint.publicKeyAuthentication else { return CredentialList() }
        var sources = KeySources(endpoint)
        if endpoint.useAgent, let path = AgentClient.path(of: endpoint.agentSocket) {
            let client = AgentClient(path: path)
            do {
                sources.identities = try await client.identities(io, until: deadline)
                sources.agent = client
            } catch let error as SSHError where error.code == .agent {
                sources.notes.append(
                    "ssh-agent at \(path): \(error.cause.map { "\($0)" } ?? "")")
            }
        }
        return CredentialList(sources, endpoint, isBeforePassword: io.hasPassword(for: endpoint))
    }

    private init() {}

    private init(_ sources: KeySources, _ endpoint: SSHEndpoint, isBeforePassword: Bool) {
        var sources = sources
        let named = sources.namedCertificates()
        let (matching, others) = sources.agentKeys(identitiesOnly: endpoint.identitiesOnly)
        let files = sources.fileKeys(areDefaults: endpoint.keyFilesAreDefaults)
        (notes, beyond) = (sources.notes, sources.beyond)
        let limit = isBeforePassword ? Self.limitBeforePassword : Self.limit
        let all = Self.distinct(named + matching + others + files)
        guard all.count > limit else {
            credentials = all
            return
        }
        let ordered =
            endpoint.keyFilesAreDefaults
            ? all : Self.distinct(named + matching + files + others)
        credentials = Array(ordered.prefix(limit))
        leftOut = ordered[limit...].map(\.source)
        notes.append(
            "not tried, because servers allow few tries: \(leftOut.joined(separator: ", "))")
    }

    /// Two files may hold one key, and a try is dear.
    private static func distinct(_ credentials: [Credential]) -> [Credential] {
        var seen: Set<[UInt8]> = []
        return credentials.filter { credential in
            guard let blob = credential.certificate?.blob ?? credential.publicKey?.blob else {
                return true
            }
            return seen.insert(blob).inserted
        }
    }
}

/// A key or certificate that libssh2 cannot log in with, and OpenSSH can.
struct UnusableKey: Sendable, Hashable, CustomStringConvertible {
    /// The file's path, or the agent's comment.
    let source: String
    let type: String
    /// Its private key is in a file that a passphrase protects.
    var isSealed = false

    var isCertificate: Bool { type.hasSuffix(Certificate.suffix) }
    var isOnToken: Bool { type.hasPrefix("sk-") }

    /// What it is, for messages.
    var kind: String {
        switch (isCertificate, isOnToken) {
        case (true, true): "a certificate of a FIDO security key"
        case (true, false): "a certificate of the type \(type)"
        default: "the key of a FIDO security key (\(type))"
        }
    }

    var description: String { "\(source) (\(kind))" }
}

/// Where keys may come from, as it was found.
private struct KeySources {
    private struct File {
        let path: String
        let content: PrivateKeyFile
        /// Of the certificate beside it.
        let certificate: Certificate?
    }

    private let files: [File]
    private let certificates: [(path: String, certificate: Certificate)]
    var identities: [AgentIdentity] = []
    var agent: AgentClient?
    var notes: [String] = []
    var beyond: [UnusableKey] = []

    init(_ endpoint: SSHEndpoint) {
        // As in OpenSSH, certificates that were named stand in for those beside the keys.
        let looksBeside = endpoint.certificateFiles.isEmpty
        files = endpoint.keyFiles.map { path in
            File(
                path: path, content: PrivateKeyFile(path: path),
                certificate: looksBeside ? Certificate(file: path + "-cert.pub") : nil)
        }
        var certificates: [(String, Certificate)] = []
        for path in endpoint.certificateFiles {
            if let certificate = Certificate(file: path) {
                certificates.append((path, certificate))
            } else {
                notes.append("\(path): no user certificate could be read from it")
            }
        }
        self.certificates = certificates
    }

    mutating func namedCertificates() -> [Credential] {
        certificates.compactMap { credential(for: $0.certificate, source: $0.path) }
    }

    mutating func agentKeys(identitiesOnly: Bool) -> (matching: [Credential], others: [Credential])
    {
        guard let agent else { return ([], []) }
        var blobs: Set<[UInt8]> = []
        for file in files {
            if let key = file.content.publicKey { blobs.insert(key.blob) }
            if let certificate = file.certificate { blobs.insert(certificate.blob) }
        }
        var (matching, others): ([Credential], [Credential]) = ([], [])
        for identity in identities {
            let isNamed = blobs.contains(identity.publicKey.blob)
            guard isNamed || !identitiesOnly else { continue }
            let source = "ssh-agent \(identity.comment)"
            let certificate = Certificate(blob: identity.publicKey.blob)
            let key = certificate?.publicKey ?? identity.publicKey
            let signer = Credential.Signer.agent(agent, identity: identity.publicKey)
            let isUsable =
                certificate.map { canUse($0, source, signer) }
                ?? canUse(identity.publicKey.type, source)
            guard isUsable else { continue }
            let credential = Credential(
                source: source, publicKey: key, certificate: certificate, signer: signer)
            if isNamed { matching.append(credential) } else { others.append(credential) }
        }
        return (matching, others)
    }

    mutating func fileKeys(areDefaults: Bool) -> [Credential] {
        var credentials: [Credential] = []
        for file in files {
            if let signer = signer(of: file, isDefault: areDefaults) {
                credentials.append(
                    Credential(
                        source: file.path, publicKey: file.content.publicKey, certificate: nil,
                        signer: signer))
            }
            if let certificate = file.certificate,
                let credential = credential(for: certificate, source: file.path + "-cert.pub")
            {
                credentials.append(credential)
            }
        }
        return credentials
    }

    private mutating func signer(of file: File, isDefault: Bool) -> Credential.Signer? {
        if let key = file.content.publicKey, identities.contains(where: { $0.publicKey == key }) {
            return nil
        }
        switch file.content.content {
        case .success(.open(let key)): return .file(key)
        case .success(.sealed(let key)):
            guard canUse(file.content.publicKey?.type ?? "", file.path) else { return nil }
            return .sealed(key)
        case .failure(.missing) where isDefault: return nil
        case .failure(let problem):
            if canUse(file.content.publicKey?.type ?? "", file.path) {
                notes.append("\(file.path): \(problem)")
            }
            return nil
        }
    }

    /// With whoever holds the certified key: the agent, or one of the files.
    private mutating func credential(
        for certificate: Certificate, source: String
    ) -> Credential? {
        guard let signer = signer(of: certificate) else {
            notes.append("\(source): neither ssh-agent nor a key file has its private key")
            return nil
        }
        guard canUse(certificate, source, signer) else { return nil }
        return Credential(
            source: source, publicKey: certificate.publicKey, certificate: certificate,
            signer: signer)
    }

    private func signer(of certificate: Certificate) -> Credential.Signer? {
        if let agent,
            let identity = identities.first(where: {
                $0.publicKey == certificate.publicKey || $0.publicKey.blob == certificate.blob
            })
        {
            return .agent(agent, identity: identity.publicKey)
        }
        for file in files where file.content.publicKey == certificate.publicKey {
            switch file.content.content {
            case .success(.open(let key)): return .file(key)
            case .success(.sealed(let key)): return .sealed(key)
            case .failure: continue
            }
        }
        return nil
    }

    /// Notes what is wrong with a certificate. One that no server takes is not missed.
    private mutating func canUse(
        _ certificate: Certificate, _ source: String, _ signer: Credential.Signer
    ) -> Bool {
        if let fault = certificate.fault {
            notes.append("\(source): the certificate \(fault)")
        } else if !certificate.isUsable {
            var key = UnusableKey(source: source, type: certificate.type)
            if case .sealed = signer { key.isSealed = true }
            beyond.append(key)
        }
        return certificate.isUsable
    }

    /// Notes what cannot be used.
    private mutating func canUse(_ type: String, _ source: String) -> Bool {
        switch type {
        case "", "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
            "ecdsa-sha2-nistp521":
            return true
        case _ where type.hasPrefix("sk-") || type.hasSuffix(Certificate.suffix):
            beyond.append(UnusableKey(source: source, type: type))
        default:
            notes.append("\(source): \(type) keys are not supported")
        }
        return false
    }
}
