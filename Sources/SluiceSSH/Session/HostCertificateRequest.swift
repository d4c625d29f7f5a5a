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
    /// Those that hosts have shown, by the hosts' labels: each is judged at every use.
    private static let shown = Mutex<[String: [UInt8]]>([:])

    /// Forgets what a host has shown, so that it is asked anew.
    static func forget(_ endpoint: SSHEndpoint) {
        shown.withLock { _ = $0.removeValue(forKey: endpoint.label) }
    }

    static func remembered(_ endpoint: SSHEndpoint) -> [UInt8]? {
        shown.withLock { $0[endpoint.label] }
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
            guard let type = types.first(where: offer.hostKeys.contains),
                let exchange = try Exchange.all.first(where: {
                    offer.keyExchange.contains($0.name)
                })
            else { return nil }
            try await connection.send(try choice(exchange.name, type, of: packet))
            try await connection.send([30] + exchange.opening)
            // SSH_MSG_KEX_ECDH_REPLY and SSH_MSG_KEXDH_REPLY alike begin with the host's key.
            var reply = WireReader(try await connection.receive(type: 31).dropFirst())
            return try reply.string()
        }
        shown.withLock { $0[endpoint.label] = blob }
        return blob
    }

    /// A kind of exchange, and what the client says first in it.
    private struct Exchange {
        let name: String
        let opening: [UInt8]

        /// No secret will be agreed on, so any valid value does for a public key.
        static var all: [Exchange] {
            get throws {
                var point = WireWriter()
                point.string(Curve25519.KeyAgreement.PrivateKey().publicKey.rawRepresentation)
                var curve = WireWriter()
                curve.string(P256.KeyAgreement.PrivateKey().publicKey.x963Representation)
                var random = SystemRandomNumberGenerator()
                var number = WireWriter()
                number.mpint(
                    [1] + (0..<250).map { _ in UInt8.random(in: .min ... .max, using: &random) })
                return [
                    Exchange(name: "curve25519-sha256", opening: point.bytes),
                    Exchange(name: "curve25519-sha256@libssh.org", opening: point.bytes),
                    Exchange(name: "ecdh-sha2-nistp256", opening: curve.bytes),
                    Exchange(name: "diffie-hellman-group14-sha256", opening: number.bytes),
                    Exchange(name: "diffie-hellman-group16-sha512", opening: number.bytes),
                    Exchange(name: "diffie-hellman-group18-sha512", opening: number.bytes),
                ]
            }
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
        let types = policy.certificateTypes
        guard !policy.authorities.isEmpty, !types.isEmpty else { return .notAsked }
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
                of: endpoint, types: types, through: parent, io,
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
