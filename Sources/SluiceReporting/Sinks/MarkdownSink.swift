/// Writes a Markdown report at the end of each rollout.
package struct MarkdownSink: EventSink {
    private let report: WholeReport

    package var name: String { report.name }

    /// Writes a report without rollouts, so that one of an earlier command is gone.
    ///
    /// - Throws: what writing it does.
    package init(_ report: WholeReport) throws {
        self.report = report
        try report.write(adding: nil, MarkdownReport.render)
    }

    package func finish(_ run: ReportedRun) throws {
        try report.write(adding: run, MarkdownReport.render)
    }
}
