/// What stands in the places of a script.
package struct ScriptValues: Sendable, Hashable {
    package var values: [ScriptPlace: String]

    package init(_ values: [ScriptPlace: String] = [:]) { self.values = values }

    package subscript(_ place: ScriptPlace) -> String? {
        get { values[place] }
        set { values[place] = newValue }
    }

    /// These, and the others where both have one.
    package func merging(_ others: ScriptValues) -> ScriptValues {
        ScriptValues(values.merging(others.values) { $1 })
    }

    /// Those that are not the others'.
    package func differences(from others: ScriptValues) -> ScriptValues {
        ScriptValues(
            values.filter { place, value in
                others.values[place].map { !$0.utf8.elementsEqual(value.utf8) } ?? true
            })
    }

    /// By bytes: texts that differ in their Unicode form alone are not the same on a host.
    package static func == (a: ScriptValues, b: ScriptValues) -> Bool {
        a.values.count == b.values.count && a.differences(from: b).values.isEmpty
    }
}

/// `{"root": "/data/app"}`, by name.
extension ScriptValues: Codable {
    package init(from decoder: any Decoder) throws {
        let values = try decoder.singleValueContainer().decode([String: String].self)
        self.init(
            Dictionary(
                uniqueKeysWithValues: values.map { (ScriptPlace(rawValue: $0.key), $0.value) }))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(
            Dictionary(uniqueKeysWithValues: values.map { ($0.key.rawValue, $0.value) }))
    }
}

extension ScriptPlace {
    // MARK: Of a host

    /// The artifact's root and what lies in it, each as one word of the shell's.
    package static let root = ScriptPlace(rawValue: "root")
    package static let rootPrefix = ScriptPlace(rawValue: "root_prefix")
    package static let releases = ScriptPlace(rawValue: "releases")
    package static let release = ScriptPlace(rawValue: "release")
    package static let current = ScriptPlace(rawValue: "current")
    package static let newCurrent = ScriptPlace(rawValue: "new_current")
    package static let state = ScriptPlace(rawValue: "state")
    package static let partPath = ScriptPlace(rawValue: "part")
    package static let unpackedPath = ScriptPlace(rawValue: "unpacked")
    /// The release that the host had: its id, its directory, and what `current` pointed at.
    package static let previous = ScriptPlace(rawValue: "previous")
    package static let previousDirectory = ScriptPlace(rawValue: "previous_directory")
    package static let previousTarget = ScriptPlace(rawValue: "previous_target")
    /// Local addresses of `/proc/net/tcp` as awk's regular expressions: of listeners, and of
    /// established connections.
    package static let listeners = ScriptPlace(rawValue: "listeners")
    package static let established = ScriptPlace(rawValue: "established")
    /// Seconds of the dead-man timer: until the process may be stopped, and until a process that
    /// came after it counts as one that does not serve.
    package static let timerWindow = ScriptPlace(rawValue: "timer_window")
    package static let timerPatience = ScriptPlace(rawValue: "timer_patience")

    /// For the sentences of a plan.
    package static let port = ScriptPlace(rawValue: "port")
    package static let drainWindow = ScriptPlace(rawValue: "drain_window")
    package static let readmissionWindow = ScriptPlace(rawValue: "readmission_window")

    /// The address of a health check on the host, by the check's number.
    package static func checkURL(_ number: Int) -> ScriptPlace {
        ScriptPlace(rawValue: "check_\(number)")
    }

    // MARK: Of a process

    package static let pid = ScriptPlace(rawValue: "pid")
    package static let startTicks = ScriptPlace(rawValue: "start_time")
    package static let bootID = ScriptPlace(rawValue: "boot_id")
    package static let executable = ScriptPlace(rawValue: "executable")
}

extension ScriptValues {
    /// A process's identity, or the words that stand for one that nobody has seen yet and are no
    /// shell.
    package init(_ process: ProcessIdentity?) {
        guard let process else {
            self.init([
                .pid: "<pid>", .startTicks: "<start time>", .bootID: "<boot id>",
                .executable: "<executable>",
            ])
            return
        }
        self.init([
            .pid: "\(process.pid)", .startTicks: "\(process.startTicks)",
            .bootID: ShellWord.quoted(process.bootID),
            // A name that no process has where it can't be seen.
            .executable: ShellWord.quoted(process.executable.isEmpty ? "-" : process.executable),
        ])
    }
}
