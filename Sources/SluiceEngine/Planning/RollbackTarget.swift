package import SluiceModel

/// The release that a rollback goes to: one that every host holds, with one digest.
package struct RollbackTarget: Sendable, Hashable {
    package var id: String
    package var sha256: String

    /// Where a host's releases lie. Another inventory may give its name, and the service's, to
    /// another machine.
    package struct Place: Sendable, Hashable {
        private var address: String
        private var port: Int
        /// The same address behind another gateway is another machine.
        private var gateways: [String]
        private var root: String

        package init(_ spec: HostSpec) {
            address = spec.target.address
            port = spec.target.port
            gateways = spec.target.jumps.map { "\($0.address):\($0.port)" }
            root = spec.artifact.root
        }
    }

    /// What the survey saw of a host, as far as it matters here.
    package struct Host: Sendable, Hashable {
        package var name: String
        package var place: Place
        /// The release that `current` points at.
        package var current: String?
        /// Releases that Sluice put there, the newest push first.
        package var held: [HeldRelease]
        /// Everything that has the name of a release.
        package var names: [String]

        package init(
            _ spec: HostSpec, current: String?, held: [HeldRelease], names: [String]
        ) {
            name = spec.target.name
            place = Place(spec)
            self.current = current
            self.held = held
            self.names = names
        }

        func digest(of id: String) -> String? { held.first { $0.id == id }?.sha256 }
    }

    /// The release of this id, if it is the same on all hosts.
    ///
    /// - Parameter journalled: The digest under which the journal has it; without one, what most
    ///   hosts have on record counts.
    /// - Throws: `Planner.Refusal` with a problem for each host that does not hold it so.
    package init(
        _ id: String, journalled: String?, hosts: [Host]
    ) throws(Planner.Refusal) {
        let common = Self.common(of: hosts)
        let usual = Self.usualDigest(of: id, hosts)
        let expected = journalled ?? usual
        let problems = hosts.compactMap { host -> SurveyProblem? in
            let without = "leave the host out: --limit '!\(host.name)'"
            guard let digest = host.digest(of: id) else {
                if host.names.contains(id) {
                    return SurveyProblem(
                        code: "release-unrecorded", host: host.name,
                        message: "release \(id) is on the host without a record of its digest: "
                            + "Sluice did not put it there, and can't tell whether it is whole",
                        remedy: "deploy its artifact under another id, or \(without)")
                }
                let list = host.held.map(\.id).joined(separator: ", ")
                let others =
                    common.isEmpty ? "" : "go back to \(common.joined(separator: " or ")), "
                return SurveyProblem(
                    code: "release-missing", host: host.name,
                    message: "the host does not hold release \(id)"
                        + (list.isEmpty ? "" : ", but \(list)"),
                    remedy: "\(others)deploy the artifact of \(id), or \(without)")
            }
            guard digest != expected else { return nil }
            let place = journalled == nil ? "on other hosts" : "in the journal"
            return SurveyProblem(
                code: "release-differs", host: host.name,
                message: "release \(id) has the digest \(Self.short(digest)) here, and "
                    + "\(Self.short(expected ?? "")) \(place): it is not the same release",
                remedy: "deploy the artifact that you mean under another id, or \(without)")
        }
        guard problems.isEmpty, let expected else {
            throw Planner.Refusal(problems: problems)
        }
        self.id = id
        sha256 = expected
    }

    private static func short(_ digest: String) -> String { String(digest.prefix(12)) }

    /// What most hosts have on record; of several, what the first host has.
    private static func usualDigest(of id: String, _ hosts: [Host]) -> String? {
        let digests = hosts.compactMap { $0.digest(of: id) }
        let most = digests.map { digest in digests.count { $0 == digest } }.max()
        return digests.first { digest in digests.count { $0 == digest } == most }
    }

    /// The releases that all hosts hold alike, the newest push first; not the one that all of them
    /// run.
    package static func common(of hosts: [Host]) -> [String] {
        guard let first = hosts.first else { return [] }
        return first.held.filter { release in
            hosts.allSatisfy { $0.digest(of: release.id) == release.sha256 }
                && !hosts.allSatisfy { $0.current == release.id }
        }.map(\.id)
    }

    // MARK: Where the hosts were before

    /// What a journal says about the release that the hosts had before the last deploy.
    package enum Before: Sendable, Hashable {
        case release(String)
        /// Not the same on all hosts: the hosts by release, `nil` where the journal does not say.
        case differs([Group])
        /// The journal has no rollout of the service to any of the hosts.
        case unknown

        package struct Group: Sendable, Hashable {
            package var release: String?
            package var hosts: [String]
        }
    }

    /// Whether the plan's rollout was to change one of these hosts. What else the service's name
    /// stands for in the journal, another inventory's say, is none of their past.
    package static func concerns(_ plan: Plan, _ places: Set<Place>) -> Bool {
        plan.hostsToDeploy.contains { places.contains(Place($0.spec)) }
    }

    /// - Parameter plans: Of the last rollouts that concern the hosts, the newest first: the last
    ///   rollback, if that was the last rollout, or else the deploys of the last release, which
    ///   may have been begun more than once.
    package static func before(_ plans: [Plan], hosts: [Host]) -> Before {
        let places = Set(hosts.map(\.place))
        let plans = plans.filter { concerns($0, places) }
        guard let last = plans.first else { return .unknown }
        var groups: [Before.Group] = []
        for host in hosts {
            let release =
                last.isRollback
                ? target(of: last, for: host) : before(last.release.id, plans, host)
            if let index = groups.firstIndex(where: { $0.release == release }) {
                groups[index].hosts.append(host.name)
            } else {
                groups.append(.init(release: release, hosts: [host.name]))
            }
        }
        guard groups.count == 1, let release = groups[0].release else { return .differs(groups) }
        return .release(release)
    }

    /// Whoever rolls back twice means the same: never back to what they rolled away from.
    private static func target(of rollback: Plan, for host: Host) -> String? {
        let left = baseline(of: host, in: rollback)?.release
        let isKnown =
            host.current == rollback.release.id || host.current == left
            || (left == nil && rollback.releasesBefore.contains { $0 == host.current })
        // Else somebody has moved it since.
        return isKnown ? rollback.release.id : nil
    }

    private static func before(_ release: String, _ plans: [Plan], _ host: Host) -> String? {
        let seen = plans.compactMap { baseline(of: host, in: $0)?.release }
        // A plan in which the host had the release already says nothing: an earlier attempt may.
        let before = seen.first { $0 != release }
        if host.current == release { return before }
        // It had no part in the deploys, or was brought back by them, and stays where it is; else
        // somebody has moved it since.
        return seen.isEmpty || before == host.current ? host.current : nil
    }

    private static func baseline(of host: Host, in plan: Plan) -> HostBaseline? {
        plan.hosts.first { Place($0.spec) == host.place }?.baseline
    }
}
