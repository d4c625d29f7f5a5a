// libssh2 before 1.11 can't log in with ed25519 and RSA certificates by itself.
import CLibSSH2
import Glibc

/// Puts the right names into the packets of a certificate's login.
///
/// libssh2 1.10 names the certificate's type in the signature, where the plain key's belongs (it
/// knows better only for ECDSA), and sshd refuses that. Its interface leaves a way: the packet is
/// in memory of the session's own allocator, and what happens last before it is sent is that the
/// signature, which our callback gave, is freed. Then the packet's end is rewritten. Its length
/// must stay, so the callback gives only as much of the signature as makes up for the longer name.
/// Nothing is touched unless the packet's end is, byte for byte, what is expected; otherwise sshd
/// refuses the signature as it did before.
///
/// It also takes the algorithm's name, which stands before the certificate in the packet, from the
/// certificate's first string. For RSA that would ask for SHA-1, so there it is shown a first string
/// with the name of SHA-512 (RFC 8332), of which it keeps a copy; the certificate itself, which the
/// authority has signed as it is, is in place when the packet is allocated and written next.
@safe
final class CertificateSignature {
    /// What libssh2 allocates for the packet, and where in it the signature is to begin.
    private let size: Int
    private let start: Int
    private let name: String
    /// The name that belongs into the signature.
    private let plain: String
    private let certificate: [UInt8]
    /// What libssh2 is given as the certificate.
    private let shown: UnsafeMutableBufferPointer<UInt8>
    private var wrong: [UInt8] = []
    private var right: [UInt8] = []
    private var packet: UnsafeMutableRawPointer?
    private var signature: UnsafeMutableRawPointer?

    private static let mustCorrect = unsafe libssh2_version(0x01_0b_00) == nil

    /// The one that is at work on this thread: allocators are told nothing of the call they serve.
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let status = unsafe pthread_key_create(&key, nil)
        precondition(status == 0, "no thread-specific data left for SSH logins")
        return key
    }()

    /// Nil where libssh2 needs no help.
    init?(_ certificate: Certificate?, user: String) {
        guard let certificate, Self.mustCorrect else { return nil }
        switch certificate.publicKey.type {
        case "ssh-ed25519": plain = "ssh-ed25519"
        case "ssh-rsa": plain = "rsa-sha2-512"
        default: return nil
        }
        name = plain + Certificate.suffix
        self.certificate = certificate.blob
        var first = WireWriter()
        first.string(name)
        guard first.bytes.count <= certificate.blob.count else { return nil }
        unsafe shown = .allocate(capacity: certificate.blob.count)
        _ = unsafe shown.initialize(
            from: first.bytes + certificate.blob.dropFirst(first.bytes.count))
        start = user.utf8.count + name.utf8.count + certificate.blob.count + 45
        size = start + 4 + (4 + name.utf8.count) + (4 + certificate.blob.count)
    }

    deinit { unsafe shown.deallocate() }

    /// For the time of a call of libssh2, on the thread that makes it.
    ///
    /// - Parameter body: Gets what libssh2 is to be given as the public key.
    func during<Value>(_ body: (UnsafeBufferPointer<UInt8>) -> Value) -> Value {
        unsafe pthread_setspecific(Self.key, Unmanaged.passUnretained(self).toOpaque())
        defer { pthread_setspecific(Self.key, nil) }
        return unsafe body(UnsafeBufferPointer(shown))
    }

    /// What libssh2 is to be given in place of the signature.
    func standIn(for signature: [UInt8]) -> [UInt8] {
        right = Self.blob(plain, signature)
        let surplus = name.utf8.count - plain.utf8.count
        let standIn = Array(signature.dropLast(surplus))
        wrong = Self.blob(name, standIn)
        return standIn
    }

    /// The memory in which libssh2 gets it.
    func watch(_ signature: UnsafeMutableRawPointer) { unsafe self.signature = signature }

    private static func blob(_ name: String, _ signature: [UInt8]) -> [UInt8] {
        var inner = WireWriter()
        inner.string(name)
        inner.string(signature)
        var outer = WireWriter()
        outer.string(inner.bytes)
        return outer.bytes
    }

    private func allocated(_ memory: UnsafeMutableRawPointer?, _ count: Int) {
        guard count == size else { return }
        unsafe packet = memory
        _ = unsafe shown.update(from: certificate)
    }

    private func willFree(_ memory: UnsafeMutableRawPointer) {
        if unsafe memory == packet { unsafe packet = nil }
        guard unsafe memory == signature else { return }
        unsafe signature = nil
        guard let end = unsafe packet.map({ unsafe $0 + start }), right.count == wrong.count,
            start + wrong.count <= size,
            unsafe memcmp(end, wrong, wrong.count) == 0
        else { return }
        unsafe end.copyMemory(from: right, byteCount: right.count)
    }

    // MARK: The allocator of all sessions

    private static var current: CertificateSignature? {
        guard let context = unsafe pthread_getspecific(key) else { return nil }
        return unsafe Unmanaged<CertificateSignature>.fromOpaque(context).takeUnretainedValue()
    }

    static func newSession() -> OpaquePointer? {
        unsafe libssh2_session_init_ex(
            { count, _ in
                let memory = unsafe malloc(count)
                unsafe CertificateSignature.current?.allocated(memory, count)
                return unsafe memory
            },
            { memory, _ in
                guard let memory = unsafe memory else { return }
                unsafe CertificateSignature.current?.willFree(memory)
                unsafe free(memory)
            },
            { memory, count, _ in unsafe realloc(memory, count) }, nil)
    }
}
