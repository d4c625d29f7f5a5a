import SluiceModel

/// Where each script of hosts that are alike stands in a plan's text, so that every one is printed
/// exactly once.
///
/// The first of them, the reference, has its changing scripts where they are sent; the read-only ones
/// and those of the lock, which change nothing of the service, by name, with their text at the end. Of
/// another host only the values are printed that stand in the same scripts' places.
struct PlanScripts {
    /// The host whose scripts are printed in full.
    let reference: HostPlan
    let release: ReleaseArtifact
    /// The kinds of scripts that are printed at the end, in the order of their first use.
    private let named: [HostOperation.Kind]

    init(reference: HostPlan, release: ReleaseArtifact) {
        self.reference = reference
        self.release = release
        var seen: Set<HostOperation.Kind> = []
        named = (reference.steps + reference.restore).flatMap(\.commands).map(\.kind)
            .filter { $0.isNamed && seen.insert($0).inserted }
    }

    /// - Returns: `nil` for a script that is printed where it is sent.
    func name(of kind: HostOperation.Kind) -> String? {
        kind.isNamed ? "[\(Words.kind(kind))]" : nil
    }

    /// The forward step that sends the same script as one on the way back.
    func forwardStep(of use: PlannedStep.Use) -> Int? {
        guard use.hook == nil else { return nil }
        return reference.steps.firstIndex { $0.commands.contains { $0.kind == use.kind } }
            .map { $0 + 1 }
    }

    /// The first step that sends a script with the preamble of all that change something.
    func preambleStep(before number: Int = .max) -> Int? {
        reference.steps.prefix(max(0, number - 1)).firstIndex { step in
            step.commands.contains {
                (reference.procedure.script($0.kind)?.preambleLines ?? 0) > 0
            }
        }.map { $0 + 1 }
    }

    /// Whether the other host's scripts are the reference's, but for their values.
    func isLike(_ host: HostPlan) -> Bool { host.procedure == reference.procedure }

    /// `pid 17671, start_time 4242`: what another host has in the places of its own; `nil` if
    /// nothing differs.
    func differences(of host: HostPlan) -> String? {
        let others = ScriptValues(reference.baseline?.process).merging(reference.values)
        let values = ScriptValues(host.baseline?.process).merging(host.values)
            .differences(from: others).values
        let words = values.filter { !$0.key.isDerived }.sorted { $0.key < $1.key }
            .map { "\($0.key.rawValue) \($0.value)" }
        return words.isEmpty ? nil : words.joined(separator: ", ")
    }

    /// The text of the scripts that steps name.
    func render(_ page: inout Page, isOnly: Bool) {
        guard !named.isEmpty else { return }
        page.blank()
        let whose = isOnly ? "" : ", as they are sent to \(reference.name)"
        let lock = named.contains { $0.effect == .lock } ? ", and those of the lock" : ""
        page.line("Scripts that only read\(lock)\(whose)", .strong)
        for kind in named {
            guard
                let command = reference.command(
                    PlannedStep.Use(kind), on: .forward, of: release)
            else { continue }
            let name = name(of: kind) ?? ""
            let effect = command.effect == .read ? "reads" : "changes"
            page.wrapped(
                "\(name) \(command.purpose) (\(effect); at most \(command.deadline))", indent: 2,
                hanging: 4, tone: .faint)
            page.verbatim(command.script.text, indent: 6)
        }
    }
}

extension HostOperation.Kind {
    fileprivate var isNamed: Bool { effect == .read || effect == .lock }
}

extension ScriptPlace {
    /// Whether it follows from others: from the root, the release or the address.
    fileprivate var isDerived: Bool {
        [
            .rootPrefix, .releases, .release, .current, .newCurrent, .state, .partPath,
            .unpackedPath, .previousDirectory, .previousTarget, .established, .startWord,
            .stopWord, .drainWindow, .readmissionWindow,
        ].contains(self)
    }
}

extension Words {
    /// The names of the scripts at the end of a plan.
    static func kind(_ kind: HostOperation.Kind) -> String {
        switch kind {
        case .countConnections: "connections"
        case .survey, .inspect, .inspectExit, .observe, .observeExit, .findRelease, .lock, .renew,
            .unlock,
            .unlockKeepingTimer, .preparePush, .receive, .unpack, .endUpload, .activate,
            .restoreActivate, .prune, .pingOff, .restorePingOff, .terminate, .stop, .kill, .start,
            .restoreByHand, .hook:
            kind.rawValue.split(separator: "_").joined(separator: "-")
        }
    }
}
