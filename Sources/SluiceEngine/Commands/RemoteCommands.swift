package import SluiceModel

/// The commands of one host as they are sent to it: its scripts with its values.
///
/// What a rollout sends comes from its plan (``SluiceModel/HostPlan``), whose scripts this makes; the
/// survey's comes from here, before there is a plan.
package struct RemoteCommands: Sendable {
    package let spec: HostSpec
    package let release: ReleaseArtifact
    package let previous: String?
    /// For scripts that start the dead-man timer.
    package let timer: DeadManTimer?

    package init(
        spec: HostSpec, release: ReleaseArtifact, previous: String? = nil,
        timer: DeadManTimer? = nil
    ) {
        self.spec = spec
        self.release = release
        self.previous = previous
        self.timer = timer
    }

    package var scripts: ScriptBuilder {
        ScriptBuilder(
            shape: HostShape(spec, release: release.id, previous: previous), release: release)
    }

    package var values: ScriptValues {
        ScriptValues(spec, release: release, previous: previous, timer: timer)
    }

    private func command(_ operation: HostOperation, _ script: CommandScript) -> RemoteCommand {
        script.command(operation, values)
    }

    package func survey() -> RemoteCommand { command(.survey, scripts.survey()) }
    package func inspect() -> RemoteCommand { command(.inspect, scripts.inspect()) }
    package func observe() -> RemoteCommand { command(.observe, scripts.observe()) }
}
