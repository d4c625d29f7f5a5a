import SluiceModel

/// A unit of systemd's.
struct SystemdManager: ServiceManager {
    func values(of service: ServiceSpec) -> ScriptValues {
        ScriptValues([.unit: ShellWord.quoted(service.unit ?? service.name)])
    }

    var findProcess: ScriptTemplate {
        // Not --value, which systemd has since version 230 only.
        "pid=$(systemctl show -p MainPID \(.unit) 2>/dev/null | "
            + "sed -n 's/^MainPID=//p')\n[ \"$pid\" != 0 ] || pid="
    }

    func send(_ signal: String) -> ScriptTemplate {
        "systemctl kill -s \(ShellWord.quoted(signal)) --kill-who=main \(.unit)"
    }

    var stop: StopScript {
        StopScript(
            kind: .stop, template: "systemctl stop --no-block \(.unit)", deadline: .seconds(15),
            purpose: "stop the unit")
    }

    var start: ScriptTemplate { "systemctl start \(.unit)" }
    var startPurpose: String { "start the unit" }

    var startSummary: ScriptTemplate { start }

    var stopFound: ScriptTemplate { stop.template }
    var killFound: ScriptTemplate { send("KILL") }

    var stopByHand: ScriptTemplate { "systemctl stop \(.unit)" }
    var startByHand: ScriptTemplate { start }

    var tools: [String] { ["systemctl"] }
    var knowsProcessAtOnce: Bool { true }
    var stopMayLinger: Bool { false }

    func processSource(of service: ServiceSpec) -> String {
        "the unit \(service.unit ?? service.name)"
    }

    var processKey: String { "service.unit" }
}
