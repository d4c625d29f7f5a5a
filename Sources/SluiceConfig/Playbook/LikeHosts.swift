import SluiceModel
import Synchronization

/// Results that were worked out for hosts, for those that are like them.
///
/// Of two hosts that have the same values for all variables that were looked up for one of them, the
/// other's result is the same. In most fleets hosts come in a few kinds, and the play is rendered and
/// checked once for each kind.
struct LikeHosts<Result: Sendable>: Sendable {
    /// Results for which the same names were looked up.
    private struct Family {
        let names: [String]
        var results: [[ExactValue?]: Kept] = [:]
    }

    /// Of one size, however large the result is.
    private final class Kept: Sendable {
        let result: Result
        init(_ result: Result) { self.result = result }
    }

    private var families: [Family] = []
    private var count = 0

    /// A bound for the memory that they take.
    private static var limit: Int { 20_000 }
    private static var familyLimit: Int { 8 }

    /// - Parameter value: Of a name, on the host in question.
    func result(_ value: (String) -> Value?) -> Result? {
        for family in families {
            if let known = family.results[Self.key(family.names, value)] { return known.result }
        }
        return nil
    }

    /// - Parameters:
    ///   - names: All that were looked up for the result.
    ///   - value: Of a name, on the host that it is of.
    mutating func add(_ result: Result, names: Set<String>, _ value: (String) -> Value?) {
        guard count < Self.limit else { return }
        let names = names.sorted()
        let known = families.firstIndex { $0.names == names }
        guard known != nil || families.count < Self.familyLimit else { return }
        if known == nil { families.append(Family(names: names)) }
        let place = known ?? families.count - 1
        families[place].results[Self.key(names, value)] = Kept(result)
        count += 1
    }

    private static func key(_ names: [String], _ value: (String) -> Value?) -> [ExactValue?] {
        names.map { value($0).map(ExactValue.init) }
    }
}

/// A value by its bytes: texts that differ in their Unicode form alone are not the same on a host.
private struct ExactValue: Hashable {
    let value: Value

    static func == (a: ExactValue, b: ExactValue) -> Bool { same(a.value, b.value) }

    func hash(into hasher: inout Hasher) { hasher.combine(value) }

    private static func same(_ a: Value, _ b: Value) -> Bool {
        switch (a, b) {
        case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
        case (.list(let a), .list(let b)): a.elementsEqual(b, by: same)
        case (.dict(let a), .dict(let b)):
            a.count == b.count
                && a.allSatisfy { key, value in
                    guard let place = b.index(forKey: key) else { return false }
                    return key.utf8.elementsEqual(b[place].key.utf8)
                        && same(value, b[place].value)
                }
        default: a == b
        }
    }
}

/// What was worked out for a play's hosts, from its check, which happens before the artifact is read,
/// to its plan.
final class ResolvedHosts: Sendable {
    /// What it rests on besides the variables of hosts.
    struct Ground: Sendable, Equatable {
        var play: SourceNode
        /// In the order in which they are resolved: what one has in common with the one before is
        /// not told again.
        var hosts: [String]
        var extraVars: [String: Value]
        var groups: [String: [String]]
        var source: String?
        var pattern: String?
    }

    /// By what a flag says of escalation, which is all that counts beyond variables.
    typealias Kinds = [Become?: LikeHosts<HostResolver.Resolved>]

    private let kept = Mutex<(ground: Ground, kinds: Kinds)?>(nil)

    func take(for ground: Ground) -> Kinds {
        kept.withLock { kept in
            guard let (known, kinds) = kept, known == ground else { return [:] }
            kept = nil
            return kinds
        }
    }

    func keep(_ kinds: Kinds, for ground: Ground) { kept.withLock { $0 = (ground, kinds) } }
}
