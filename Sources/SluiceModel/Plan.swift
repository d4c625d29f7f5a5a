/// The whole rollout as a value: what will be done, to whom, in what order, with which waits.
///
/// `plan` prints it and `deploy` runs it; neither adds anything that is not in here.
package struct Plan: Sendable, Hashable {
    /// Raised when a field changes its meaning; readers refuse a newer one.
    ///
    /// 2: `budget` is written as in a playbook. 3: what hosts have in common is written once.
    package static let currentFormat = 3

    package enum Kind: String, Sendable, Hashable, Codable {
        /// A release's bytes are pushed and activated.
        case deploy
        /// A release that the hosts hold already is activated again: nothing is pushed.
        case rollback
    }

    package var format: Int = Plan.currentFormat
    package var createdAt: Timestamp
    /// The play's name.
    package var name: String
    package var service: String
    private(set) var kind: Kind
    package var release: ReleaseArtifact
    /// The files that the plan was made from; a change in one makes a saved plan stale.
    package var inputs: [InputDigest] = []
    /// In the order of the rollout.
    package var hosts: [HostPlan] { didSet { places = Self.places(of: hosts.map(\.spec)) } }
    /// Where each host is in `hosts`.
    private var places: [String: Int]
    /// Hosts of the play that are counted for capacity and never touched.
    package var peers: [HostSpec] { didSet { peerPlaces = Self.places(of: peers) } }
    private var peerPlaces: [String: Int]
    /// The names of `hosts`, batch by batch; those that are up to date are in none.
    package var batches: [[String]]
    package var budget: FailureBudget
    /// The floor for the whole rollout: hosts of the play, peers included, in service.
    package var minAvailable: Int
    /// For each batch, how many hosts of the play must be in service while it is out; all that
    /// are not in the batch unless the playbook says `min_available`.
    package var batchMinimums: [Int] = []
    package var admitWithin: TimeSpan
    /// How long a host that can't be reached is tried again within one step; 30 s if `nil`.
    package var reconnectWithin: TimeSpan? = nil
    package var onFailure: FailureAction
    package var beforeRollout: [Hook] = []
    package var afterRollout: [Hook] = []
    /// False for `plan --offline`: nothing was connected to, and the plan can't be run.
    package var surveyed: Bool
    package var warnings: [String] = []

    package init(
        format: Int = Plan.currentFormat, createdAt: Timestamp, name: String, service: String,
        kind: Kind = .deploy, release: ReleaseArtifact, inputs: [InputDigest] = [],
        hosts: [HostPlan],
        peers: [HostSpec] = [], batches: [[String]], budget: FailureBudget, minAvailable: Int,
        batchMinimums: [Int] = [],
        admitWithin: TimeSpan, reconnectWithin: TimeSpan? = nil, onFailure: FailureAction,
        beforeRollout: [Hook] = [],
        afterRollout: [Hook] = [], surveyed: Bool, warnings: [String] = []
    ) {
        self.format = format
        self.createdAt = createdAt
        self.name = name
        self.service = service
        self.kind = kind
        self.release = release
        self.inputs = inputs
        self.hosts = hosts
        places = Self.places(of: hosts.map(\.spec))
        self.peers = peers
        peerPlaces = Self.places(of: peers)
        self.batches = batches
        self.budget = budget
        self.minAvailable = minAvailable
        self.batchMinimums = batchMinimums
        self.admitWithin = admitWithin
        self.reconnectWithin = reconnectWithin
        self.onFailure = onFailure
        self.beforeRollout = beforeRollout
        self.afterRollout = afterRollout
        self.surveyed = surveyed
        self.warnings = warnings
    }

    package var isRollback: Bool { kind == .rollback }
    package var hostsToDeploy: [HostPlan] {
        // All of them as a rule: then nothing is copied.
        hosts.indices.allSatisfy { hosts[$0].action == .deploy }
            ? hosts : hosts.filter { $0.action == .deploy }
    }
    package func host(_ name: String) -> HostPlan? { places[name].map { hosts[$0] } }

    package func peer(_ name: String) -> HostSpec? { peerPlaces[name].map { peers[$0] } }

    private static func places(of hosts: [HostSpec]) -> [String: Int] {
        Dictionary(
            hosts.enumerated().map { ($1.target.name, $0) },
            uniquingKeysWith: { first, _ in first })
    }

    /// Hosts that the balancer may send to when all is well.
    package var fleetSize: Int { hosts.count + peers.count }

    /// What the hosts that will be changed run now, each once, sorted.
    package var releasesBefore: [String] {
        Set(hostsToDeploy.compactMap { $0.baseline?.release }).sorted()
    }
}

/// What is rolled out: the bytes' identity, not only their name.
package struct ReleaseArtifact: Sendable, Hashable, Codable {
    package enum Form: String, Sendable, Hashable, Codable {
        case file
        case tar
        case tarGzip = "tar.gz"
        case tarZstd = "tar.zst"
        case tarXz = "tar.xz"

        /// Whether the bytes are worth compressing for the transfer.
        package var isCompressed: Bool { self == .tarGzip || self == .tarZstd || self == .tarXz }
    }

    /// The release's id: the name of its directory.
    package var id: String
    /// What the user named, for display.
    package var source: String
    /// The file name that a single-file release has in its directory.
    package var fileName: String
    package var form: Form
    /// Of the bytes that are pushed, in lower-case hexadecimal.
    package var sha256: String
    /// Of the bytes that are pushed.
    package var bytes: Int

    package init(
        id: String, source: String, fileName: String, form: Form, sha256: String, bytes: Int
    ) {
        self.id = id
        self.source = source
        self.fileName = fileName
        self.form = form
        self.sha256 = sha256
        self.bytes = bytes
    }

    /// A release that the hosts hold, of which only what they have on record is known.
    ///
    /// - Parameter fileName: Of the artifact that it came from, where the journal knows it.
    package init(held id: String, sha256: String, fileName: String = "") {
        self.init(
            id: id, source: "", fileName: fileName, form: .file, sha256: sha256, bytes: 0)
    }
}

package struct InputDigest: Sendable, Hashable, Codable {
    package var path: String
    package var sha256: String

    package init(path: String, sha256: String) {
        self.path = path
        self.sha256 = sha256
    }
}

/// One host of a plan.
package struct HostPlan: Sendable, Hashable {
    package enum Action: String, Sendable, Hashable, Codable {
        case deploy
        case upToDate = "up-to-date"
    }

    package var spec: HostSpec
    package var action: Action
    /// What the survey saw; `nil` in an offline plan.
    package var baseline: HostBaseline? = nil
    package var windows: Windows
    /// Shared with the hosts that are alike; empty for a host that is up to date.
    package var procedure: Procedure
    /// What stands in the places of the procedure's scripts.
    package var values: ScriptValues

    package init(
        spec: HostSpec, action: Action, baseline: HostBaseline? = nil, windows: Windows,
        procedure: Procedure = Procedure(), values: ScriptValues = ScriptValues()
    ) {
        self.spec = spec
        self.action = action
        self.baseline = baseline
        self.windows = windows
        self.procedure = procedure
        self.values = values
    }

    package var name: String { spec.target.name }
    package var steps: [PlannedStep] { procedure.steps }
    package var restore: [PlannedStep] { procedure.restore }
    package func step(_ kind: Step) -> PlannedStep? { steps.first { $0.step == kind } }

    /// Whether the release comes onto the host before the first drain.
    package var isPushedAhead: Bool { spec.artifact.push == .ahead && step(.push) != nil }
}

/// The steps that a host goes through, in the default order.
package enum Step: String, Sendable, Hashable, Codable, CaseIterable {
    case lock
    case beforeHost = "before_host"
    case admit
    case pingOff = "ping_off"
    case drain
    case connections
    case push
    case stop
    case activate
    case start
    case verify
    case readmit
    case soak
    case prune
    case afterHost = "after_host"

    /// Whether the host is out of rotation while this step runs.
    package var isOutOfRotation: Bool {
        switch self {
        case .drain, .connections, .push, .stop, .activate, .start, .verify, .readmit: true
        case .lock, .beforeHost, .admit, .pingOff, .soak, .prune, .afterHost: false
        }
    }
}
