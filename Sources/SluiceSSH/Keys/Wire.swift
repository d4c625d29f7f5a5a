// The SSH wire encoding (RFC 4251 section 5): big-endian lengths before byte strings.

struct WireError: Error, CustomStringConvertible {
    var description: String { "the data is cut short or not in the SSH encoding" }
}

struct WireReader {
    private(set) var rest: ArraySlice<UInt8>

    init(_ bytes: some Sequence<UInt8>) { rest = Array(bytes)[...] }

    mutating func take(_ count: Int) throws(WireError) -> ArraySlice<UInt8> {
        guard count >= 0, count <= rest.count else { throw WireError() }
        let taken = rest.prefix(count)
        rest = rest.dropFirst(count)
        return taken
    }

    mutating func byte() throws(WireError) -> UInt8 {
        guard let byte = rest.popFirst() else { throw WireError() }
        return byte
    }

    mutating func uint32() throws(WireError) -> UInt32 {
        try take(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    mutating func uint64() throws(WireError) -> UInt64 {
        try take(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func string() throws(WireError) -> [UInt8] {
        Array(try take(Int(try uint32())))
    }

    mutating func text() throws(WireError) -> String {
        String(decoding: try string(), as: UTF8.self)
    }
}

struct WireWriter {
    private(set) var bytes: [UInt8] = []

    mutating func uint32(_ value: Int) {
        let value = UInt32(truncatingIfNeeded: value)
        bytes += [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    mutating func string(_ value: some Collection<UInt8>) {
        uint32(value.count)
        bytes += value
    }

    mutating func string(_ value: String) { string(Array(value.utf8)) }

    /// An unsigned number as the signed `mpint`: no leading zeros, one if the top bit is set.
    mutating func mpint(_ value: some Collection<UInt8>) {
        let digits = Array(value.drop { $0 == 0 })
        string((digits.first ?? 0) >= 0x80 ? [0] + digits : digits)
    }
}
