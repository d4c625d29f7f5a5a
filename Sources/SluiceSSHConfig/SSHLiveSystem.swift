import Foundation
import Glibc
import SluiceModel

extension SSHConfigurationSystem {
    /// This machine.
    package static let live = SSHConfigurationSystem(
        read: readFile, expand: expandPattern,
        exists: { FileManager.default.fileExists(atPath: $0) }, homeOfUser: home,
        portOfService: port, numericAddress: address)

    /// In bytes. A configuration is written by hand; what is larger is something else.
    static let sizeLimit = 4 << 20

    @Sendable private static func readFile(
        _ path: String
    ) throws(SSHReadingFailure) -> SSHConfigurationFile? {
        // A pipe without a writer must not hold up the reader.
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        if file < 0 {
            if errno == ENOENT { return nil }
            throw SSHReadingFailure(unsafe String(cString: strerror(errno)))
        }
        defer { close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else {
            throw SSHReadingFailure(unsafe String(cString: strerror(errno)))
        }
        var found = SSHConfigurationFile(
            bytes: [], owner: status.st_uid, mode: status.st_mode & 0o7777)
        // ssh finds no lines in a directory.
        guard status.st_mode & S_IFMT == S_IFREG else { return found }
        guard status.st_size <= sizeLimit else {
            throw SSHReadingFailure("it has \(status.st_size) bytes, more than \(sizeLimit)")
        }
        do {
            found.bytes = Array(
                try FileHandle(fileDescriptor: file, closeOnDealloc: false)
                    .read(upToCount: sizeLimit) ?? Data())
        } catch {
            throw SSHReadingFailure("\(error.localizedDescription)")
        }
        return found
    }

    @Sendable private static func expandPattern(
        _ pattern: String
    ) throws(SSHReadingFailure) -> [String] {
        var found = unsafe glob_t()
        defer { unsafe globfree(&found) }
        switch unsafe Glibc.glob(pattern, 0, nil, &found) {
        case 0:
            let count = unsafe Int(found.gl_pathc)
            return (0..<count).compactMap { index in
                unsafe found.gl_pathv[index].map { unsafe String(cString: $0) }
            }
        case GLOB_NOMATCH: return []
        case GLOB_NOSPACE: throw SSHReadingFailure("too many files fit")
        default: throw SSHReadingFailure("a directory on the way cannot be read")
        }
    }

    @Sendable private static func home(of user: String) -> String? {
        var entry = unsafe passwd()
        var result: UnsafeMutablePointer<passwd>?
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1 << 16) { buffer in
            guard let base = buffer.baseAddress,
                unsafe getpwnam_r(user, &entry, base, buffer.count, &result) == 0,
                unsafe result != nil
            else { return nil }
            return unsafe String(cString: entry.pw_dir)
        }
    }

    @Sendable private static func port(ofService name: String) -> Int? {
        var entry = unsafe servent()
        var result: UnsafeMutablePointer<servent>?
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1 << 14) { buffer in
            guard let base = buffer.baseAddress,
                unsafe getservbyname_r(name, "tcp", &entry, base, buffer.count, &result) == 0,
                unsafe result != nil
            else { return nil }
            return unsafe Int(UInt16(truncatingIfNeeded: entry.s_port).byteSwapped)
        }
    }

    @Sendable private static func address(_ text: String, _ family: SSHSettings.AddressFamily)
        -> String?
    {
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_family =
            switch family {
            case .any: AF_UNSPEC
            case .inet: AF_INET
            case .inet6: AF_INET6
            }
        var found: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(text, "22", &hints, &found) == 0, let first = unsafe found else {
            return nil
        }
        defer { unsafe freeaddrinfo(first) }
        let address = unsafe first.pointee
        guard unsafe address.ai_next == nil else { return nil }
        return unsafe withUnsafeTemporaryAllocation(
            of: CChar.self, capacity: Int(NI_MAXHOST)
        ) { buffer in
            guard let base = buffer.baseAddress,
                unsafe getnameinfo(
                    address.ai_addr, address.ai_addrlen, base, socklen_t(buffer.count), nil, 0,
                    NI_NUMERICHOST) == 0
            else { return nil }
            return unsafe String(cString: base)
        }
    }
}

extension SSHClient {
    /// The person who runs this process; nil when the password database does not know them.
    package static var current: SSHClient? {
        let id = getuid()
        guard let entry = unsafe getpwuid(id) else { return nil }
        return unsafe SSHClient(
            home: String(cString: entry.pointee.pw_dir),
            user: String(cString: entry.pointee.pw_name), userID: id,
            hostName: machineName,
            environment: ProcessInfo.processInfo.environment)
    }

    /// As it was set, without a look into the name service.
    private static var machineName: String {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let base = buffer.baseAddress, unsafe gethostname(base, 255) == 0 else {
                return "localhost"
            }
            unsafe base[255] = 0
            return unsafe String(cString: base)
        }
    }
}
