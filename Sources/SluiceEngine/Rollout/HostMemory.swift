import SluiceModel

/// What a process remembers of a host beyond the journal. An empty one is "after a resume", which
/// is always the careful side.
struct HostMemory: Sendable, Hashable {
    /// The new process has answered no probe well yet, as far as this process saw: the balancer
    /// can't have taken it back. The moment in which its start was sent.
    var neverPassed: Timestamp?
    /// When the new process was last seen to refuse, if it has never passed.
    var refusedAt: Timestamp?
    /// When the new process was last seen to pass.
    var passedAt: Timestamp?
    /// Since when the new process has answered every probe well: the balancer's count began no
    /// later, so the readmission window runs from there.
    var passingSince: Timestamp?
    /// Since when the host's machine has answered whatever was asked.
    var answeringSince: Timestamp?
    /// The surveyed process has got the signal, as its command said.
    var isSignalDelivered = false
    /// On the way back: which process was drained, or that none ran. Another one that runs in its
    /// place when it is to be stopped was not.
    var drainedProcess: ProcessIdentity??
    /// How often the host was drained again for that reason.
    var drainsAgain = 0
    /// How often a stop of which nothing was seen was made again on the way back.
    var stopsAgain = 0
    /// A start, a stop or a hook of which no outcome is known may still run.
    var mayBeBusy = false
    /// How long a host that could not be reached for its signal is tried, over all admissions.
    var signalUntil: Timestamp?
    /// A process that had closed its port when a resumed rollout looked: it has been told to end,
    /// and is not told twice.
    var ending: ProcessIdentity?
}

/// The memory of each host; empty where nothing is remembered.
struct HostMemories: Sendable {
    private var values: [String: HostMemory] = [:]

    subscript(host: String) -> HostMemory {
        get { values[host] ?? HostMemory() }
        set { values[host] = newValue }
        _modify { yield &values[host, default: HostMemory()] }
    }

    mutating func forget(_ host: String) { values[host] = nil }
}
