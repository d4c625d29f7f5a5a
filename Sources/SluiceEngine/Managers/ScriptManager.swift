import SluiceModel

/// Commands start and stop; the pidfile or the listening port says who runs.
struct ScriptManager: ServiceManager {
    let shape: HostSpec

    private var pidfile: PidfileManager { PidfileManager(shape: shape) }

    func values(of service: ServiceSpec) -> ScriptValues {
        var values = pidfile.values(of: service)
        values[.stop] = service.stop
        values[.stopWord] = service.stop.map(PlaybookCommand.word)
        return values
    }

    var findProcess: ScriptTemplate { pidfile.findProcess }
    func send(_ signal: String) -> ScriptTemplate { pidfile.send(signal) }

    var stop: StopScript {
        StopScript(
            kind: .stop, template: PlaybookCommand.stop.inRoot,
            deadline: shape.stop.grace + .seconds(15), purpose: "stop the service")
    }

    var start: ScriptTemplate { pidfile.start }
    var startPurpose: String { pidfile.startPurpose }

    var startSummary: ScriptTemplate { "\(.start)" }

    var stopFound: ScriptTemplate { "(\(PlaybookCommand.stop.inRoot))" }
    var killFound: ScriptTemplate { pidfile.killFound }

    var stopByHand: ScriptTemplate { PlaybookCommand.stop.byHand }
    var startByHand: ScriptTemplate { pidfile.startByHand }

    var tools: [String] { [] }
    var knowsProcessAtOnce: Bool { false }
    var stopMayLinger: Bool { true }

    func processSource(of service: ServiceSpec) -> String { pidfile.processSource(of: service) }
    var processKey: String { pidfile.processKey }
}
