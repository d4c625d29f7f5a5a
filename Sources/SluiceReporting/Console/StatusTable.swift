package import SluiceModel

/// What `sluice status` found out about one host.
package struct HostStatusRow: Sendable, Hashable {
    package var host: String
    /// Where `current` points.
    package var release: String?
    package var process: ProcessIdentity?
    package var health: ProbeResult?
    /// What else is worth knowing: a failure to connect, a process older than its release.
    package var note: String?
    /// What its dead-man timer does or did.
    package var timer: String?

    package init(
        host: String, release: String? = nil, process: ProcessIdentity? = nil,
        health: ProbeResult? = nil, note: String? = nil, timer: String? = nil
    ) {
        self.host = host
        self.release = release
        self.process = process
        self.health = health
        self.note = note
        self.timer = timer
    }
}

package enum StatusTable {
    package static func render(
        _ rows: [HostStatusRow], style: Style, width: Int = 80
    ) -> String {
        guard !rows.isEmpty else { return "No hosts.\n" }
        var table = Table(["", "HOST", "RELEASE", "PROCESS", "HEALTH"])
        for row in rows {
            let mark = mark(row)
            table.add([
                .init(style.sign(mark), mark.tone), .init(row.host, .strong),
                .init(row.release ?? "-"),
                .init(row.process.map { "pid \($0.pid)" } ?? "-"),
                .init(row.health.map(health) ?? "not asked", mark.tone),
            ])
        }
        let serving = rows.count { $0.health?.verdict == .passing }
        let releases = Dictionary(grouping: rows.compactMap(\.release)) { $0 }
            .map { ($0.key, $0.value.count) }.sorted { ($1.1, $0.0) < ($0.1, $1.0) }
            .map { "\($0.0) on \($0.1)" }
        let summary =
            "\(serving) of \(Words.count(rows.count, "host")) "
            + (rows.count == 1 ? "passes its health check" : "pass their health check")
            + (releases.isEmpty ? "" : "; releases: \(releases.joined(separator: ", "))")
        var page = Page(style: style)
        page.rows(table.rendered(style))
        page.blank()
        // Below the table: a sentence in a column would push every line out of the window.
        for row in rows {
            for text in [row.note, row.timer].compactMap(\.self) {
                page.wrapped(
                    "\(row.host): \(text)", indent: 0, hanging: 2, tone: .warning, width: width)
            }
        }
        page.blank()
        page.wrapped(
            summary, indent: 0, hanging: 2, tone: serving == rows.count ? .good : .warning,
            width: width)
        return page.text
    }

    private static func mark(_ row: HostStatusRow) -> Mark {
        switch row.health?.verdict {
        case .passing: row.note == nil ? .good : .warning
        case .failing: .bad
        case .mixed, .unknown, nil: .warning
        }
    }

    private static func health(_ health: ProbeResult) -> String {
        let words =
            switch health.verdict {
            case .passing: "\(health.text) in \(health.took)"
            case .failing: health.text
            case .mixed: "\(health.text), balancers disagree"
            case .unknown: "not known" + (health.error.map { ": \($0)" } ?? "")
            }
        return words
    }
}
