/// Writes a JUnit report at the end of each rollout.
package struct JUnitSink: EventSink {
    private let report: WholeReport

    package var name: String { report.name }

    /// Writes a report without rollouts, so that one of an earlier command is gone.
    ///
    /// - Throws: what writing it does.
    package init(_ report: WholeReport) throws {
        self.report = report
        try report.write(adding: nil, JUnitReport.render)
    }

    package func finish(_ run: ReportedRun) throws {
        try report.write(adding: run, JUnitReport.render)
    }
}
