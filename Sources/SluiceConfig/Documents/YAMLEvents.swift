import CLibYAML

/// What YAML text consists of, piece by piece, as libyaml finds it.
///
/// A document comes as a flat run of events, so that no nesting, however deep, takes more than one
/// call here.
@safe
final class YAMLEvents {
    struct Event {
        var content: Content
        /// Counted from 1, in Unicode scalars.
        var line: Int
        var column: Int
    }

    enum Content {
        case documentStart, documentEnd, end
        /// The name of an anchor.
        case alias(String)
        case scalar(Scalar)
        case listStart(Properties)
        case mapStart(Properties)
        /// Of a list or a mapping.
        case collectionEnd
    }

    /// What may stand before a value.
    struct Properties {
        var anchor: String?
        /// In full, such as `tag:yaml.org,2002:int`; nil where none is written.
        var tag: String?
        var style: Document.Style
    }

    struct Scalar {
        var properties: Properties
        /// Without quotes, its escapes and line breaks resolved.
        var text: String
    }

    /// Why the text is not YAML.
    struct SyntaxError: Error {
        var problem: String
        /// What it is in, and the line where that begins.
        var context: (text: String, line: Int)?
        var line: Int
        var column: Int
        /// A character that YAML does not allow, rather than a wrong place for one.
        var isCharacter = false
    }

    private let parser: UnsafeMutablePointer<yaml_parser_t>
    /// The parser reads from it until it is deleted.
    private let input: UnsafeMutableBufferPointer<UInt8>

    init(_ text: String) {
        let bytes = Array(text.utf8)
        // libyaml takes no null pointer, not even for no bytes.
        unsafe input = .allocate(capacity: max(1, bytes.count))
        _ = unsafe input.initialize(from: bytes)
        unsafe parser = .allocate(capacity: 1)
        let isReady = unsafe yaml_parser_initialize(parser) == 1
        precondition(isReady, "out of memory")
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(parser, input.baseAddress, bytes.count)
    }

    deinit {
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
        unsafe input.deallocate()
    }

    /// The next event; `end` again and again after the last.
    func next() throws(SyntaxError) -> Event {
        while true {
            var event = unsafe yaml_event_t()
            guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw failure() }
            defer { unsafe yaml_event_delete(&event) }
            guard let content = unsafe Self.content(of: event) else { continue }
            return unsafe Event(
                content: content, line: event.start_mark.line + 1,
                column: event.start_mark.column + 1)
        }
    }

    /// Nil for what says nothing about the text.
    private static func content(of event: yaml_event_t) -> Content? {
        switch unsafe event.type {
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_DOCUMENT_END_EVENT: return .documentEnd
        case YAML_ALIAS_EVENT: return unsafe .alias(text(event.data.alias.anchor) ?? "")
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            return unsafe .scalar(
                Scalar(
                    properties: Properties(
                        anchor: text(scalar.anchor), tag: text(scalar.tag),
                        style: style(scalar.style)),
                    text: String(decoding: bytes, as: UTF8.self)))
        case YAML_SEQUENCE_START_EVENT:
            let list = unsafe event.data.sequence_start
            return unsafe .listStart(
                Properties(
                    anchor: text(list.anchor), tag: text(list.tag),
                    style: list.style == YAML_FLOW_SEQUENCE_STYLE ? .flow : .block))
        case YAML_MAPPING_START_EVENT:
            let map = unsafe event.data.mapping_start
            return unsafe .mapStart(
                Properties(
                    anchor: text(map.anchor), tag: text(map.tag),
                    style: map.style == YAML_FLOW_MAPPING_STYLE ? .flow : .block))
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: return .collectionEnd
        case YAML_STREAM_START_EVENT: return nil
        default: return .end
        }
    }

    private static func style(_ style: yaml_scalar_style_t) -> Document.Style {
        switch style {
        case YAML_SINGLE_QUOTED_SCALAR_STYLE: .singleQuoted
        case YAML_DOUBLE_QUOTED_SCALAR_STYLE: .doubleQuoted
        case YAML_LITERAL_SCALAR_STYLE: .literal
        case YAML_FOLDED_SCALAR_STYLE: .folded
        default: .plain
        }
    }

    private static func text(_ pointer: UnsafeMutablePointer<UInt8>?) -> String? {
        guard let pointer = unsafe pointer else { return nil }
        return unsafe String(cString: pointer)
    }

    private static func text(_ pointer: UnsafePointer<CChar>?) -> String? {
        guard let pointer = unsafe pointer else { return nil }
        return unsafe String(cString: pointer)
    }

    private func failure() -> SyntaxError {
        let problem = unsafe Self.text(parser.pointee.problem) ?? "out of memory"
        if unsafe parser.pointee.error == YAML_READER_ERROR {
            return unsafe character(problem, at: parser.pointee.problem_offset)
        }
        let mark = unsafe parser.pointee.problem_mark
        let context = unsafe Self.text(parser.pointee.context).map { text in
            unsafe (text, Int(parser.pointee.context_mark.line) + 1)
        }
        return SyntaxError(
            problem: problem, context: context, line: Int(mark.line) + 1,
            column: Int(mark.column) + 1)
    }

    /// - Parameter offset: In bytes.
    private func character(_ problem: String, at offset: Int) -> SyntaxError {
        let before = unsafe Array(input.prefix(offset))
        let newline = UInt8(ascii: "\n")
        let line = before.split(separator: newline, omittingEmptySubsequences: false).last ?? []
        return SyntaxError(
            problem: problem, context: nil, line: before.count { $0 == newline } + 1,
            column: String(decoding: line, as: UTF8.self).unicodeScalars.count + 1,
            isCharacter: true)
    }
}
