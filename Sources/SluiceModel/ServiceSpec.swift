/// The program that is rolled, and how it is started and stopped.
package struct ServiceSpec: Sendable, Hashable, Codable {
    package enum ServiceControl: String, Sendable, Hashable, Codable, CaseIterable {
        /// A pidfile says who runs; a command starts, signals stop.
        case pidfile
        /// Commands start and stop; the pidfile or the listening port says who runs.
        case script
        case systemd
        case supervisord
    }

    package var name: String
    /// The address that it listens on, where other services share the port; any if `nil`.
    package var address: String? = nil
    package var port: Int
    package var control: ServiceControl
    package var pidfile: String? = nil
    package var unit: String? = nil
    package var start: String? = nil
    package var stop: String? = nil
    /// Of supervisord: `name` or `group:name`.
    package var program: String? = nil
    /// The configuration file by which supervisorctl finds supervisord; where it looks itself if `nil`.
    package var config: String? = nil

    package init(
        name: String, address: String? = nil, port: Int, control: ServiceControl,
        pidfile: String? = nil, unit: String? = nil, start: String? = nil, stop: String? = nil,
        program: String? = nil, config: String? = nil
    ) {
        self.name = name
        self.address = address
        self.port = port
        self.control = control
        self.pidfile = pidfile
        self.unit = unit
        self.start = start
        self.stop = stop
        self.program = program
        self.config = config
    }

    /// What scripts depend on: the same for services that are run in the same way, however they are
    /// called.
    package var shape: ServiceSpec {
        ServiceSpec(
            name: "", port: 0, control: control, pidfile: pidfile.map { _ in "" },
            config: config.map { _ in "" })
    }
}

extension ScriptPlace {
    // MARK: Of a service, by its manager

    package static let pidfile = ScriptPlace(rawValue: "pidfile")
    package static let unit = ScriptPlace(rawValue: "unit")
    package static let program = ScriptPlace(rawValue: "program")
    package static let config = ScriptPlace(rawValue: "config")
    /// The playbook's commands, to the letter, and as one command of a list on one line.
    package static let start = ScriptPlace(rawValue: "start")
    package static let stop = ScriptPlace(rawValue: "stop")
    package static let startWord = ScriptPlace(rawValue: "start_word")
    package static let stopWord = ScriptPlace(rawValue: "stop_word")
}
