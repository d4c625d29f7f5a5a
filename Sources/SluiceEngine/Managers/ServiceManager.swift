import SluiceModel

/// How a service's process is found, signalled, stopped and started on a host.
///
/// One file for each kind, and one switch, ``SluiceModel/ServiceSpec/manager(_:)``. Everything is text
/// of scripts: what surrounds it (identity checks, the lock, waits) is the same for all.
protocol ServiceManager: Sendable {
    /// What stands in the places of its scripts, quoted.
    func values(of service: ServiceSpec) -> ScriptValues

    /// Sets `pid` to the service's main process, or to nothing. It may use `inodes`, `holds` and
    /// `look` (``ScriptBuilder/observeProcess``).
    var findProcess: ScriptTemplate { get }

    /// Sends a signal to the main process, whose identity was checked just before.
    func send(_ signal: String) -> ScriptTemplate

    /// The polite half of a stop; it does not wait longer than the grace period.
    var stop: StopScript { get }

    /// Starts the service.
    var start: ScriptTemplate { get }
    var startPurpose: String { get }
    /// For people, in a plan.
    var startSummary: ScriptTemplate { get }

    // MARK: For the dead-man timer

    /// Stops the process `$it`, which was started at `$its`, without waiting for its end.
    var stopFound: ScriptTemplate { get }
    /// Ends it the hard way.
    var killFound: ScriptTemplate { get }

    // MARK: For a person, on one line

    var stopByHand: ScriptTemplate { get }
    var startByHand: ScriptTemplate { get }

    /// Programs that it needs on the host beyond those of any.
    var tools: [String] { get }

    /// Whether there is a process to see as soon as the start command has ended. Another writes its
    /// pidfile when its port is open, or is found by that alone, and may run long before.
    var knowsProcessAtOnce: Bool { get }

    /// Whether the stop is a command of the playbook's, which may run on after its session ended.
    var stopMayLinger: Bool { get }

    // MARK: For the survey

    /// Where the process's number comes from: `the unit app.service`.
    func processSource(of service: ServiceSpec) -> String
    /// What a person corrects where that is wrong.
    var processKey: String { get }

    /// Sets `told` to what the manager itself says of the service, or to nothing; `nil` where there is
    /// nothing to ask.
    var inquiry: ScriptTemplate? { get }

    /// What that means for a deploy.
    ///
    /// - Parameter told: On one line.
    /// - Returns: `nil` unless the service can't be rolled out as it is.
    func objection(to told: String, about service: ServiceSpec) -> ManagerObjection?
}

extension ServiceManager {
    var inquiry: ScriptTemplate? { nil }

    func objection(to told: String, about service: ServiceSpec) -> ManagerObjection? { nil }
}

/// What a manager says that is against a deploy.
struct ManagerObjection: Equatable {
    /// A ``SurveyProblem``'s.
    var code: String
    var message: String
    var remedy: String
}

/// What a manager's stop is.
struct StopScript {
    /// `terminate` for a signal to the process, `stop` for a command.
    var kind: HostOperation.Kind
    /// What follows the check of the process's identity.
    var template: ScriptTemplate
    var deadline: TimeSpan
    var purpose: String
}

extension ServiceSpec {
    /// The one place that knows which kinds there are.
    ///
    /// - Parameter shape: What its scripts depend on.
    func manager(_ shape: HostSpec) -> any ServiceManager {
        switch control {
        case .pidfile: PidfileManager(shape: shape)
        case .script: ScriptManager(shape: shape)
        case .systemd: SystemdManager()
        case .supervisord: SupervisordManager(shape: shape)
        }
    }

    /// The same where only what is true of the kind is asked.
    var manager: any ServiceManager {
        manager(
            HostSpec(
                target: HostTarget(name: "", address: ""), service: self,
                artifact: ArtifactSpec(source: "", root: ""), healthChecks: []))
    }

    /// Where the process's number is looked for, for people.
    var processSource: String { manager.processSource(of: self) }

    /// What says so, for people.
    var processKey: String { manager.processKey }
}
