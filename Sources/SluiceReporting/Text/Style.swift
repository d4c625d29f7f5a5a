/// How text may be dressed: whether colours and characters beyond ASCII are wanted.
package struct Style: Sendable, Hashable {
    package var colour: Bool
    package var unicode: Bool

    package init(colour: Bool, unicode: Bool) {
        self.colour = colour
        self.unicode = unicode
    }

    /// For files, golden texts and Jenkins: nothing that a plain log viewer would stumble over.
    package static let plain = Style(colour: false, unicode: false)

    /// What `--color` says.
    package enum ColourChoice: String, Sendable, CaseIterable {
        case auto
        case always
        case never
    }

    /// Decides for one stream, since standard output may be a pipe while standard error is not.
    ///
    /// In this order: the flag; a non-empty `NO_COLOR`; `CLICOLOR_FORCE` that is neither empty
    /// nor `0`; then a terminal whose `TERM` is not `dumb`. `TERM` alone proves nothing: Jenkins
    /// inherits it from whoever started the agent.
    package static func detect(
        isTTY: Bool, environment: [String: String], flag: ColourChoice = .auto
    ) -> Style {
        Style(
            colour: wantsColour(isTTY: isTTY, environment: environment, flag: flag),
            unicode: isUnicode(environment))
    }

    /// Whether lines may be redrawn in place.
    package static func canRedraw(isTTY: Bool, environment: [String: String]) -> Bool {
        isTTY && !isDumb(environment)
    }

    private static func wantsColour(
        isTTY: Bool, environment: [String: String], flag: ColourChoice
    ) -> Bool {
        switch flag {
        case .always: return true
        case .never: return false
        case .auto: break
        }
        if environment["NO_COLOR", default: ""] != "" { return false }
        let force = environment["CLICOLOR_FORCE", default: ""]
        if force != "", force != "0" { return true }
        return isTTY && !isDumb(environment)
    }

    private static func isDumb(_ environment: [String: String]) -> Bool {
        environment["TERM"] == "dumb"
    }

    /// POSIX: the first of the three that is set and not empty names the character set.
    private static func isUnicode(_ environment: [String: String]) -> Bool {
        let locale =
            ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }
            .first { !$0.isEmpty } ?? ""
        let name = locale.lowercased()
        return name.contains("utf-8") || name.contains("utf8")
    }
}

/// What a piece of text means; the style decides whether that has a colour.
enum Tone {
    case good, bad, warning, faint, strong, accent

    fileprivate var code: String {
        switch self {
        case .good: "32"
        case .bad: "1;31"
        case .warning: "33"
        case .faint: "2"
        case .strong: "1"
        case .accent: "36"
        }
    }
}

/// The signs in front of lines, each one column wide in both character sets.
enum Mark {
    case good, bad, warning, active, waiting, restoring

    var tone: Tone {
        switch self {
        case .good: .good
        case .bad: .bad
        case .warning, .restoring: .warning
        case .active: .accent
        case .waiting: .faint
        }
    }
}

extension Style {
    func paint(_ text: String, _ tone: Tone?) -> String {
        guard colour, let tone, !text.isEmpty else { return text }
        return "\u{1B}[\(tone.code)m\(text)\u{1B}[0m"
    }

    func sign(_ mark: Mark) -> String {
        switch mark {
        case .good: unicode ? "✓" : "+"
        case .bad: unicode ? "✗" : "x"
        case .warning: "!"
        case .active: unicode ? "▸" : ">"
        case .waiting: unicode ? "·" : "."
        case .restoring: unicode ? "↺" : "<"
        }
    }

    var ellipsis: String { unicode ? "…" : "~" }
    var arrow: String { unicode ? "→" : "->" }
}
