package import SluiceModel

/// A survey's one line of facts.
package struct SurveyReport: Sendable, Hashable {
    /// What `current` is.
    package enum CurrentKind: String, Sendable, Hashable {
        case link
        /// Something that is no link.
        case other
        case none
    }

    package var service: ProcessReport
    /// What the service's manager says of it, where it was asked.
    package var managerSays: String?
    package var missingTools: [String]
    package var hasZstd: Bool
    package var currentKind: CurrentKind
    /// Where `current` points, to the letter.
    package var current: String
    /// Whether it points at a directory.
    package var isAlive: Bool
    /// When it was last moved, and when the machine was started, in seconds.
    package var movedAt: Int?
    package var bootedAt: Int?
    /// Clock ticks in a second.
    package var ticks: Int
    /// The record of the release in place.
    package var currentSHA256: String?
    /// The record of the release that is rolled out, and whether anything has its name.
    package var release: ReleaseReport
    package var releases: [String]
    /// The releases that Sluice put there, the newest push first.
    package var held: [HeldRelease]
    package var isWritable: Bool
    package var freeKiB: Int?
    package var user: String
    package var lock: HostLock?
    /// By the host's clock.
    package var now: Timestamp?
    package var timer: DeadManReport?

    package init(
        service: ProcessReport, managerSays: String? = nil, missingTools: [String] = [],
        hasZstd: Bool,
        currentKind: CurrentKind, current: String, isAlive: Bool, movedAt: Int?, bootedAt: Int?,
        ticks: Int = 100, currentSHA256: String?, release: ReleaseReport, releases: [String],
        held: [HeldRelease] = [], isWritable: Bool, freeKiB: Int?, user: String, lock: HostLock?,
        now: Timestamp?, timer: DeadManReport? = nil
    ) {
        self.service = service
        self.managerSays = managerSays
        self.missingTools = missingTools
        self.hasZstd = hasZstd
        self.currentKind = currentKind
        self.current = current
        self.isAlive = isAlive
        self.movedAt = movedAt
        self.bootedAt = bootedAt
        self.ticks = ticks
        self.currentSHA256 = currentSHA256
        self.release = release
        self.releases = releases
        self.held = held
        self.isWritable = isWritable
        self.freeKiB = freeKiB
        self.user = user
        self.lock = lock
        self.now = now
        self.timer = timer
    }

    init?(_ fields: ReportFields) {
        guard let service = ProcessReport(fields), let missing = fields.words("missing"),
            let zstd = fields.flag("zstd"),
            let kind = fields.text("kind").flatMap(CurrentKind.init),
            let alive = fields.flag("alive"), let exists = fields.flag("exists"),
            let writable = fields.flag("writable")
        else { return nil }
        self.init(
            service: service, managerSays: fields.text("told"), missingTools: missing,
            hasZstd: zstd, currentKind: kind,
            current: fields.text("current") ?? "", isAlive: alive,
            movedAt: fields.number("moved"), bootedAt: fields.number("btime"),
            ticks: fields.number("hz") ?? 100, currentSHA256: fields.word("digest"),
            release: ReleaseReport(sha256: fields.word("have"), exists: exists),
            releases: fields.words("releases") ?? [],
            held: (fields.words("recorded") ?? []).compactMap(Self.held), isWritable: writable,
            freeKiB: fields.number("free"), user: fields.text("user") ?? "",
            lock: HostLock(fields), now: fields.time("now"), timer: DeadManReport(fields))
    }

    /// `v2:DIGEST`.
    private static func held(_ entry: String) -> HeldRelease? {
        let parts = entry.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, ReleaseName.isPlain(String(parts[0])), !parts[1].isEmpty else {
            return nil
        }
        return HeldRelease(id: String(parts[0]), sha256: String(parts[1]))
    }
}
