import CLibYAML

/// Writes YAML as PyYAML lays it out, piece by piece.
@safe
final class YAMLWriter {
    /// What libyaml says against a document: events in an order that makes none, or no memory.
    struct Failure: Error, CustomStringConvertible {
        var problem: String
        var description: String { "the YAML cannot be written: \(problem)" }
    }

    private let emitter: UnsafeMutablePointer<yaml_emitter_t>
    private var bytes: [UInt8] = []

    /// - Parameter width: Where lines are broken, in columns.
    init(width: Int32) throws(Failure) {
        unsafe emitter = .allocate(capacity: 1)
        let isReady = unsafe yaml_emitter_initialize(emitter) == 1
        precondition(isReady, "out of memory")
        let writer = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe yaml_emitter_set_output(
            emitter,
            { writer, bytes, count in
                guard let writer = unsafe writer, let bytes = unsafe bytes else { return 0 }
                let buffer = unsafe UnsafeBufferPointer(start: bytes, count: count)
                unsafe Unmanaged<YAMLWriter>.fromOpaque(writer).takeUnretainedValue()
                    .bytes.append(contentsOf: buffer)
                return 1
            }, writer)
        unsafe yaml_emitter_set_encoding(emitter, YAML_UTF8_ENCODING)
        unsafe yaml_emitter_set_unicode(emitter, 1)
        unsafe yaml_emitter_set_width(emitter, width)
        try unsafe emit { unsafe yaml_stream_start_event_initialize($0, YAML_UTF8_ENCODING) }
        try unsafe emit { unsafe yaml_document_start_event_initialize($0, nil, nil, nil, 1) }
    }

    deinit {
        unsafe yaml_emitter_delete(emitter)
        unsafe emitter.deallocate()
    }

    /// - Parameter style: What is asked for; where the text does not fit into it, it gets quotes.
    func scalar(_ text: String, _ style: Document.Style) throws(Failure) {
        let chosen =
            switch style {
            case .singleQuoted: YAML_SINGLE_QUOTED_SCALAR_STYLE
            case .doubleQuoted: YAML_DOUBLE_QUOTED_SCALAR_STYLE
            case .literal: YAML_LITERAL_SCALAR_STYLE
            case .folded: YAML_FOLDED_SCALAR_STYLE
            case .plain, .block, .flow: YAML_PLAIN_SCALAR_STYLE
            }
        try unsafe emit {
            unsafe yaml_scalar_event_initialize(
                $0, nil, nil, text, Int32(text.utf8.count), 1, 1, chosen)
        }
    }

    /// A second place of what the anchor names.
    func alias(_ anchor: String) throws(Failure) {
        try unsafe emit { unsafe yaml_alias_event_initialize($0, anchor) }
    }

    /// - Parameter isEmpty: It stands in brackets then.
    func list(
        anchor: String?, isEmpty: Bool, _ items: () throws -> Void
    ) throws {
        let style = isEmpty ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE
        try unsafe emit { unsafe yaml_sequence_start_event_initialize($0, anchor, nil, 1, style) }
        try items()
        try unsafe emit { unsafe yaml_sequence_end_event_initialize($0) }
    }

    /// - Parameter entries: Writes keys and values in turn.
    func map(
        anchor: String?, isEmpty: Bool, _ entries: () throws -> Void
    ) throws {
        let style = isEmpty ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE
        try unsafe emit { unsafe yaml_mapping_start_event_initialize($0, anchor, nil, 1, style) }
        try entries()
        try unsafe emit { unsafe yaml_mapping_end_event_initialize($0) }
    }

    /// The text, once its one value is written.
    func finished() throws(Failure) -> String {
        try unsafe emit { unsafe yaml_document_end_event_initialize($0, 1) }
        try unsafe emit { unsafe yaml_stream_end_event_initialize($0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func emit(
        _ prepare: (UnsafeMutablePointer<yaml_event_t>) -> Int32
    ) throws(Failure) {
        var event = unsafe yaml_event_t()
        guard unsafe prepare(&event) == 1, unsafe yaml_emitter_emit(emitter, &event) == 1 else {
            let problem = unsafe emitter.pointee.problem
            throw unsafe Failure(problem: problem.map { unsafe String(cString: $0) } ?? "no memory")
        }
    }
}
