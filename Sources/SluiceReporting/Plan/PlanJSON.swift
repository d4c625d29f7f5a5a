package import Foundation
package import SluiceModel

/// A plan as a file: written once, read by reviewers' tools, and run later.
package enum PlanJSON {
    /// Sorted keys and no dates of its own, so that the same plan is the same bytes.
    package static func encode(_ plan: Plan) throws(ReportingError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        do {
            var text = try encoder.encode(plan)
            text.append(UInt8(ascii: "\n"))
            return String(decoding: text, as: UTF8.self)
        } catch {
            throw ReportingError(
                code: .notAPlan, message: "the plan can't be written as JSON",
                remedy: "report this with the playbook that it was made from", cause: error)
        }
    }

    /// - Throws: ``ReportingError`` for a plan of a newer format and for anything that is none.
    package static func decode(_ data: Data) throws(ReportingError) -> Plan {
        struct Head: Decodable {
            var format: Int
        }
        let decoder = JSONDecoder()
        do {
            let format = try decoder.decode(Head.self, from: data).format
            guard format <= Plan.currentFormat else {
                throw ReportingError(
                    code: .newerFormat,
                    message: "the plan is of format \(format), and this Sluice reads up to"
                        + " \(Plan.currentFormat)",
                    remedy: "run it with the Sluice that made it, or make it again with this one")
            }
            return try decoder.decode(Plan.self, from: data)
        } catch let error as ReportingError {
            throw error
        } catch {
            let place = ReportingError.place(of: error)
            throw ReportingError(
                code: .notAPlan,
                message: "this is not a plan of Sluice's" + (place.map { ": \($0)" } ?? ""),
                remedy: "make one with: sluice plan -i INVENTORY PLAYBOOK --out FILE",
                cause: place == nil ? error : nil)
        }
    }

    package static func decode(_ text: String) throws(ReportingError) -> Plan {
        try decode(Data(text.utf8))
    }
}
