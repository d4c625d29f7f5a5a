/// The lines of known_hosts files, found by name.
///
/// Names that are written out are looked up; only patterns and hashes have to be compared with each
/// name, so that a file with a line for each host of a large fleet costs each host the same.
struct KnownHostsTable: Sendable {
    private(set) var entries: [KnownHosts.Entry] = []
    /// Places in `entries`, by the lines' names.
    private var written: [String: [Int]] = [:]
    /// Places of the others, in order.
    private var compared: [Int] = []

    mutating func add(_ entry: KnownHosts.Entry) {
        let place = entries.count
        entries.append(entry)
        guard let names = entry.writtenNames else {
            compared.append(place)
            return
        }
        for name in Set(names) { written[name, default: []].append(place) }
    }

    /// - Parameter names: In lower case.
    /// - Returns: The lines that match any of the names, in the files' order.
    func matching(_ names: String...) -> [KnownHosts.Entry] {
        var places = Set(names.flatMap { written[$0] ?? [] })
        places.formUnion(
            compared.filter { place in names.contains { entries[place].matches($0) } })
        return places.sorted().map { entries[$0] }
    }
}

extension KnownHosts.Entry {
    /// Nil where one of them is a hash, a pattern or an exclusion.
    fileprivate var writtenNames: [String]? {
        guard case .patterns(let patterns) = names,
            !patterns.contains(where: { negated, pattern in
                negated || pattern.utf8.contains { "*?".utf8.contains($0) }
            })
        else { return nil }
        return patterns.map(\.pattern)
    }
}
