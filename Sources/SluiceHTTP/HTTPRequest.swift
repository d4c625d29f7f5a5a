/// One HTTP/1.1 request without a body, on a connection of its own.
package struct HTTPRequest: Sendable, Hashable {
    package let method: String
    /// With its query; percent-encoded where it has to be.
    package let path: String
    /// The Host header.
    package let host: String

    /// - Parameter path: bytes that may not stand in a request (spaces, control and non-ASCII
    ///   characters) are percent-encoded; the rest is sent as it is.
    /// - Throws: ``HTTPError`` with the code `invalidRequest` for a method that is no token, or a
    ///   host with characters that could begin another header.
    package init(method: String, path: String, host: String) throws {
        guard !method.isEmpty, method.utf8.allSatisfy(HTTPRequest.isToken) else {
            throw HTTPRequest.invalid("'\(method)' is not an HTTP method", key: "method")
        }
        guard path.hasPrefix("/") || (path == "*" && method == "OPTIONS") else {
            throw HTTPRequest.invalid("the path '\(path)' does not begin with '/'", key: "path")
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw HTTPRequest.invalid("'\(host)' cannot stand in a Host header", key: "host_header")
        }
        self.method = method
        self.path = HTTPRequest.encoded(path)
        self.host = host
    }

    package var bytes: [UInt8] {
        Array(
            ("\(method) \(path) HTTP/1.1\r\nHost: \(host)\r\n"
                + "User-Agent: sluice/1.0 (health check)\r\nAccept: */*\r\nConnection: close\r\n\r\n")
                .utf8)
    }

    /// The Host header that a client sends for an address: IPv6 in brackets and without its
    /// zone, the port unless it is 80.
    package static func hostHeader(address: String, port: Int) -> String {
        var host = address.split(separator: "%").first.map(String.init) ?? address
        if host.contains(":"), !host.hasPrefix("[") { host = "[\(host)]" }
        return port == 80 ? host : "\(host):\(port)"
    }

    private static func encoded(_ path: String) -> String {
        let digits = Array("0123456789ABCDEF")
        var text = ""
        for byte in path.utf8 {
            if byte > 0x20 && byte < 0x7F {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                text += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
        return text
    }

    private static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    private static func invalid(_ message: String, key: String) -> HTTPError {
        HTTPError(.invalidRequest, message, remedy: "correct health_check.\(key) in the playbook")
    }
}
