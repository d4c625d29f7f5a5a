import Foundation
package import SluiceModel

/// Every event as one JSON object on a line of its own, transient ones among them: they say so
/// by `"seq":0` and `"type":"progress"`.
package enum JSONLines {
    /// Without the line break. Sorted keys, so that the same event is the same bytes.
    package static func encode(_ event: Event) throws(ReportingError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(event), as: UTF8.self)
        } catch {
            throw ReportingError(
                code: .notAnEvent, message: "event \(event.sequence) can't be written as JSON",
                remedy: "report this with the rollout's journal", cause: error)
        }
    }

    package static func decode(_ line: String) throws(ReportingError) -> Event {
        do {
            return try JSONDecoder().decode(Event.self, from: Data(line.utf8))
        } catch {
            let place = ReportingError.place(of: error)
            throw ReportingError(
                code: .notAnEvent,
                message: "the line is not an event" + (place.map { ": \($0)" } ?? ""),
                remedy: "read it with the Sluice that wrote it, or with a newer one",
                cause: place == nil ? error : nil)
        }
    }
}
