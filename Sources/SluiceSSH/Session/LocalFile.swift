import Glibc

/// A file on this machine that is read from its start to its end, block by block.
final class LocalFile {
    let path: String
    private let descriptor: Int32
    private static let blockSize = 1 << 20

    /// Throws an `SSHError` with the code `local-file`.
    init(_ path: String, for host: String) throws(SSHError) {
        self.path = path
        descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(path, host, errno) }
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_SEQUENTIAL)
        self.host = host
    }

    private let host: String

    deinit { close(descriptor) }

    func rewind() { lseek(descriptor, 0, SEEK_SET) }

    /// False at the end of the file.
    func read(into block: inout [UInt8]) throws(SSHError) -> Bool {
        if block.count < Self.blockSize { block = Array(repeating: 0, count: Self.blockSize) }
        while true {
            let count = unsafe Glibc.read(descriptor, &block, Self.blockSize)
            if count > 0 {
                if count < Self.blockSize { block.removeSubrange(count...) }
                return true
            }
            if count == 0 { return false }
            guard errno == EINTR else { throw Self.failure(path, host, errno) }
        }
    }

    private static func failure(_ path: String, _ host: String, _ number: Int32) -> SSHError {
        SSHError(
            .localFile, host: host, operation: "read \(path)", "cannot read \(path)",
            remedy: "check that the file exists here and that this user may read it",
            cause: SystemError(number: number))
    }
}
