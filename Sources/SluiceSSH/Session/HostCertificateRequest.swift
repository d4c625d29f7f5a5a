// libssh2 can't take part in a key exchange with a host certificate.
import Crypto
import Foundation
import Synchronization

/// How a host is asked for its certificate: as `ssh-keyscan -c` does, with a key exchange that is
/// left as soon as the host has shown what it signs with.
///
/// A certificate is no secret, and nobody but its authority can make one; that the host has the
/// key that is certified is proved in the real connection, which then has to show just that key.
/// The two together are what the verification of a host certificate is.
enum HostCertificateRequest {
    /// Those that hosts have shown, by the machines on their ways: each is judged at every use.
    private static let shown = Mutex<[String: [UInt8]]>([:])

    /// Forgets what a host has shown, so that it is asked anew.
    static func forget(_ endpoint: SSHEndpoint) {
        shown.withLock { _ = $0.removeValue(forKey: endpoint.machine) }
    }

    static func remembered(_ endpoint: SSHEndpoint) -> [UInt8]? {
        shown.withLock { $0[endpoint.machine] }
    }

    /// - Parameter types: Of certificates, best first.
    /// - Returns: Nil if the host has none of these types.
    static func certificate(
        of endpoint: SSHEndpoint, types: [String], through parent: SSHSession?, _ io: IOContext,
        until deadline: ContinuousClock.Instant
    ) async throws -> [UInt8]? {
        let blob = try await ClearConnection.with(endpoint, through: parent, io, until: deadline) {
            connection -> [UInt8]? in
            let packet = try await connection.receive(type: ServerOffer.message)
            let offer = try ServerOffer.parse(packet)
            guard let type = types.first(where: offer.hostKeys.contains) else { return nil }
            guard let exchange = Exchange.allCases.first(where: { $0.isAmong(offer.keyExchange) })
            else { return nil }
            try await connection.send(try choice(exchange.rawValue, type, of: packet))
            var last: UInt8 = 30
            if exchange == .group {
                // A group of 2048 to 8192 bits is asked for first (RFC 4419).
                var wanted = WireWriter()
                for bits in [2048, 3072, 8192] { wanted.uint32(bits) }
                try await connection.send([34] + wanted.bytes)
                _ = try await connection.receive(type: 31)
                last = 32
            }
            try await connection.send([last] + exchange.opening)
            // The replies of all kinds begin with the host's key.
            var reply = WireReader(try await connection.receive(type: last + 1).dropFirst())
            return try reply.string()
        }
        shown.withLock { $0[endpoint.machine] = blob }
        return blob
    }

    /// A kind of exchange.
    private enum Exchange: String, CaseIterable {
        case x25519 = "curve25519-sha256"
        case olderX25519 = "curve25519-sha256@libssh.org"
        case p256 = "ecdh-sha2-nistp256"
        case p384 = "ecdh-sha2-nistp384"
        case p521 = "ecdh-sha2-nistp521"
        case group14 = "diffie-hellman-group14-sha256"
        case group16 = "diffie-hellman-group16-sha512"
        case group18 = "diffie-hellman-group18-sha512"
        case group = "diffie-hellman-group-exchange-sha256"

        func isAmong(_ names: [String]) -> Bool { names.contains(rawValue) }

        /// What the client says first: a public key, for which any valid value does, since no
        /// secret will be agreed on.
        var opening: [UInt8] {
            var writer = WireWriter()
            switch self {
            case .x25519, .olderX25519:
                writer.string(Curve25519.KeyAgreement.PrivateKey().publicKey.rawRepresentation)
            case .p256: writer.string(P256.KeyAgreement.PrivateKey().publicKey.x963Representation)
            case .p384: writer.string(P384.KeyAgreement.PrivateKey().publicKey.x963Representation)
            case .p521: writer.string(P521.KeyAgreement.PrivateKey().publicKey.x963Representation)
            case .group14, .group16, .group18, .group:
                var random = SystemRandomNumberGenerator()
                writer.mpint(
                    [1] + (0..<250).map { _ in UInt8.random(in: .min ... .max, using: &random) })
            }
            return writer.bytes
        }
    }

    /// Our own list of algorithms: one for the exchange and the key, the host's for the rest.
    private static func choice(
        _ exchange: String, _ type: String, of packet: [UInt8]
    ) throws(WireError) -> [UInt8] {
        var theirs = WireReader(packet)
        _ = try theirs.take(1 + 16)
        for _ in 0..<2 { _ = try theirs.string() }
        var random = SystemRandomNumberGenerator()
        var ours = WireWriter()
        ours.byte(ServerOffer.message)
        for _ in 0..<16 { ours.byte(UInt8.random(in: .min ... .max, using: &random)) }
        ours.string(exchange)
        ours.string(type)
        for _ in 0..<8 { ours.string(try theirs.string()) }
        ours.byte(0)
        ours.uint32(0)
        return ours.bytes
    }
}

extension SSHSession {
    /// Asks the host for a certificate where an authority may have signed one for it.
    func hostCertificate(
        for policy: HostKeyPolicy, until deadline: ContinuousClock.Instant
    ) async throws -> HostKeyPolicy.CertificateFinding {
        guard policy.wantsCertificate else { return .notAsked }
        func judged(_ blob: [UInt8]) -> HostKeyPolicy.CertificateFinding {
            policy.judge(blob, now: UInt64(max(0, Date().timeIntervalSince1970)))
        }
        if let blob = HostCertificateRequest.remembered(endpoint),
            case .good(let key, _) = judged(blob)
        {
            return .good(key, isRemembered: true)
        }
        do {
            let blob = try await HostCertificateRequest.certificate(
                of: endpoint, types: policy.certificateTypes, through: parent, io,
                until: deadline)
            return blob.map(judged) ?? .none("the host has no certificate that could be asked for")
        } catch let error as WireError {
            var failure = SSHError.disconnected(
                endpoint.label, "ask the host for its certificate", error)
            failure.isWorthRetry = true
            throw failure
        }
    }
}
