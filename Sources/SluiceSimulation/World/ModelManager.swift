import SluiceModel

/// What a service's manager does on a modelled host: a further one changes nothing else of this
/// target.
struct ModelManager: Sendable {
    enum Finding: Sendable {
        /// The manager started it, and knows.
        case itself
        /// The process writes its number down, when its port is open.
        case pidfile
        /// Whoever listens is it.
        case port
    }

    /// What a start does where a process of the service runs.
    enum SecondStart: Sendable {
        /// Nothing, and that is well.
        case succeeds
        case fails
        /// One that has the port is left alone; any other is ended, and a new one started.
        case replacesUnlessListening
    }

    enum StartEnd: Sendable {
        case atOnce
        /// When the port is open.
        case withPort
        /// When the process has lived for so long, in milliseconds.
        case after(Int)
    }

    let finding: Finding
    /// Whether it starts a process that crashed again.
    let restarts: Bool
    let secondStart: SecondStart
    let startEnd: StartEnd
}

extension ServiceSpec {
    var model: ModelManager {
        switch control {
        case .pidfile, .script:
            ModelManager(
                finding: pidfile == nil ? .port : .pidfile, restarts: false, secondStart: .fails,
                startEnd: .withPort)
        case .systemd:
            // Restart=always
            ModelManager(
                finding: .itself, restarts: true, secondStart: .succeeds, startEnd: .atOnce)
        case .supervisord:
            // autorestart; startsecs is 1
            ModelManager(
                finding: .itself, restarts: true, secondStart: .replacesUnlessListening,
                startEnd: .after(1_000))
        }
    }

    /// A service with any of the managers.
    static func drawn(_ dice: inout Dice, root: String) -> ServiceSpec {
        var control = dice.pick([ServiceControl.pidfile, .pidfile, .systemd, .script])
        // With a copy of the dice: the stories of all other seeds stay as they were.
        var aside = dice
        if control == .systemd, aside.chance(500) { control = .supervisord }
        var service = ServiceSpec(name: "app", port: 8080, control: control)
        switch control {
        case .pidfile:
            service.pidfile = root + "/run/app.pid"
            service.start = root + "/current/control.sh start"
        case .systemd: service.unit = "app.service"
        case .supervisord: service.program = "app"
        case .script:
            service.pidfile = dice.chance(500) ? root + "/run/app.pid" : nil
            service.start = root + "/current/control.sh start"
            service.stop = root + "/current/control.sh stop"
        }
        return service
    }
}
