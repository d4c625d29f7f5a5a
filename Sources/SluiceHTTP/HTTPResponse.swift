/// An answer, as far as a health check needs it.
package struct HTTPResponse: Sendable, Hashable {
    package var status: Int
    package var reason: String
    /// In the order and spelling in which they came.
    package var headers: [Header]
    /// At most the parser's limit; empty for HEAD.
    package var body: [UInt8]
    /// Whether the body was longer than what is kept.
    package var isTruncated: Bool

    package struct Header: Sendable, Hashable {
        package var name: String
        package var value: String
    }

    /// The first header of that name, whatever its case.
    package func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}
