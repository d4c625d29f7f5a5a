package import SluiceModel

/// What the scripts of a host depend on, and no more: hosts of the same shape have the same scripts,
/// and differ in the values that stand in their places.
package struct HostShape: Sendable, Hashable {
    /// With nothing in it that tells one host of a fleet from another.
    package let spec: HostSpec
    /// The path inside a release of the program that `start` runs through `current`, or `nil` if it
    /// runs something else.
    package let startProgram: String?
    /// Whether there is a release to go back to.
    package let hasPrevious: Bool
    /// Whether that is another than the one that is rolled out.
    package let comesFromAnother: Bool

    /// - Parameters:
    ///   - release: The id of the one that is rolled out.
    ///   - previous: Of the one that the host has.
    package init(_ host: HostSpec, release: String, previous: String?) {
        var spec = host
        spec.target = HostTarget(name: "", address: "", become: host.target.become)
        spec.artifact.root = ""
        spec.artifact.source = ""
        spec.service = host.service.shape
        self.spec = spec
        startProgram = Self.startProgram(of: host)
        hasPrevious = previous != nil
        comesFromAnother = previous.map { $0 != release } ?? false
    }

    private static func startProgram(of host: HostSpec) -> String? {
        guard let word = host.service.start?.split(whereSeparator: \.isWhitespace).first else {
            return nil
        }
        for prefix in [host.artifact.currentLink + "/", "current/", "./current/"]
        where word.hasPrefix(prefix) {
            // Anything that means something to the shell ends what can be told from the text.
            let path = word.dropFirst(prefix.count)
            let isPlain = path.unicodeScalars.allSatisfy {
                !"'\"$`\\;&|<>()*?[]{}~#!".unicodeScalars.contains($0)
            }
            return path.isEmpty || !isPlain ? nil : String(path)
        }
        return nil
    }
}

extension ScriptValues {
    /// What stands in the places of a host's scripts.
    ///
    /// - Parameters:
    ///   - release: The id of the one that is rolled out.
    ///   - timer: For scripts that start the dead-man timer.
    package init(
        _ spec: HostSpec, release: ReleaseArtifact, previous: String?, timer: DeadManTimer?
    ) {
        let artifact = spec.artifact
        let service = spec.service
        let stem = ".\(release.id).\(release.sha256.prefix(12))"
        let quoted = ShellWord.quoted
        let sockets = SocketPattern(service)
        self.init([
            .root: quoted(artifact.root),
            .rootPrefix: quoted(artifact.root + "/"),
            .releases: quoted(artifact.releasesDirectory),
            .release: quoted(artifact.directory(of: release.id)),
            .current: quoted(artifact.currentLink),
            .newCurrent: quoted(artifact.root + "/.current.sluice"),
            .state: quoted(artifact.root + "/.sluice"),
            .partPath: quoted(artifact.releasesDirectory + "/" + stem + ".part"),
            .unpackedPath: quoted(artifact.releasesDirectory + "/" + stem + ".new"),
            .listeners: sockets.listeners,
            .established: sockets.established,
        ])
        self[.previous] = previous.map(quoted)
        self[.previousDirectory] = previous.map { quoted(artifact.directory(of: $0)) }
        self[.previousTarget] = previous.map { quoted("releases/" + $0) }
        self = merging(service.manager.values(of: service))
        if let timer {
            self[.timerWindow] = "\(ScriptBuilder.seconds(timer.window))"
            self[.timerPatience] = "\(ScriptBuilder.seconds(timer.window + spec.verify.within))"
        }
        for (number, check) in spec.healthChecks.enumerated() {
            let address = service.address ?? "127.0.0.1"
            self[.checkURL(number)] = quoted(
                "http://\(address.contains(":") ? "[\(address)]" : address)"
                    + ":\(check.port ?? service.port)\(check.path)")
        }
    }
}

/// Local addresses as `/proc/net/tcp` and `tcp6` write them, as awk regular expressions.
struct SocketPattern {
    /// The service's own address and the wildcards.
    let listeners: String
    /// The service's own.
    let established: String

    init(_ service: ServiceSpec) {
        let port = String(service.port, radix: 16, uppercase: true)
        let padded = String(repeating: "0", count: max(0, 4 - port.count)) + port
        guard let hex = service.address.flatMap(Self.procAddress) else {
            listeners = ":\(padded)$"
            established = listeners
            return
        }
        let own = [hex, "0000000000000000FFFF0000" + hex]
        let wildcards = [String(repeating: "0", count: 8), String(repeating: "0", count: 32)]
        listeners = "^(" + (own + wildcards).joined(separator: "|") + "):\(padded)$"
        established = "^(" + own.joined(separator: "|") + "):\(padded)$"
    }

    /// `127.0.0.11` as `0B00007F`; `nil` for anything but an IPv4 address, so that the port
    /// alone is looked for.
    static func procAddress(_ address: String) -> String? {
        let parts = address.split(separator: ".", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { UInt8($0) }
        guard parts.count == 4, bytes.count == 4, bytes != [0, 0, 0, 0] else { return nil }
        return bytes.reversed().map { byte in
            let hex = String(byte, radix: 16, uppercase: true)
            return hex.count == 1 ? "0" + hex : hex
        }.joined()
    }
}
