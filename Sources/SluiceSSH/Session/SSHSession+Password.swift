import CLibSSH2
import Glibc

extension SSHSession {
    // MARK: password

    /// True if a password let the user in.
    func logInWithPassword(
        _ login: inout LoginRecord, until deadline: ContinuousClock.Instant
    ) async throws -> Bool {
        guard let secrets = io.secrets else { return false }
        if let given = login.givenPassword {
            if try await offer(password: given, until: deadline) { return true }
            login.hasTriedPassword = true
            login.tried.append("the given password")
        }
        while let answer = try await askPassword(secrets, &login, until: deadline) {
            if try await offer(password: answer, until: deadline) { return true }
            login.refused = answer
            login.hasTriedPassword = true
            login.tried.append("the password that was typed")
        }
        return false
    }

    /// Nil once there were enough questions, or no answer.
    private func askPassword(
        _ secrets: SecretDesk, _ login: inout LoginRecord, until deadline: ContinuousClock.Instant
    ) async throws -> Secret? {
        guard login.mayAskPassword else { return nil }
        login.questions += 1
        let (refused, attempt) = (login.refused, login.questions)
        let (label, machine) = (endpoint.login, endpoint.machine)
        let answer = try await ask(&login, until: deadline) {
            try await secrets.password(
                for: label, at: machine, after: refused, attempt: attempt)
        }
        if answer == nil { login.hasPerson = false }
        return answer
    }

    /// Nil where nobody answers; why, if there is something to be said about it, is noted.
    private func ask<Answer: Sendable>(
        _ login: inout LoginRecord, until deadline: ContinuousClock.Instant,
        _ question: @escaping @Sendable () async throws -> Answer?
    ) async throws -> Answer? {
        do {
            return try await io.result("ask for a password", until: deadline, of: question)
        } catch let error as SSHError {
            throw error
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            login.hasPerson = false
            login.notes.append("asking for a password: \(error)")
            return nil
        }
    }

    private func offer(
        password: Secret, until deadline: ContinuousClock.Instant
    ) async throws -> Bool {
        let operation = "log in"
        let user = endpoint.user
        var bytes = password.content
        defer { unsafe explicit_bzero(&bytes, bytes.count) }
        while true {
            let session = unsafe try pointer(operation)
            let result = unsafe bytes.withUnsafeBytes { bytes in
                unsafe libssh2_userauth_password_ex(
                    session, user, UInt32(user.utf8.count),
                    bytes.assumingMemoryBound(to: CChar.self).baseAddress, UInt32(bytes.count),
                    // Without it, libssh2 takes «expired» for «wrong».
                    { _, new, length, _ in
                        unsafe new?.pointee = nil
                        unsafe length?.pointee = 0
                    })
            }
            switch result {
            case 0: return true
            case LIBSSH2_ERROR_EAGAIN: try await wait(operation, deadline)
            case LIBSSH2_ERROR_AUTHENTICATION_FAILED:
                if isDead { throw SSHError.disconnected(endpoint.label, operation, nil) }
                return false
            case LIBSSH2_ERROR_PASSWORD_EXPIRED:
                throw SSHError(
                    .authRefused, host: endpoint.label, operation: operation,
                    "\(endpoint.label): the password is right and has expired: the host wants a "
                        + "new one",
                    remedy: "change it with: ssh \(endpoint.user)@\(endpoint.host)")
            default: throw failure(operation, result)
            }
        }
    }

    // MARK: keyboard-interactive

    /// No server has so many questions in one login.
    private static let mostRequests = 20

    /// True if the answers let the user in.
    ///
    /// A given password, or one that was typed, answers a single hidden question that speaks of a
    /// password; every other question is put to a person as it is.
    func logInByKeyboard(
        _ login: inout LoginRecord, until deadline: ContinuousClock.Instant
    ) async throws -> Bool {
        // An answer that nobody gives would be a failed try in the host's eyes.
        guard login.givenPassword != nil || login.mayAsk else { return false }
        var given = login.givenPassword
        repeat {
            var round = KeyboardRound(given: given)
            if try await converse(&login, &round, until: deadline) { return true }
            if isDead { throw SSHError.disconnected(endpoint.label, "log in", nil) }
            login.refused = round.typed ?? login.refused
            if round.isGivenUsed || round.isAnswered { login.hasTriedPassword = true }
            if round.isGivenUsed {
                login.tried.append("the given password (keyboard-interactive)")
            } else if round.isAnswered {
                login.tried.append("the answers that were typed")
            }
            // Refused without a question, or with one that nobody answers.
            guard round.isAnswered || round.isGivenUsed else { return false }
            given = nil
        } while login.mayAsk
        return false
    }

    /// What one try has come to.
    private struct KeyboardRound {
        var given: Secret?
        var isGivenUsed = false
        var isAnswered = false
        var typed: Secret?
    }

    private func converse(
        _ login: inout LoginRecord, _ round: inout KeyboardRound,
        until deadline: ContinuousClock.Instant
    ) async throws -> Bool {
        let operation = "log in"
        let conversation = try KeyboardConversation()
        var requests = 0
        while true {
            unsafe conversation.start(try pointer(operation), user: endpoint.user)
            var event = await conversation.next()
            while case .request(let request) = event {
                requests += 1
                do {
                    let answers =
                        requests > Self.mostRequests
                        ? nil : try await answers(to: request, &login, &round, until: deadline)
                    conversation.answer(answers ?? [])
                } catch {
                    // Nothing more is sent: no try is wasted on an answer that nobody gave.
                    cutOff()
                    conversation.answer([])
                    _ = await conversation.next()
                    throw error
                }
                event = await conversation.next()
            }
            guard case .ended(let result) = event else { return false }
            switch result {
            case 0: return true
            case LIBSSH2_ERROR_EAGAIN: try await wait(operation, deadline)
            case LIBSSH2_ERROR_AUTHENTICATION_FAILED: return false
            default: throw failure(operation, result)
            }
        }
    }

    private func answers(
        to request: KeyboardRequest, _ login: inout LoginRecord, _ round: inout KeyboardRound,
        until deadline: ContinuousClock.Instant
    ) async throws -> [Secret]? {
        guard let secrets = io.secrets else { return nil }
        // Only the first: the ones after it may well be for a new password.
        let isFirst = !round.isGivenUsed && !round.isAnswered
        let isForPassword =
            isFirst
            && (request.isForPassword || (request.mayBeForPassword && !secrets.canAsk))
        if isForPassword, let given = round.given {
            round.given = nil
            round.isGivenUsed = true
            return [given]
        }
        if isForPassword {
            guard let typed = try await askPassword(secrets, &login, until: deadline) else {
                return nil
            }
            round.isAnswered = true
            round.typed = typed
            return [typed]
        }
        // All questions of one conversation are one try.
        guard round.isAnswered ? login.hasPerson : login.mayAsk else {
            let texts = request.prompts.map { "«\($0.text)»" }.joined(separator: ", ")
            login.notes.append("the host asks \(texts), and there is nobody to answer")
            return nil
        }
        if !round.isAnswered { login.questions += 1 }
        let label = endpoint.login
        let answers = try await ask(&login, until: deadline) {
            try await secrets.answers(
                to: request.prompts, name: request.name, instruction: request.instruction,
                for: label)
        }
        if answers == nil { login.hasPerson = false } else { round.isAnswered = true }
        return answers
    }
}
