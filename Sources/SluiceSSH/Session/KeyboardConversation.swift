// libssh2's callback for a server's questions must answer at once, and persons do not.
import CLibSSH2
import Glibc
import Synchronization

/// What a server wants to know.
struct KeyboardRequest: Sendable {
    let name: String
    let instruction: String
    let prompts: [SecretPrompt]

    /// Whether a password is what is asked for, as far as a text can tell.
    var isForPassword: Bool {
        prompts.count == 1 && !prompts[0].isEchoed
            && prompts[0].text.lowercased().contains("password")
    }

    /// Whether it may be: one answer that is not to be seen.
    var mayBeForPassword: Bool { prompts.count == 1 && !prompts[0].isEchoed }
}

/// One keyboard-interactive call of libssh2, on a thread of its own that its callback may hold up.
///
/// The session belongs to that thread from `start` until `next` has told the end.
final class KeyboardConversation: Sendable {
    enum Event: Sendable {
        case request(KeyboardRequest)
        case ended(Int32)
    }

    private struct State {
        var event: Event?
        var waiter: CheckedContinuation<Event, Never>?
        var answers: [Secret] = []
    }

    private let state = Mutex(State())
    /// Rung when there are answers.
    private let bell: Int32

    /// Finds the conversation of a thread: libssh2's own slot for contexts is the jump link's.
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let status = unsafe pthread_key_create(&key, nil)
        precondition(status == 0, "no thread-specific data left for SSH logins")
        return key
    }()

    init() throws {
        bell = eventfd(0, Int32(EFD_CLOEXEC))
        guard bell >= 0 else { throw SystemError(number: errno) }
    }

    deinit { close(bell) }

    func start(_ session: OpaquePointer, user: String) {
        nonisolated(unsafe) let session = unsafe session
        let status = startThread(named: "sluice-login") { [self] in
            unsafe pthread_setspecific(Self.key, Unmanaged.passUnretained(self).toOpaque())
            let result = unsafe libssh2_userauth_keyboard_interactive_ex(
                session, user, UInt32(user.utf8.count),
                { name, nameLength, instruction, instructionLength, count, prompts, responses, _ in
                    guard let context = unsafe pthread_getspecific(KeyboardConversation.key),
                        let prompts = unsafe prompts, let responses = unsafe responses
                    else { return }
                    let conversation = unsafe Unmanaged<KeyboardConversation>
                        .fromOpaque(context).takeUnretainedValue()
                    let request = unsafe KeyboardRequest(
                        name: KeyboardConversation.text(name, Int(nameLength)),
                        instruction: KeyboardConversation.text(instruction, Int(instructionLength)),
                        prompts: (0..<Int(count)).map { index in
                            let prompt = unsafe prompts[index]
                            return unsafe SecretPrompt(
                                text: KeyboardConversation.text(prompt.text, Int(prompt.length)),
                                isEchoed: prompt.echo != 0)
                        })
                    let answers = conversation.ask(request)
                    for (index, answer) in answers.prefix(Int(count)).enumerated() {
                        // libssh2 frees it.
                        guard let copy = unsafe malloc(max(1, answer.count)) else { continue }
                        unsafe copy.copyMemory(from: answer.content, byteCount: answer.count)
                        unsafe responses[index].text = copy.assumingMemoryBound(to: CChar.self)
                        unsafe responses[index].length = numericCast(answer.count)
                    }
                })
            post(.ended(result))
        }
        if status != 0 { post(.ended(LIBSSH2_ERROR_ALLOC)) }
    }

    /// What comes next; within microseconds, since libssh2 does not wait itself.
    func next() async -> Event {
        await withCheckedContinuation { continuation in
            let event = state.withLock { state -> Event? in
                defer { state.event = nil }
                if state.event == nil { state.waiter = continuation }
                return state.event
            }
            if let event { continuation.resume(returning: event) }
        }
    }

    /// Lets the login go on; what is missing is answered with nothing.
    func answer(_ answers: [Secret]) {
        state.withLock { $0.answers = answers }
        var one: UInt64 = 1
        _ = unsafe write(bell, &one, 8)
    }

    private func post(_ event: Event) {
        let waiter = state.withLock { state -> CheckedContinuation<Event, Never>? in
            defer { state.waiter = nil }
            if state.waiter == nil { state.event = event }
            return state.waiter
        }
        waiter?.resume(returning: event)
    }

    private func ask(_ request: KeyboardRequest) -> [Secret] {
        // PAM's last word has no questions in it.
        guard !request.prompts.isEmpty else { return [] }
        post(.request(request))
        var count: UInt64 = 0
        while unsafe read(bell, &count, 8) < 0, errno == EINTR {}
        return state.withLock { state in
            defer { state.answers = [] }
            return state.answers
        }
    }

    /// Without what a terminal would take for a command.
    private static func text(_ bytes: UnsafePointer<CChar>?, _ count: Int) -> String {
        guard let bytes = unsafe bytes, count > 0 else { return "" }
        let raw = unsafe UnsafeRawBufferPointer(start: bytes, count: count)
        let text = unsafe String(decoding: raw, as: UTF8.self)
        return String(
            String.UnicodeScalarView(
                text.unicodeScalars.filter { $0.properties.generalCategory != .control }))
    }
}
