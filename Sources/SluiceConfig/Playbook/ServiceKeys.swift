import SluiceModel

// Everything that a playbook says of a service and how it is run: the rows, what each manager makes of
// them, and the value. A further manager changes nothing else of this target.

extension PlaybookSchema {
    static let service: [SchemaKey] = [
        SchemaKey(
            "name", .text(.identifier), .required, example: "gateway",
            "The service's name: one rollout at a time has it. The same for all hosts."),
        SchemaKey(
            "address", .text(.any), .absent("any"), example: "10.0.0.7",
            "The address that it listens on, where other programs share the port; probes from the"
                + " controller go there too."),
        SchemaKey(
            "port", .integer(1...65535), .required, example: "8081",
            "The port that it listens on."),
        SchemaKey(
            "manager",
            .choice(
                ServiceSpec.ServiceControl.allCases.map(\.rawValue),
                refused: [
                    "docker": Complaint(
                        message: "'docker' is not supported yet",
                        remedy: "use pidfile, script, systemd or supervisord")
                ]), .required, example: "script",
            "`pidfile`: the pidfile says who runs, `start` starts, signals stop. `script`:"
                + " `start` and `stop` are commands. `systemd`: the unit is started and stopped."
                + " `supervisord`: so is the program."),
        SchemaKey(
            "pidfile", .text(.absolutePath), .absent("none; `pidfile` needs it"),
            example: "/run/gateway.pid", "Where the running process's number is written."),
        SchemaKey(
            "unit", .text(.identifier), .absent("the service's name"),
            example: "gateway.service", "With `systemd`: the unit."),
        SchemaKey(
            "start", .text(.any), .absent("none; `pidfile` and `script` need it"),
            example: "/srv/gateway/current/run.sh",
            "The command that starts the service and returns."),
        SchemaKey(
            "stop", .text(.any), .absent("none; `script` needs it"),
            example: "/srv/gateway/current/halt.sh",
            "With `script`: the command that stops the service."),
        SchemaKey(
            "program", .text(.identifier), .absent("the service's name"),
            example: "gateway:web",
            "With `supervisord`: the program, with its group if it has one (`group:name`)."),
        SchemaKey(
            "config", .text(.absolutePath), .absent("where `supervisorctl` looks itself"),
            example: "/opt/gateway/supervisord.conf",
            "With `supervisord`: the configuration file that `supervisorctl` reads to find it."),
    ]
}

/// Which keys of `service` a manager uses, of those that not every manager does.
struct ManagerKeys {
    /// What it can't do without, each with an example.
    let needed: [(key: String, example: String)]
    /// What it can.
    let optional: [String]

    init(_ control: ServiceSpec.ServiceControl) {
        switch control {
        case .pidfile:
            needed = [("pidfile", "/run/app.pid"), ("start", "/srv/app/current/control.sh start")]
            optional = []
        case .script:
            needed = [
                ("start", "/srv/app/current/control.sh start"),
                ("stop", "/srv/app/current/control.sh stop"),
            ]
            optional = ["pidfile"]
        case .systemd:
            needed = []
            optional = ["unit"]
        case .supervisord:
            needed = []
            optional = ["program", "config"]
        }
    }

    private var used: [String] { needed.map(\.key) + optional }

    /// What other managers use.
    var unused: [String] {
        let others = Set(ServiceSpec.ServiceControl.allCases.flatMap { ManagerKeys($0).used })
        return others.subtracting(used).sorted()
    }
}

extension PlaySection {
    func service() throws(Failure) -> ServiceSpec {
        let section = try section("service")
        let control: ServiceSpec.ServiceControl = try section.word("manager")
        let name = try section.text("name")
        return ServiceSpec(
            name: name, address: try section.textIfWritten("address").flatMap(Self.specific),
            port: try section.integer("port"), control: control,
            pidfile: try section.textIfWritten("pidfile"),
            unit: try section.textIfWritten("unit") ?? (control == .systemd ? name : nil),
            start: try section.textIfWritten("start"), stop: try section.textIfWritten("stop"),
            program: try section.textIfWritten("program")
                ?? (control == .supervisord ? name : nil),
            config: try section.textIfWritten("config"))
    }

    /// `nil` for the addresses that mean any.
    private static func specific(_ address: String) -> String? {
        ["0.0.0.0", "::", "*", "any"].contains(address) ? nil : address
    }
}
