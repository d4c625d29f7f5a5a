/// Something that happened in a rollout.
///
/// The journal stores the durable ones, and folding them gives the rollout's state; console,
/// reports and history read the same type.
package struct Event: Sendable, Hashable {
    /// Raised when a stored field changes its meaning. Adding fields and types does not.
    package static let schema = 1

    /// From 1, without gaps among the durable events of a rollout; 0 for a transient one.
    package var sequence: Int
    package var at: Timestamp
    package var kind: Kind

    package init(sequence: Int, at: Timestamp, kind: Kind) {
        self.sequence = sequence
        self.at = at
        self.kind = kind
    }

    package enum Kind: Sendable, Hashable {
        case rolloutStarted(RolloutStarted)
        /// Another process goes on with the rollout, or brings its hosts back.
        case resumed(Resumed)
        /// The intent of one of the rollout's own hooks.
        case hookStarted(HookStarted)
        case hookFinished(HookFinished)
        case pushedAhead(StepFinished)
        case batchStarted(BatchStarted)
        /// The intent: durable before the step's first byte goes out.
        case stepStarted(StepStarted)
        /// `/ping` was seen to fail for the first time: the clock of the drain window starts.
        case pingFailed(PingFailed)
        case stepFinished(StepFinished)
        /// What a resumed rollout saw of a host that was in hand, and what it makes of it.
        case observed(Observed)
        /// What failed is done again: the playbook allows it so often.
        case retrying(Retrying)
        /// Something that a reader of the journal should know about a host's step.
        case note(Note)
        case hostFailed(HostFailed)
        case hostFinished(HostFinished)
        case stopping(Stopping)
        case interrupted(Interrupted)
        /// Asked from elsewhere to begin no further host for now, or to go on after that.
        case paused(Paused)
        case rolloutFinished(RolloutFinished)
        /// Transient: what a host is doing right now.
        case progress(Progress)
    }

    /// Whether the journal stores it.
    package var isDurable: Bool {
        if case .progress = kind { false } else { true }
    }
}

extension Event {
    package struct RolloutStarted: Sendable, Hashable, Codable {
        package var rollout: String
        package var service: String
        package var release: String
        package var hosts: [String]
        /// Who started it: `user@machine`, for the history.
        package var actor: String
        /// `nil` for a deploy.
        package var kind: Plan.Kind? = nil

        package init(
            rollout: String, service: String, release: String, hosts: [String], actor: String,
            kind: Plan.Kind? = nil
        ) {
            self.rollout = rollout
            self.service = service
            self.release = release
            self.hosts = hosts
            self.actor = actor
            self.kind = kind
        }

        package var isRollback: Bool { kind == .rollback }
    }

    package struct Resumed: Sendable, Hashable, Codable {
        package enum Mode: String, Sendable, Hashable, Codable {
            /// Go on to the end of the plan.
            case resume
            /// Bring every host that owes its readmission back on the release that it had, and
            /// begin no other.
            case restore
        }

        package var mode: Mode
        package var actor: String
        /// The hosts that are looked at first.
        package var hosts: [String]

        package init(mode: Mode, actor: String, hosts: [String]) {
            self.mode = mode
            self.actor = actor
            self.hosts = hosts
        }
    }

    package struct HookStarted: Sendable, Hashable, Codable {
        package var hook: String
        package var place: String
        /// `nil` for the rollout's own.
        package var host: String? = nil

        package init(hook: String, place: String, host: String? = nil) {
            self.hook = hook
            self.place = place
            self.host = host
        }
    }

    package struct Retrying: Sendable, Hashable, Codable {
        /// `nil` for the rollout's own hooks.
        package var host: String? = nil
        /// `nil` for a hook that belongs to no step.
        package var step: Step? = nil
        /// The hook's name, if it is one.
        package var hook: String? = nil
        /// Which attempt failed, from 1.
        package var attempt: Int
        /// Attempts in all.
        package var of: Int
        package var reason: String
        /// The pause before the next one.
        package var delay: TimeSpan

        package init(
            host: String? = nil, step: Step? = nil, hook: String? = nil, attempt: Int, of: Int,
            reason: String, delay: TimeSpan
        ) {
            self.host = host
            self.step = step
            self.hook = hook
            self.attempt = attempt
            self.of = of
            self.reason = reason
            self.delay = delay
        }
    }

    package struct Observed: Sendable, Hashable, Codable {
        package var host: String
        /// The process that runs the service now, if one does.
        package var process: ProcessIdentity? = nil
        /// What `/ping` answers, if it was asked.
        package var answer: String? = nil
        /// The release that `current` points at.
        package var release: String? = nil
        /// The step that had an intent and no outcome.
        package var step: Step? = nil
        /// In words: what was found, and what is done now.
        package var finding: String
        /// Steps of the host's present path that are seen to be done.
        package var done: [Step] = []
        /// Steps that are made again, or for the first time.
        package var undone: [Step] = []

        package init(
            host: String, process: ProcessIdentity? = nil, answer: String? = nil,
            release: String? = nil, step: Step? = nil, finding: String, done: [Step] = [],
            undone: [Step] = []
        ) {
            self.host = host
            self.process = process
            self.answer = answer
            self.release = release
            self.step = step
            self.finding = finding
            self.done = done
            self.undone = undone
        }
    }

    package struct BatchStarted: Sendable, Hashable, Codable {
        /// From 1.
        package var batch: Int
        package var of: Int
        package var hosts: [String]

        package init(batch: Int, of: Int, hosts: [String]) {
            self.batch = batch
            self.of = of
            self.hosts = hosts
        }
    }

    /// Whether a step is part of the way forward or of the way back.
    package enum Path: String, Sendable, Hashable, Codable {
        case forward
        case restore
    }

    package struct StepStarted: Sendable, Hashable, Codable {
        package var host: String
        package var step: Step
        package var path: Path = .forward
        /// The process that the step is about to signal or has started from, if any.
        package var process: ProcessIdentity? = nil

        package init(
            host: String, step: Step, path: Path = .forward, process: ProcessIdentity? = nil
        ) {
            self.host = host
            self.step = step
            self.path = path
            self.process = process
        }
    }

    package struct PingFailed: Sendable, Hashable, Codable {
        package var host: String
        /// The status or error that was seen.
        package var answer: String

        package init(host: String, answer: String) {
            self.host = host
            self.answer = answer
        }
    }

    package enum StepOutcome: String, Sendable, Hashable, Codable {
        case done
        case skipped
        case failed
    }

    package struct StepFinished: Sendable, Hashable, Codable {
        package var host: String
        package var step: Step
        package var path: Path = .forward
        package var outcome: StepOutcome
        package var took: TimeSpan
        /// What was seen, or why it was skipped or failed.
        package var detail: String? = nil
        /// The new process, after `start` or `verify`.
        package var process: ProcessIdentity? = nil

        package init(
            host: String, step: Step, path: Path = .forward, outcome: StepOutcome,
            took: TimeSpan, detail: String? = nil, process: ProcessIdentity? = nil
        ) {
            self.host = host
            self.step = step
            self.path = path
            self.outcome = outcome
            self.took = took
            self.detail = detail
            self.process = process
        }
    }

    package struct HookFinished: Sendable, Hashable, Codable {
        package var hook: String
        package var place: String
        package var succeeded: Bool
        package var detail: String? = nil
        /// `nil` for the rollout's own.
        package var host: String? = nil

        package init(
            hook: String, place: String, succeeded: Bool, detail: String? = nil,
            host: String? = nil
        ) {
            self.hook = hook
            self.place = place
            self.succeeded = succeeded
            self.detail = detail
            self.host = host
        }
    }

    package struct Note: Sendable, Hashable, Codable {
        package enum Level: String, Sendable, Hashable, Codable {
            case info
            case warning
        }

        package var host: String? = nil
        package var level: Level = .info
        package var text: String

        package init(host: String? = nil, level: Level = .info, text: String) {
            self.host = host
            self.level = level
            self.text = text
        }
    }

    /// A step failed for good, and this is what is done about it.
    package struct HostFailed: Sendable, Hashable, Codable {
        package enum Reaction: String, Sendable, Hashable, Codable {
            /// Nothing to undo: the host serves as before.
            case inService = "in_service"
            /// Still in service, but the signal may yet take effect: watched through the
            /// readmission window, and restored if it does.
            case watch
            /// The host is brought back on the release that it has or had.
            case restore
            /// Left as it is: `on_failure: halt`, or the way back failed.
            case leave
        }

        package var host: String
        package var step: Step
        package var path: Path = .forward
        package var message: String
        package var remedy: String
        package var reaction: Reaction
        /// Set where the host could not be reached: what it would have said is not known.
        package var unreachable: Bool? = nil

        package init(
            host: String, step: Step, path: Path = .forward, message: String, remedy: String,
            reaction: Reaction, unreachable: Bool? = nil
        ) {
            self.host = host
            self.step = step
            self.path = path
            self.message = message
            self.remedy = remedy
            self.reaction = reaction
            self.unreachable = unreachable
        }
    }

    package enum HostResult: String, Sendable, Hashable, Codable {
        case deployed
        case upToDate = "up_to_date"
        /// Back in service on the release that it had.
        case restored
        /// Failed before anything was changed; never left service.
        case failedInService = "failed_in_service"
        /// Could not be reached before anything was done to it.
        case unreachable
        /// Never begun.
        case untouched
        /// Not in service, or not known to be: a person has to look.
        case needsAttention = "needs_attention"
    }

    package struct HostFinished: Sendable, Hashable, Codable {
        package var host: String
        package var result: HostResult
        package var releaseBefore: String? = nil
        package var releaseAfter: String? = nil
        /// From the first failing `/ping` to the end of the readmission window.
        package var outOfRotation: TimeSpan? = nil
        package var took: TimeSpan? = nil
        /// For `needsAttention`: the command that a person should run.
        package var command: String? = nil

        package init(
            host: String, result: HostResult, releaseBefore: String? = nil,
            releaseAfter: String? = nil, outOfRotation: TimeSpan? = nil, took: TimeSpan? = nil,
            command: String? = nil
        ) {
            self.host = host
            self.result = result
            self.releaseBefore = releaseBefore
            self.releaseAfter = releaseAfter
            self.outOfRotation = outOfRotation
            self.took = took
            self.command = command
        }
    }

    package struct Stopping: Sendable, Hashable, Codable {
        package var reason: String

        package init(reason: String) {
            self.reason = reason
        }
    }

    package struct Interrupted: Sendable, Hashable, Codable {
        /// 1: finish the host in hand; 2: restore it; 3: exit at once.
        package var level: Int
        package var signal: String

        package init(level: Int, signal: String) {
            self.level = level
            self.signal = signal
        }
    }

    package struct Paused: Sendable, Hashable, Codable {
        /// `false`: the pause is over.
        package var isPaused: Bool
        /// Who asked.
        package var actor: String

        package init(isPaused: Bool, actor: String) {
            self.isPaused = isPaused
            self.actor = actor
        }
    }

    package enum RolloutResult: String, Sendable, Hashable, Codable {
        case succeeded
        case failed
        case interrupted
        case needsAttention = "needs_attention"
    }

    package struct RolloutFinished: Sendable, Hashable, Codable {
        package var result: RolloutResult
        package var took: TimeSpan
        package var deployed: Int
        package var failed: Int
        package var untouched: Int
        package var needsAttention: Int
        /// Absent where there is none; not among `failed`.
        package var unreachable: Int? = nil

        package init(
            result: RolloutResult, took: TimeSpan, deployed: Int, failed: Int, untouched: Int,
            needsAttention: Int, unreachable: Int? = nil
        ) {
            self.result = result
            self.took = took
            self.deployed = deployed
            self.failed = failed
            self.untouched = untouched
            self.needsAttention = needsAttention
            self.unreachable = unreachable
        }
    }

    package struct Progress: Sendable, Hashable, Codable {
        package var host: String
        package var step: Step
        package var path: Path = .forward
        /// What it waits for, in a few words: `/ping 503, waiting out the drain window`.
        package var activity: String
        package var since: Timestamp
        /// When the wait ends, or its limit is reached; `nil` where there is none.
        package var until: Timestamp? = nil
        /// While the release's bytes are sent; then `until` is when they will have been, at the
        /// present rate.
        package var upload: Upload? = nil

        package init(
            host: String, step: Step, path: Path = .forward, activity: String, since: Timestamp,
            until: Timestamp? = nil, upload: Upload? = nil
        ) {
            self.host = host
            self.step = step
            self.path = path
            self.activity = activity
            self.since = since
            self.until = until
            self.upload = upload
        }

        package struct Upload: Sendable, Hashable, Codable {
            /// Bytes that have gone out, as they are sent: compressed, perhaps.
            package var sent: Int
            package var total: Int
            /// In bytes a second, over the last few seconds.
            package var rate: Int

            package init(sent: Int, total: Int, rate: Int) {
                self.sent = sent
                self.total = total
                self.rate = rate
            }
        }
    }
}

/// How a rollout stands, folded from its events: what history and the live view show.
package struct RolloutSummary: Sendable, Hashable, Codable {
    package var rollout: String
    package var service: String
    package var release: String
    package var actor: String
    package var startedAt: Timestamp
    package var finishedAt: Timestamp? = nil
    package var result: Event.RolloutResult? = nil
    package var hosts: Int
    package var deployed: Int = 0
    package var failed: Int = 0
    package var needsAttention: Int = 0
    package var isRollback: Bool = false

    package init(
        rollout: String, service: String, release: String, actor: String, startedAt: Timestamp,
        finishedAt: Timestamp? = nil, result: Event.RolloutResult? = nil, hosts: Int,
        deployed: Int = 0, failed: Int = 0, needsAttention: Int = 0, isRollback: Bool = false
    ) {
        self.rollout = rollout
        self.service = service
        self.release = release
        self.actor = actor
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.result = result
        self.hosts = hosts
        self.deployed = deployed
        self.failed = failed
        self.needsAttention = needsAttention
        self.isRollback = isRollback
    }
}
