import Foundation
import Testing

/// Compares a text with the file of that name in `Golden`, or writes the file when
/// `SLUICE_RECORD=1` is set: `SLUICE_RECORD=1 swift test --filter SluiceReportingTests`.
func expectGolden(
    _ text: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let file = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(components: "Golden", name)
    if ProcessInfo.processInfo.environment["SLUICE_RECORD"] == "1" {
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
        return
    }
    let expected = try String(contentsOf: file, encoding: .utf8)
    let got = text.split(separator: "\n", omittingEmptySubsequences: false)
    let wanted = expected.split(separator: "\n", omittingEmptySubsequences: false)
    let line = zip(got, wanted).enumerated().first { $1.0 != $1.1 }
    let place = line.map { "line \($0.offset + 1): got '\($0.element.0)'" }
    #expect(
        text == expected, "\(name) differs: \(place ?? "in its length")",
        sourceLocation: sourceLocation)
}
