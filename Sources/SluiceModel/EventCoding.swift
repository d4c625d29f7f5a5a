/// The stored form of an event: one flat object with `schema`, `seq`, `ts` and `type`, then the
/// fields of that type.
///
/// A field that a reader does not know is passed over. A type that it does not know is an error, as
/// is a newer schema: without the event a journal's fold, and with it a resume, would be wrong.
extension Event: Codable {
    private enum Key: String, CodingKey {
        case schema, seq, ts, type
    }

    private static let types: [(String, @Sendable (any Decoder) throws -> Kind)] = [
        ("rollout_started", { .rolloutStarted(try RolloutStarted(from: $0)) }),
        ("resumed", { .resumed(try Resumed(from: $0)) }),
        ("hook_started", { .hookStarted(try HookStarted(from: $0)) }),
        ("hook_finished", { .hookFinished(try HookFinished(from: $0)) }),
        ("pushed_ahead", { .pushedAhead(try StepFinished(from: $0)) }),
        ("batch_started", { .batchStarted(try BatchStarted(from: $0)) }),
        ("step_started", { .stepStarted(try StepStarted(from: $0)) }),
        ("ping_failed", { .pingFailed(try PingFailed(from: $0)) }),
        ("step_finished", { .stepFinished(try StepFinished(from: $0)) }),
        ("observed", { .observed(try Observed(from: $0)) }),
        ("retrying", { .retrying(try Retrying(from: $0)) }),
        ("note", { .note(try Note(from: $0)) }),
        ("host_failed", { .hostFailed(try HostFailed(from: $0)) }),
        ("host_finished", { .hostFinished(try HostFinished(from: $0)) }),
        ("stopping", { .stopping(try Stopping(from: $0)) }),
        ("interrupted", { .interrupted(try Interrupted(from: $0)) }),
        ("paused", { .paused(try Paused(from: $0)) }),
        ("rollout_finished", { .rolloutFinished(try RolloutFinished(from: $0)) }),
        ("progress", { .progress(try Progress(from: $0)) }),
    ]

    /// The words that stand in `type`, one for each kind.
    package static var typeNames: [String] { types.map(\.0) }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        let schema = try container.decode(Int.self, forKey: .schema)
        guard schema <= Event.schema else {
            throw DecodingError.dataCorruptedError(
                forKey: .schema, in: container,
                debugDescription: "the event is of schema \(schema); this Sluice reads up to "
                    + "\(Event.schema)")
        }
        let type = try container.decode(String.self, forKey: .type)
        guard let read = Event.types.first(where: { $0.0 == type })?.1 else {
            throw DecodingError.dataCorruptedError(
                forKey: .type, in: container,
                debugDescription: "'\(type)' is not an event type that this Sluice knows")
        }
        self.init(
            sequence: try container.decode(Int.self, forKey: .seq),
            at: try container.decode(Timestamp.self, forKey: .ts), kind: try read(decoder))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(Event.schema, forKey: .schema)
        try container.encode(sequence, forKey: .seq)
        try container.encode(at, forKey: .ts)
        try container.encode(typeName, forKey: .type)
        try payload.encode(to: encoder)
    }

    /// The word that stands in `type`.
    package var typeName: String {
        switch kind {
        case .rolloutStarted: "rollout_started"
        case .resumed: "resumed"
        case .hookStarted: "hook_started"
        case .hookFinished: "hook_finished"
        case .pushedAhead: "pushed_ahead"
        case .batchStarted: "batch_started"
        case .stepStarted: "step_started"
        case .pingFailed: "ping_failed"
        case .stepFinished: "step_finished"
        case .observed: "observed"
        case .retrying: "retrying"
        case .note: "note"
        case .hostFailed: "host_failed"
        case .hostFinished: "host_finished"
        case .stopping: "stopping"
        case .interrupted: "interrupted"
        case .paused: "paused"
        case .rolloutFinished: "rollout_finished"
        case .progress: "progress"
        }
    }

    private var payload: any Encodable {
        switch kind {
        case .rolloutStarted(let value): value
        case .resumed(let value): value
        case .hookStarted(let value): value
        case .hookFinished(let value): value
        case .pushedAhead(let value): value
        case .batchStarted(let value): value
        case .stepStarted(let value): value
        case .pingFailed(let value): value
        case .stepFinished(let value): value
        case .observed(let value): value
        case .retrying(let value): value
        case .note(let value): value
        case .hostFailed(let value): value
        case .hostFinished(let value): value
        case .stopping(let value): value
        case .interrupted(let value): value
        case .paused(let value): value
        case .rolloutFinished(let value): value
        case .progress(let value): value
        }
    }

    /// The host that it is about, if it is about one.
    package var host: String? {
        switch kind {
        case .stepStarted(let value): value.host
        case .pingFailed(let value): value.host
        case .stepFinished(let value), .pushedAhead(let value): value.host
        case .observed(let value): value.host
        case .hookStarted(let value): value.host
        case .hookFinished(let value): value.host
        case .retrying(let value): value.host
        case .note(let value): value.host
        case .hostFailed(let value): value.host
        case .hostFinished(let value): value.host
        case .progress(let value): value.host
        case .rolloutStarted, .resumed, .batchStarted, .stopping, .interrupted, .paused,
            .rolloutFinished:
            nil
        }
    }
}
