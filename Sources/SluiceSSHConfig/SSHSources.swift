import Synchronization

/// The files of configuration, each read and cut into lines once, whatever the number of hosts.
final class SSHSources: Sendable {
    struct Line: Sendable {
        var number: Int
        var directive: SSHDirective
    }

    struct File: Sendable {
        var lines: [Line]
        /// Whether nobody else can have written it.
        var isTrusted: Bool
    }

    private struct Cache {
        var files: [String: Result<File?, SSHReadingFailure>] = [:]
        var expansions: [String: Result<[String], SSHReadingFailure>] = [:]
    }

    private let client: SSHClient
    private let system: SSHConfigurationSystem
    private let cache = Mutex(Cache())

    init(client: SSHClient, system: SSHConfigurationSystem) {
        self.client = client
        self.system = system
    }

    /// The files that were there, sorted.
    var paths: [String] {
        cache.withLock { cache in
            cache.files.filter { _, result in
                if case .success(.some) = result { true } else { false }
            }.keys.sorted()
        }
    }

    /// - Returns: nil when there is no such file.
    func file(_ path: String) throws(SSHReadingFailure) -> File? {
        try cache.withLock { cache in
            if let known = cache.files[path] { return known }
            let result: Result<File?, SSHReadingFailure>
            do throws(SSHReadingFailure) {
                result = .success(try system.read(path).map(parsed))
            } catch {
                result = .failure(error)
            }
            cache.files[path] = result
            return result
        }.get()
    }

    /// The files that a pattern of `Include` stands for.
    func expand(_ pattern: String) throws(SSHReadingFailure) -> [String] {
        try cache.withLock { cache in
            if let known = cache.expansions[pattern] { return known }
            let result: Result<[String], SSHReadingFailure>
            do throws(SSHReadingFailure) {
                result = .success(try system.expand(pattern))
            } catch {
                result = .failure(error)
            }
            cache.expansions[pattern] = result
            return result
        }.get()
    }

    private func parsed(_ file: SSHConfigurationFile) -> File {
        var lines: [Line] = []
        var rest = file.bytes[...]
        var number = 0
        while !rest.isEmpty {
            let line = rest.prefix { $0 != UInt8(ascii: "\n") }
            rest = rest[line.endIndex...].dropFirst()
            number += 1
            guard let words = SSHLine(line) else { continue }
            let directive = SSHDirective(words, system, environment: client.environment)
            if case .nothing = directive { continue }
            lines.append(Line(number: number, directive: directive))
        }
        return File(lines: lines, isTrusted: file.isTrusted(by: client.userID))
    }
}
