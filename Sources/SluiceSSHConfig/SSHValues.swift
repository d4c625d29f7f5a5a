import SluiceModel

/// Readings of single arguments, as ssh has them.
enum SSHValues {
    /// Seconds from `90`, `1m30s`, `2W`; nil when it is none or more than 2147483647.
    static func seconds(_ bytes: [UInt8]) -> Int? {
        let limit = Int(Int32.max)
        guard !bytes.isEmpty else { return nil }
        var total = 0
        var index = 0
        while index < bytes.count {
            guard let (number, end) = leadingNumber(bytes, from: index), number >= 0 else {
                return nil
            }
            index = end
            var unit = 1
            if index < bytes.count {
                switch bytes[index].asciiLowercased {
                case UInt8(ascii: "s"): unit = 1
                case UInt8(ascii: "m"): unit = 60
                case UInt8(ascii: "h"): unit = 3600
                case UInt8(ascii: "d"): unit = 86400
                case UInt8(ascii: "w"): unit = 604_800
                default: return nil
                }
                index += 1
            }
            guard number <= limit / unit, total <= limit - number * unit else { return nil }
            total += number * unit
        }
        return total
    }

    /// A whole number within the range and nothing else but blanks and a sign before it.
    static func integer(_ bytes: [UInt8], _ range: ClosedRange<Int>) -> Int? {
        guard let (number, end) = leadingNumber(bytes, from: 0), end == bytes.count,
            range.contains(number)
        else { return nil }
        return number
    }

    /// What C's `strtol` reads: blanks, a sign, digits; too large a number stays at the limit.
    static func leadingNumber(
        _ bytes: [UInt8], from start: Int
    ) -> (number: Int, end: Int)? {
        var index = start
        while index < bytes.count, bytes[index].isASCIISpace { index += 1 }
        var isNegative = false
        if index < bytes.count,
            bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+")
        {
            isNegative = bytes[index] == UInt8(ascii: "-")
            index += 1
        }
        let digits = index
        var number = 0
        while index < bytes.count, (48...57).contains(bytes[index]) {
            let (product, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(bytes[index]) - 48)
            number = overflow || carry ? .max : sum
            index += 1
        }
        return index == digits ? nil : (isNegative ? -number : number, index)
    }

    /// A port by its number or by the name of its service; 0 is none.
    static func port(_ bytes: [UInt8], _ system: SSHConfigurationSystem) -> Int? {
        if let number = integer(bytes, 0...65535) { return number }
        return system.portOfService(bytes.text)
    }

    /// Whether it can be the host of an `ssh://` address or a domain: letters, digits, `.-_`.
    static func isDomain(_ bytes: [UInt8]) -> Bool {
        guard let first = bytes.first, first.isASCIIAlphanumeric else { return false }
        var last: UInt8 = 0
        for byte in bytes {
            let dot = UInt8(ascii: ".")
            if byte == dot, last == dot { return false }
            guard
                byte.isASCIIAlphanumeric || byte == dot || byte == UInt8(ascii: "-")
                    || byte == UInt8(ascii: "_")
            else { return false }
            last = byte
        }
        return true
    }

    /// Whether it is the name of an environment variable.
    static func isVariableName(_ bytes: some Collection<UInt8>) -> Bool {
        !bytes.isEmpty && bytes.allSatisfy { $0.isASCIIAlphanumeric || $0 == UInt8(ascii: "_") }
    }
}
