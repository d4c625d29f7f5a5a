/// A variable's value, as inventories, playbooks and `-e` hold it.
///
/// Dictionaries keep no order: whoever prints one sorts its keys, so that no output depends on
/// the hashing of a process.
package indirect enum Value: Sendable, Hashable {
    case null
    case bool(Bool)
    case int(Int)
    case double(Double)
    case string(String)
    case list([Value])
    case dict([String: Value])
    /// What ansible-vault encrypted. Only who decrypts it may look inside; whoever would show or
    /// store the plain value has to fail, and say that it is encrypted.
    case vault(SealedValue)

    /// The text that a template shows for this value; Python's spelling for `True` and `None`,
    /// since that is what the same inventory gives under Ansible.
    package var text: String {
        switch self {
        case .null: "None"
        case .bool(let value): value ? "True" : "False"
        case .int(let value): String(value)
        case .double(let value): String(value)
        case .string(let value): value
        case .vault(let value): value.description
        case .list(let values): "[" + values.map(\.quoted).joined(separator: ", ") + "]"
        case .dict(let values):
            "{"
                + values.sorted { $0.key.precedesInPython($1.key) }
                .map { "\(Value.string($0.key).quoted): \($0.value.quoted)" }.joined(
                    separator: ", ") + "}"
        }
    }

    /// As Python's `repr` writes it.
    private var quoted: String {
        guard case .string(let value) = self else { return text }
        let quote: Unicode.Scalar = value.contains("'") && !value.contains("\"") ? "\"" : "'"
        var result = String(quote)
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case quote: result += "\\" + String(scalar)
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar != " " && !scalar.isPrintableInPython:
                let (letter, width) =
                    scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
                let digits = String(scalar.value, radix: 16)
                result +=
                    "\\" + letter + String(repeating: "0", count: width - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + String(quote)
    }
}

extension Unicode.Scalar {
    fileprivate var isPrintableInPython: Bool {
        switch properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
            .paragraphSeparator, .spaceSeparator:
            false
        default: true
        }
    }
}
