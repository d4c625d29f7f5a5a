import Glibc

/// The C library's text for an error number.
func errorText(_ number: Int32) -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard unsafe strerror_r(number, &buffer, buffer.count) == 0 else { return "error \(number)" }
    return unsafe String(cString: &buffer)
}

/// Reads a small file whole; throws `SystemError`. Longer than `limit` bytes is `EFBIG`.
func readSmallFile(_ path: String, limit: Int = 16 << 20) throws -> [UInt8] {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw SystemError(number: errno) }
    defer { close(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = unsafe read(file, &block, block.count)
        if count < 0 {
            if errno == EINTR { continue }
            throw SystemError(number: errno)
        }
        if count == 0 { return bytes }
        bytes += block[0..<count]
        if bytes.count > limit { throw SystemError(number: EFBIG) }
    }
}
