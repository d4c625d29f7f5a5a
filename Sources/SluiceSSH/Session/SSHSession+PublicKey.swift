import CLibSSH2
import Glibc

/// The bridge between libssh2's signing callback, which must not wait, and a signer that does.
///
/// The callback leaves the data here and answers EAGAIN; the login is called again once the
/// signature is here too.
private final class SignRequest {
    var data: [UInt8]?
    var signature: [UInt8]?
    /// Nobody will sign: libssh2 is to forget the key, so that the next one can be tried.
    var isWithdrawn = false
}

/// What a host said to a key.
enum KeyVerdict {
    case accepted
    /// The host does not know it, or not for this user.
    case refused
    /// The host knows it, and wants something else as well, or does not like the signature.
    case insufficient
}

extension SSHSession {
    func logIn(
        with credential: Credential, until deadline: ContinuousClock.Instant
    ) async throws -> KeyVerdict {
        let operation = "log in"
        let passphrase = io.passphrase(for: endpoint)
        let publicKey = try await credential.disclosed(io, passphrase, until: deadline)
        let session = unsafe try pointer(operation)
        let request = SignRequest()
        let offer = Credential.offer(publicKey, credential.certificate)
        while true {
            let result = unsafe Self.offer(offer, endpoint.user, session, request)
            switch result {
            case 0: return .accepted
            case LIBSSH2_ERROR_EAGAIN:
                if let data = request.data, request.signature == nil {
                    do {
                        request.signature = try await credential.sign(
                            data, io, passphrase, until: deadline)
                    } catch {
                        request.isWithdrawn = true
                        if unsafe (try? pointer(operation)) != nil {
                            _ = unsafe Self.offer(offer, endpoint.user, session, request)
                        }
                        throw error
                    }
                    _ = unsafe try pointer(operation)
                } else {
                    try await wait(operation, deadline)
                }
            case LIBSSH2_ERROR_AUTHENTICATION_FAILED, LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED:
                if isDead || isCutShort {
                    throw SSHError.disconnected(endpoint.label, operation, nil)
                }
                return request.signature == nil ? .refused : .insufficient
            default: throw failure(operation, result)
            }
        }
    }

    /// Whether a login's answer did not come: libssh2 calls that a refusal, and the host may have said
    /// its last word before its end of the connection is closed.
    private var isCutShort: Bool {
        guard let session = unsafe try? pointer("log in") else { return true }
        var message: UnsafeMutablePointer<CChar>?
        _ = unsafe libssh2_session_last_error(session, &message, nil, 0)
        guard let message = unsafe message else { return false }
        return unsafe String(cString: message).hasPrefix("Waiting for")
    }

    private static func offer(
        _ key: [UInt8], _ user: String, _ session: OpaquePointer, _ request: SignRequest
    ) -> Int32 {
        var slot: UnsafeMutableRawPointer? = unsafe Unmanaged.passUnretained(request).toOpaque()
        return unsafe libssh2_userauth_publickey(
            session, user, key, key.count,
            { _, signature, length, data, count, slot in
                guard let context = unsafe slot?.pointee, let data = unsafe data else { return -1 }
                let request = unsafe Unmanaged<SignRequest>.fromOpaque(context)
                    .takeUnretainedValue()
                guard let bytes = request.signature else {
                    if request.isWithdrawn { return -1 }
                    request.data = unsafe Array(UnsafeBufferPointer(start: data, count: count))
                    return LIBSSH2_ERROR_EAGAIN
                }
                // libssh2 frees it.
                guard let copy = unsafe malloc(bytes.count) else { return -1 }
                unsafe copy.copyMemory(from: bytes, byteCount: bytes.count)
                unsafe signature?.pointee = copy.assumingMemoryBound(to: UInt8.self)
                unsafe length?.pointee = bytes.count
                return 0
            }, &slot)
    }
}
