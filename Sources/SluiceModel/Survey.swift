/// Which process it is: a pid alone may be somebody else's by now.
package struct ProcessIdentity: Sendable, Hashable, Codable, CustomStringConvertible {
    package var pid: Int
    /// Field 22 of `/proc/PID/stat`: clock ticks from boot to the start of the process.
    package var startTicks: Int
    /// Where `/proc/PID/exe` points, or the empty string if that may not be read.
    package var executable: String
    /// `/proc/sys/kernel/random/boot_id`.
    package var bootID: String

    package init(pid: Int, startTicks: Int, executable: String, bootID: String) {
        self.pid = pid
        self.startTicks = startTicks
        self.executable = executable
        self.bootID = bootID
    }

    /// Whether it is the very process: a pid comes again, and after a reboot a start time, too.
    package func isSame(as other: ProcessIdentity?) -> Bool {
        pid == other?.pid && startTicks == other?.startTicks && bootID == other?.bootID
    }

    package var description: String {
        "pid \(pid)" + (executable.isEmpty ? "" : " (\(executable))")
    }
}

/// What the survey saw of a host that it cleared.
package struct HostBaseline: Sendable, Hashable, Codable {
    package var process: ProcessIdentity
    /// Where `current` points, as a release id; `nil` before the first deploy by Sluice.
    package var release: String? = nil
    /// The SHA-256 of the archive that the release came from, where the host has a record.
    package var releaseSHA256: String? = nil
    /// Whether the running process was started before `current` was last moved.
    package var runsOlderRelease: Bool = false
    /// The releases on the host, sorted by name.
    package var releases: [String] = []
    /// Whether the release to be deployed is there already with the right digest.
    package var hasRelease: Bool = false
    package var freeBytes: Int
    /// Whether the host can unpack zstd, which makes a push smaller.
    package var hasZstd: Bool = false
    /// How long `/ping` took to answer.
    package var answerTime: TimeSpan

    package init(
        process: ProcessIdentity, release: String? = nil, releaseSHA256: String? = nil,
        runsOlderRelease: Bool = false, releases: [String] = [], hasRelease: Bool = false,
        freeBytes: Int, hasZstd: Bool = false, answerTime: TimeSpan
    ) {
        self.process = process
        self.release = release
        self.releaseSHA256 = releaseSHA256
        self.runsOlderRelease = runsOlderRelease
        self.releases = releases
        self.hasRelease = hasRelease
        self.freeBytes = freeBytes
        self.hasZstd = hasZstd
        self.answerTime = answerTime
    }
}

/// A release that Sluice put on a host, by the host's own record.
package struct HeldRelease: Sendable, Hashable, Codable {
    package var id: String
    /// Of the archive that it came from.
    package var sha256: String

    package init(id: String, sha256: String) {
        self.id = id
        self.sha256 = sha256
    }
}

/// The result of one health probe.
package struct ProbeResult: Sendable, Hashable, Codable {
    package enum Verdict: String, Sendable, Hashable, Codable {
        /// Every balancer's expectation is met.
        case passing
        /// None is.
        case failing
        /// Several balancers are modelled, and they disagree.
        case mixed
        /// No probe could be made at all (the SSH connection for it is down): proves nothing.
        case unknown
    }

    package var verdict: Verdict
    /// The status that came, if any did.
    package var status: Int? = nil
    /// What went wrong instead, for people.
    package var error: String? = nil
    package var took: TimeSpan
    /// The start of the body, for asking which release answers.
    package var body: String? = nil

    package init(
        verdict: Verdict, status: Int? = nil, error: String? = nil, took: TimeSpan,
        body: String? = nil
    ) {
        self.verdict = verdict
        self.status = status
        self.error = error
        self.took = took
        self.body = body
    }

    package var text: String {
        if let status { return "\(status)" }
        return error ?? verdict.rawValue
    }
}

/// Why a host, or the whole fleet, was not cleared.
package struct SurveyProblem: Sendable, Hashable, Codable {
    /// A stable word for programs, for example `signal-not-caught`.
    package var code: String
    package var host: String?
    package var message: String
    package var remedy: String

    package init(code: String, host: String? = nil, message: String, remedy: String) {
        self.code = code
        self.host = host
        self.message = message
        self.remedy = remedy
    }
}
