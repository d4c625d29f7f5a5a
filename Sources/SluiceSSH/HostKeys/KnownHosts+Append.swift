import Crypto
import FoundationEssentials
import Glibc
import Synchronization

extension KnownHosts {
    /// Adds a line to a file, which is made if need be; one that is there already is not doubled.
    ///
    /// Several connections to one host may do so at once, and are let in one by one. Other programs
    /// are not waited for: the line is written with one call, and twice at worst. Throws `SystemError`.
    ///
    /// - Returns: Whether it is new: not in the file, and not written by this process before, which
    ///   matters where the file is `/dev/null`.
    @discardableResult
    static func append(
        _ key: PublicKey, name: String, hashed: Bool, to path: String
    ) throws -> Bool {
        try written.withLock { written in
            guard try write(key, name: name, hashed: hashed, to: path) else { return false }
            return written.insert("\(path) \(name) \(key.fingerprint)").inserted
        }
    }

    private static let written = Mutex<Set<String>>([])

    private static func write(
        _ key: PublicKey, name: String, hashed: Bool, to path: String
    ) throws -> Bool {
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            // `ssh` makes `~/.ssh` in the same case.
            if unsafe mkdir(String(path[..<slash]), 0o700) != 0, errno != EEXIST {
                throw SystemError(number: errno)
            }
        }
        let file = unsafe open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw SystemError(number: errno) }
        defer { close(file) }
        let present = try readSmallFile(path)
        var known = KnownHosts()
        known.add(String(decoding: present, as: UTF8.self), file: path)
        if known.entries.contains(where: { $0.key == key && $0.matches(name) }) { return false }
        var line = "\(hashed ? Self.hashed(name) : name) \(key.type) "
        line += Data(key.blob).base64EncodedString() + "\n"
        if let last = present.last, last != UInt8(ascii: "\n") { line = "\n" + line }
        let bytes = Array(line.utf8)
        let count = unsafe Glibc.write(file, bytes, bytes.count)
        guard count == bytes.count else {
            throw SystemError(number: count < 0 ? errno : ENOSPC)
        }
        return true
    }

    /// As `ssh-keygen -H` writes it.
    private static func hashed(_ name: String) -> String {
        var random = SystemRandomNumberGenerator()
        let salt = (0..<20).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        var code = HMAC<Insecure.SHA1>(key: SymmetricKey(data: salt))
        code.update(data: Array(name.utf8))
        let hash = Data(code.finalize()).base64EncodedString()
        return "|1|\(Data(salt).base64EncodedString())|\(hash)"
    }
}
