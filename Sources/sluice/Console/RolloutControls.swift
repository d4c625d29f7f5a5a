import Foundation
import SluiceEngine
import SluiceModel

/// What people want of the rollout in hand: signals to this process, and requests that another
/// terminal left in the store.
final class RolloutControls: Sendable {
    private let store: any RolloutStore
    private let rollout: String
    private let stream: AsyncStream<Rollout.Input.Kind>
    private let sink: AsyncStream<Rollout.Input.Kind>.Continuation

    /// How often the store is asked.
    private static let pace = Duration.milliseconds(500)

    init(store: any RolloutStore, rollout: String) {
        self.store = store
        self.rollout = rollout
        (stream, sink) = AsyncStream.makeStream(of: Rollout.Input.Kind.self)
    }

    /// Takes the signals over. Requests that came before now were for another process.
    func begin() async throws -> AsyncStream<Rollout.Input.Kind> {
        let last = try await store.requests(of: rollout, after: 0).last?.id ?? 0
        let signals = Interrupts.take()
        let sink = sink
        let forwarding = Task { for await name in signals { sink.yield(.interrupt(signal: name)) } }
        let asking = Task { await ask(after: last) }
        sink.onTermination = { _ in
            forwarding.cancel()
            asking.cancel()
        }
        return stream
    }

    func end() { sink.finish() }

    private func ask(after first: Int) async {
        var last = first
        while !Task.isCancelled {
            do {
                try await Task.sleep(for: Self.pace)
                for request in try await store.requests(of: rollout, after: last) {
                    last = request.id
                    sink.yield(.request(request.kind.meaning, actor: request.actor))
                }
            } catch is CancellationError {
                return
            } catch {
                // The store is busy; if it is gone, the next event tells.
                continue
            }
        }
    }
}

extension RolloutRequest.Kind {
    fileprivate var meaning: Rollout.Request {
        switch self {
        case .finish: .finish
        case .restore: .restore
        case .pause: .pause
        case .proceed: .proceed
        }
    }
}

/// Who runs this process, for journals and locks.
enum Actor {
    static var name: String { "\(NSUserName())@\(ProcessInfo.processInfo.hostName)" }
}
