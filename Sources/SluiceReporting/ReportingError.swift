import SluiceModel

/// A stored plan, event or report that can't be read or written as text.
package struct ReportingError: SluiceFailure {
    package struct Code: Sendable, Hashable, RawRepresentable {
        package var rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        /// The plan was written by a newer Sluice.
        package static let newerFormat = Code(rawValue: "plan-format-newer")
        /// The bytes are not a plan.
        package static let notAPlan = Code(rawValue: "plan-unreadable")
        /// A line is not an event.
        package static let notAnEvent = Code(rawValue: "event-unreadable")
    }

    package var code: Code
    package var message: String
    package var remedy: String
    package var cause: (any Error)?

    package var codeName: String { code.rawValue }

    package init(code: Code, message: String, remedy: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.remedy = remedy
        self.cause = cause
    }

    /// Where in a document decoding stopped, and why: `hosts[3].steps: ...`.
    static func place(of error: any Error) -> String? {
        guard let error = error as? DecodingError else { return nil }
        let context: DecodingError.Context
        var what: String? = nil
        switch error {
        case .keyNotFound(let key, let found):
            context = found
            what = "'\(key.stringValue)' is missing"
        case .typeMismatch(_, let found): context = found
        case .valueNotFound(_, let found): context = found
        case .dataCorrupted(let found): context = found
        @unknown default: return nil
        }
        var path = ""
        for key in context.codingPath {
            if let index = key.intValue {
                path += "[\(index)]"
            } else {
                path += (path.isEmpty ? "" : ".") + key.stringValue
            }
        }
        let text = what ?? context.debugDescription
        return path.isEmpty ? text : "\(path): \(text)"
    }
}
