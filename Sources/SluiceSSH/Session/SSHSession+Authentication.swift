import CLibSSH2
import Glibc

/// The bridge between libssh2's signing callback, which must not wait, and a signer that does.
///
/// The callback leaves the data here and answers EAGAIN; the login is called again once the
/// signature is here too.
private final class SignRequest {
    var data: [UInt8]?
    var signature: [UInt8]?
}

extension SSHSession {
    /// Tries the keys in order; throws an `SSHError` that says what was tried.
    func authenticate(
        with list: CredentialList, until deadline: ContinuousClock.Instant
    ) async throws {
        guard !list.credentials.isEmpty else {
            throw SSHError(
                .noKeys, host: endpoint.label, operation: "log in",
                "\(endpoint.label): there is no key to log in with" + Self.suffix(list.notes),
                remedy: "name a key file (--private-key, ansible_ssh_private_key_file) or load "
                    + "one into ssh-agent with ssh-add")
        }
        var tried: [String] = []
        var notes = list.notes
        for credential in list.credentials {
            do {
                if try await logIn(with: credential, until: deadline) { return }
                tried.append(credential.description)
            } catch let error as SSHError where error.code == .agent {
                notes.append("\(credential.source): \(error.cause.map { "\($0)" } ?? "no answer")")
            } catch let error as SSHError where error.code == .disconnected {
                // Too many tries, or a server that does not want this user at all.
                tried.append(credential.description)
                throw refused(tried, notes + ["the host closed the connection"], nil)
            }
        }
        throw refused(tried, notes, try await methods(until: deadline))
    }

    private static func suffix(_ notes: [String]) -> String {
        notes.isEmpty ? "" : " (" + notes.joined(separator: "; ") + ")"
    }

    private func refused(_ tried: [String], _ notes: [String], _ methods: String?) -> SSHError {
        var message = "\(endpoint.label): the host refused the login"
        if !tried.isEmpty { message += "; tried: \(tried.joined(separator: ", "))" }
        message += Self.suffix(notes)
        if let methods { message += "; the host accepts: \(methods)" }
        return SSHError(
            .authRefused, host: endpoint.label, operation: "log in", message,
            remedy: "check the user name, and that one of these keys is in the user's "
                + "authorized_keys on the host")
    }

    /// True if the key let the user in, false if it was refused.
    private func logIn(
        with credential: Credential, until deadline: ContinuousClock.Instant
    ) async throws -> Bool {
        let operation = "log in"
        let session = unsafe try pointer(operation)
        let request = SignRequest()
        let offer = credential.offer
        while true {
            let result = unsafe Self.offer(offer, endpoint.user, session, request)
            switch result {
            case 0: return true
            case LIBSSH2_ERROR_EAGAIN:
                if let data = request.data, request.signature == nil {
                    request.signature = try await credential.sign(data, io, until: deadline)
                    _ = unsafe try pointer(operation)
                } else {
                    try await wait(operation, deadline)
                }
            case LIBSSH2_ERROR_AUTHENTICATION_FAILED, LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED:
                return false
            default: throw failure(operation, result)
            }
        }
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

    /// The login methods that the host names, for the message; nil where it does not say.
    private func methods(until deadline: ContinuousClock.Instant) async throws -> String? {
        let operation = "log in"
        let user = endpoint.user
        while true {
            let session = unsafe try pointer(operation)
            let list = unsafe libssh2_userauth_list(session, user, UInt32(user.utf8.count))
            if let list = unsafe list { return unsafe String(cString: list) }
            guard unsafe libssh2_session_last_errno(session) == LIBSSH2_ERROR_EAGAIN else {
                return nil
            }
            try await wait(operation, deadline)
        }
    }
}
