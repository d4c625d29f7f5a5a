import SluiceEngine
import SluiceModel

/// What a modelled host reads out of a script's text: which process it means, and which of the
/// checks that make it safe it really has.
///
/// A host does what the script says, not what the engine believes that it says; so a script that
/// lost its check does harm here as it would there.
struct ScriptReading {
    /// The process that a script names by pid, start time and boot id.
    struct Identity: Equatable {
        var pid: Int
        /// `nil` where the script does not look at it.
        var startTicks: Int?
        var boot: String?
    }

    private let bytes: [UInt8]

    init(_ script: String) {
        let quote = UInt8(ascii: "'")
        let bytes = Array(script.utf8)
        guard ["sudo ", "su ", "doas "].contains(where: script.hasPrefix) else {
            self.bytes = bytes
            return
        }
        // Quoted once more for privilege escalation: '\\'' stands for '.
        var plain: [UInt8] = []
        var index = 0
        while index < bytes.count {
            plain.append(bytes[index])
            let isQuoted =
                bytes[index] == quote && index + 3 < bytes.count
                && bytes[index + 1] == UInt8(ascii: "\\") && bytes[index + 2] == quote
                && bytes[index + 3] == quote
            index += isQuoted ? 4 : 1
        }
        self.bytes = plain
    }

    func contains(_ text: StaticString) -> Bool { position(after: text) != nil }

    private func position(after text: StaticString, from start: Int = 0) -> Int? {
        let wanted = "\(text)".utf8.map { $0 }
        guard let first = wanted.first, bytes.count >= wanted.count else { return nil }
        var index = start
        let end = bytes.count - wanted.count
        while index <= end {
            if bytes[index] == first, bytes[index..<index + wanted.count].elementsEqual(wanted) {
                return index + wanted.count
            }
            index += 1
        }
        return nil
    }

    private func number(at index: Int) -> (value: Int, end: Int)? {
        var end = index
        var value = 0
        while end < bytes.count, (48...57).contains(bytes[end]), end - index < 15 {
            value = value * 10 + Int(bytes[end] - 48)
            end += 1
        }
        return end == index ? nil : (value, end)
    }

    private func text(at index: Int, until stop: UInt8) -> String? {
        guard let end = bytes[index...].firstIndex(of: stop) else { return nil }
        return String(decoding: bytes[index..<end], as: UTF8.self)
    }

    /// The process that gets the signal.
    var signalled: Identity? {
        if let start = position(after: "boot_id) $(look "), let pid = number(at: start),
            let pattern = position(after: "in\n  ", from: pid.end),
            let boot = text(at: pattern, until: UInt8(ascii: "'")),
            let ticks = position(after: "' '*' '", from: pattern).flatMap({ number(at: $0) })
        {
            return Identity(pid: pid.value, startTicks: ticks.value, boot: boot)
        }
        guard let start = position(after: "kill -s "),
            let space = bytes[start...].firstIndex(of: UInt8(ascii: " ")),
            let pid = number(at: space + 1)
        else { return nil }
        return Identity(pid: pid.value)
    }

    /// The process that was stopped and may still be there.
    var former: Identity? {
        guard let start = position(after: "old=0; set -- $(look "), let pid = number(at: start),
            let boot = position(after: "\"$boot\" != ", from: pid.end)
                .flatMap({ text(at: $0, until: UInt8(ascii: " ")) }),
            let ticks = position(after: "\"$3\" != ", from: pid.end).flatMap({ number(at: $0) })
        else { return nil }
        return Identity(pid: pid.value, startTicks: ticks.value, boot: boot)
    }

    var isGuarded: Bool {
        contains("[ \"$_t\" = \"token=${SLUICE_TOKEN:?}\" ] ||")
    }

    /// `unpack` compares the checksum before it unpacks.
    var checksContent: Bool { contains("sum=$(sha256sum < \"$part\") && [ \"${sum%% *}\" = ") }
    /// `activate` looks at the record of the checksum first.
    var checksRecord: Bool { contains(".sluice-sha256)\" = ") }
    /// `current` is moved by one rename.
    var movesAtOnce: Bool { contains("mv -Tf ") }
    /// The release that `restoreActivate` goes back to.
    var target: String? {
        position(after: "ln -sfn releases/").flatMap { text(at: $0, until: UInt8(ascii: " ")) }
    }
}
