/// A plan as JSON: what several hosts have in common is written once, and each host names it by its
/// number.
extension Plan: Codable {
    /// Everything but the hosts.
    private struct Head: Codable {
        var format: Int
        var createdAt: Timestamp
        var name: String
        var service: String
        /// Absent from plans that are older than rollbacks.
        var kind: Kind?
        var release: ReleaseArtifact
        var inputs: [InputDigest]
        var batches: [[String]]
        var budget: FailureBudget
        var minAvailable: Int
        var batchMinimums: [Int]
        var admitWithin: TimeSpan
        var reconnectWithin: TimeSpan?
        var onFailure: FailureAction
        var beforeRollout: [Hook]
        var afterRollout: [Hook]
        var surveyed: Bool
        var warnings: [String]
    }

    private struct Hosts: Codable {
        var procedures: [Procedure]
        var specs: [HostSpec]
        var ways: [HostTarget]
        var windows: [Windows]
        /// Of every host, unless it says otherwise.
        var values: ScriptValues
        var hosts: [Host]
        var peers: [Peer]
    }

    private struct Host: Codable {
        var at: Peer
        var action: HostPlan.Action
        var baseline: HostBaseline?
        var windows: Int
        var procedure: Int
        var values: ScriptValues?
    }

    /// A host, by what only it has.
    private struct Peer: Codable {
        var name: String
        /// Where it is not the name.
        var address: String?
        /// Where the service answers, for probes from the controller.
        var serviceAddress: String?
        /// What `ssh` is given as its name, where it is not the address.
        var typedName: String?
        /// Where the service listens.
        var listensOn: String?
        var way: Int
        var spec: Int
    }

    /// What a way has in place of each host's name for `ssh`; no host is called that.
    private static let ownTypedName = ""

    /// Values in the order of their first use, each once.
    private struct Table<Value: Hashable> {
        private(set) var values: [Value] = []
        private var places: [Value: Int] = [:]

        /// Up to so many are looked through: that costs less than to hash all scripts of a host.
        private static var few: Int { 16 }

        mutating func place(of value: Value) -> Int {
            if let last = values.last, last == value { return values.count - 1 }
            if values.count <= Self.few {
                if let place = values.firstIndex(of: value) { return place }
            } else if let place = places[value] {
                return place
            }
            places[value] = values.count
            values.append(value)
            return values.count - 1
        }
    }

    // MARK: Writing

    package func encode(to encoder: any Encoder) throws {
        try Head(
            format: format, createdAt: createdAt, name: name, service: service,
            kind: kind == .deploy ? nil : kind, release: release, inputs: inputs, batches: batches,
            budget: budget, minAvailable: minAvailable, batchMinimums: batchMinimums,
            admitWithin: admitWithin, reconnectWithin: reconnectWithin, onFailure: onFailure,
            beforeRollout: beforeRollout, afterRollout: afterRollout, surveyed: surveyed,
            warnings: warnings
        ).encode(to: encoder)
        var procedures = Table<Procedure>()
        var specs = Table<HostSpec>()
        var ways = Table<HostTarget>()
        var windows = Table<Windows>()
        func peer(_ spec: HostSpec) -> Peer {
            let target = spec.target
            var (way, common) = (target, spec)
            way.name = ""
            way.address = ""
            way.serviceAddress = nil
            let typed = target.ssh.typedName
            if typed != nil { way.ssh.typedName = Self.ownTypedName }
            common.target = HostTarget(name: "", address: "")
            common.service.address = nil
            return Peer(
                name: target.name, address: target.address == target.name ? nil : target.address,
                serviceAddress: target.serviceAddress,
                typedName: typed == target.address ? nil : typed, listensOn: spec.service.address,
                way: ways.place(of: way), spec: specs.place(of: common))
        }
        let common = hosts.first { $0.action == .deploy }?.values ?? ScriptValues()
        let hosts = hosts.map { host in
            let values = host.values.differences(from: common)
            return Host(
                at: peer(host.spec), action: host.action, baseline: host.baseline,
                windows: windows.place(of: host.windows),
                procedure: procedures.place(of: host.procedure),
                values: values.values.isEmpty ? nil : values)
        }
        let peers = peers.map(peer)
        try Hosts(
            procedures: procedures.values, specs: specs.values, ways: ways.values,
            windows: windows.values, values: common, hosts: hosts, peers: peers
        ).encode(to: encoder)
    }

    // MARK: Reading

    package init(from decoder: any Decoder) throws {
        let head = try Head(from: decoder)
        let (hosts, peers) =
            head.format < 3 ? try Self.formerHosts(decoder) : try Self.hosts(decoder)
        self.init(
            format: head.format, createdAt: head.createdAt, name: head.name, service: head.service,
            kind: head.kind ?? .deploy, release: head.release, inputs: head.inputs, hosts: hosts,
            peers: peers, batches: head.batches, budget: head.budget,
            minAvailable: head.minAvailable, batchMinimums: head.batchMinimums,
            admitWithin: head.admitWithin, reconnectWithin: head.reconnectWithin,
            onFailure: head.onFailure, beforeRollout: head.beforeRollout,
            afterRollout: head.afterRollout, surveyed: head.surveyed, warnings: head.warnings)
    }

    private static func hosts(
        _ decoder: any Decoder
    ) throws -> (hosts: [HostPlan], peers: [HostSpec]) {
        let stored = try Hosts(from: decoder)
        func entry<Value>(_ place: Int, of table: [Value], _ name: String) throws -> Value {
            guard table.indices.contains(place) else {
                throw DecodingError.dataCorrupted(
                    .init(
                        codingPath: decoder.codingPath,
                        debugDescription: "\(name) \(place) is named, and there are \(table.count)"
                    ))
            }
            return table[place]
        }
        func spec(_ peer: Peer) throws -> HostSpec {
            var target = try entry(peer.way, of: stored.ways, "way")
            target.name = peer.name
            target.address = peer.address ?? peer.name
            target.serviceAddress = peer.serviceAddress
            if target.ssh.typedName == Self.ownTypedName {
                target.ssh.typedName = peer.typedName ?? target.address
            }
            var spec = try entry(peer.spec, of: stored.specs, "spec")
            spec.target = target
            spec.service.address = peer.listensOn
            return spec
        }
        let hosts = try stored.hosts.map { host in
            let isUpToDate = host.action == .upToDate
            let values = isUpToDate ? ScriptValues() : stored.values
            return HostPlan(
                spec: try spec(host.at), action: host.action, baseline: host.baseline,
                windows: try entry(host.windows, of: stored.windows, "window"),
                procedure: try entry(host.procedure, of: stored.procedures, "procedure"),
                values: host.values.map(values.merging) ?? values)
        }
        return (hosts, try stored.peers.map(spec))
    }

    /// Of formats 1 and 2: each host with all of its scripts, which are made again
    /// (``needsProcedures``).
    private struct Former: Decodable {
        struct Host: Decodable {
            struct Step: Decodable {
                var step: SluiceModel.Step
            }

            var spec: HostSpec
            var action: HostPlan.Action
            var baseline: HostBaseline?
            var windows: Windows
            var steps: [Step]
            var restore: [Step]
        }

        var hosts: [Host]
        var peers: [HostSpec]
    }

    private static func formerHosts(
        _ decoder: any Decoder
    ) throws -> (hosts: [HostPlan], peers: [HostSpec]) {
        let former = try Former(from: decoder)
        let hosts = former.hosts.map { host in
            HostPlan(
                spec: host.spec, action: host.action, baseline: host.baseline,
                windows: host.windows,
                procedure: Procedure(
                    steps: host.steps.map { PlannedStep($0.step, "") },
                    restore: host.restore.map { PlannedStep($0.step, "") }))
        }
        return (hosts, former.peers)
    }

    /// Whether it was written by a Sluice that stored each host's scripts by themselves: it can be
    /// shown and gone on with, once the planner has made the scripts again.
    package var needsProcedures: Bool {
        format < 3 && hosts.contains { $0.action == .deploy && $0.procedure.scripts.isEmpty }
    }
}
