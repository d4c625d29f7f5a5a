import CLibSSH2
import Glibc

/// What a login has tried so far.
struct LoginRecord {
    var tried: [String] = []
    var notes: [String] = []
    /// What libssh2 has no means for, and OpenSSH has.
    var beyond: [String] = []
    /// The ways in that the host offers; nil while it was not asked.
    var offered: [String]?
    /// Tried once in each way that takes passwords.
    var givenPassword: Secret?
    /// Put to a person, over all ways in.
    var questions = 0
    /// Whether a person is there and has not refused to answer.
    var hasPerson: Bool
    /// Whether a person may still be asked for a password.
    var mayAskPassword: Bool { asksForPasswords && mayAsk }
    /// Whether a person may still be asked at all.
    var mayAsk: Bool { hasPerson && questions < SecretDesk.attempts }
    var hasTriedPassword = false
    /// The host would have taken a key that could not be opened.
    var hasUnopenedKey = false
    /// The host had enough of it, after so many tries.
    var wasDropped = false
    /// The last password that was typed and refused.
    var refused: Secret?
    private let asksForPasswords: Bool

    init(_ list: CredentialList, _ secrets: SecretDesk?, givenPassword: Secret?) {
        (notes, beyond) = (list.notes, list.beyond.map(\.description))
        self.givenPassword = givenPassword
        hasPerson = secrets?.canAsk ?? false
        asksForPasswords = secrets?.asksForPasswords ?? false
    }

    /// - Returns: That nobody is let in.
    mutating func doubt() -> Bool {
        let note = "no password is sent to a host whose key has changed"
        if !notes.contains(note) { notes.append(note) }
        return false
    }

    /// What was tried; what was tried several times, once with their number.
    var attempts: String {
        var counts: [String: Int] = [:]
        let each = tried.filter {
            counts[$0, default: 0] += 1
            return counts[$0] == 1
        }
        return each.map { (counts[$0] ?? 1) > 1 ? "\($0) (\(counts[$0] ?? 1) times)" : $0 }
            .joined(separator: ", ")
    }

    func offers(_ method: String) -> Bool { offered?.contains(method) ?? true }
}

extension SSHSession {
    /// Tries the ways in, in the order of the endpoint's preferences as OpenSSH does; throws an
    /// `SSHError` that says what was tried.
    func authenticate(
        with list: CredentialList, until deadline: ContinuousClock.Instant
    ) async throws {
        let takesPasswords =
            !isHostDoubtful
            && (endpoint.passwordAuthentication || endpoint.keyboardInteractiveAuthentication)
        let isAsked = takesPasswords && (io.secrets?.canAsk ?? false)
        let given = takesPasswords && io.hasPassword(for: endpoint) ? io.password : nil
        var login = LoginRecord(list, io.secrets, givenPassword: given)
        let asked = QuestionClock.shared.total
        do {
            // Asked first, as OpenSSH does, the host counts no try for it. Where keys are all that
            // there is, they need no such look, and every login is a round trip faster.
            if list.credentials.isEmpty || given != nil || isAsked {
                login.offered = try await methods(until: deadline)
                if isAuthenticated { return }
            }
            for method in endpoint.preferredAuthentications where login.offers(method) {
                if try await logIn(by: method, list, &login, until: deadline) { return }
            }
            if login.offered == nil { login.offered = try await methods(until: deadline) }
        } catch var error as SSHError where error.code == .disconnected {
            // A host's patience with a login (LoginGraceTime) may be shorter than a person's.
            if QuestionClock.shared.total - asked > .seconds(20) {
                error.isWorthRetry = true
                throw error
            }
            // Too many tries, or a server that does not want this user at all.
            login.notes.append("the host closed the connection")
            login.wasDropped = true
        }
        throw refusal(of: login, list)
    }

    private func logIn(
        by method: String, _ list: CredentialList, _ login: inout LoginRecord,
        until deadline: ContinuousClock.Instant
    ) async throws -> Bool {
        switch method {
        case "publickey" where endpoint.publicKeyAuthentication:
            try await logIn(with: list, &login, until: deadline)
        case "password" where isHostDoubtful: login.doubt()
        case "keyboard-interactive" where isHostDoubtful:
            login.doubt()
        case "keyboard-interactive" where endpoint.keyboardInteractiveAuthentication:
            try await logInByKeyboard(&login, until: deadline)
        case "password" where endpoint.passwordAuthentication:
            try await logInWithPassword(&login, until: deadline)
        default: false
        }
    }

    private func logIn(
        with list: CredentialList, _ login: inout LoginRecord,
        until deadline: ContinuousClock.Instant
    ) async throws -> Bool {
        for credential in list.credentials {
            do {
                login.tried.append(credential.description)
                switch try await logIn(with: credential, until: deadline) {
                case .accepted: return true
                case .refused: continue
                case .insufficient:
                    login.offered = try await methods(until: deadline)
                    if !login.offers("publickey") {
                        login.notes.append("\(credential.source) was accepted, but not alone")
                        return false
                    }
                }
            } catch let problem as CredentialProblem {
                login.tried.removeLast()
                login.hasUnopenedKey = true
                login.notes.append("\(credential.source): \(problem)")
            } catch let error as SSHError where error.code == .agent {
                login.tried.removeLast()
                login.notes.append(
                    "\(credential.source): \(error.cause.map { "\($0)" } ?? "no answer")")
            }
        }
        return false
    }

    // MARK: What the host offers

    var isAuthenticated: Bool {
        guard let session = unsafe try? pointer("log in") else { return false }
        return unsafe libssh2_userauth_authenticated(session) != 0
    }

    /// The ways in that the host names; nil where it does not say.
    private func methods(until deadline: ContinuousClock.Instant) async throws -> [String]? {
        let operation = "log in"
        let user = endpoint.user
        while true {
            let session = unsafe try pointer(operation)
            let list = unsafe libssh2_userauth_list(session, user, UInt32(user.utf8.count))
            if let list = unsafe list {
                let text = unsafe String(cString: list)
                return text.split(separator: ",").map(String.init)
            }
            guard unsafe libssh2_session_last_errno(session) == LIBSSH2_ERROR_EAGAIN else {
                if isDead { throw SSHError.disconnected(endpoint.label, operation, nil) }
                return nil
            }
            try await wait(operation, deadline)
        }
    }

    // MARK: Refusal

    /// What OpenSSH's client can do and libssh2 can't, by its name in SSH.
    private static let beyondMethods = [
        "gssapi-with-mic": "GSSAPI (Kerberos)", "gssapi-keyex": "GSSAPI (Kerberos)",
        "hostbased": "host-based logins",
    ]

    private func refusal(of login: LoginRecord, _ list: CredentialList) -> SSHError {
        let ways = (login.offered ?? []).compactMap { Self.beyondMethods[$0] }
        let own = ["publickey", "keyboard-interactive", "password"]
        let isBeyond = login.offered.map { Set($0).isDisjoint(with: own) } ?? false
        let hasNothing = login.tried.isEmpty && list.credentials.isEmpty
        var beyond = login.beyond
        if isBeyond { beyond += Array(Set(ways)).sorted() }
        var message = "\(endpoint.label): "
        if hasNothing && !isBeyond {
            message += "there is no key to log in with"
        } else if login.tried.isEmpty && login.hasUnopenedKey {
            message += "the key could not be opened"
        } else {
            message += "the host refused the login"
        }
        if !login.tried.isEmpty { message += "; tried: \(login.attempts)" }
        if !login.notes.isEmpty { message += " (" + login.notes.joined(separator: "; ") + ")" }
        if let offered = login.offered {
            message += "; the host accepts: \(offered.joined(separator: ","))"
        }
        guard beyond.isEmpty else {
            message += "; not possible with libssh2: \(beyond.joined(separator: ", "))"
            return SSHError(
                .authUnsupported, host: endpoint.label, operation: "log in", message,
                remedy: "set 'transport: openssh' in the playbook, which logs in with the ssh "
                    + "program; or give the user a plain key (ssh-keygen -t ed25519)")
        }
        return SSHError(
            hasNothing ? .noKeys : .authRefused, host: endpoint.label, operation: "log in", message,
            remedy: remedy(for: login, list, hasNothing: hasNothing))
    }

    private func remedy(
        for login: LoginRecord, _ list: CredentialList, hasNothing: Bool
    ) -> String {
        let takesPasswords =
            login.offered.map { $0.contains("password") || $0.contains("keyboard-interactive") }
            ?? false
        if login.hasTriedPassword {
            return endpoint.userPlace + " and the password, or give a key "
                + (endpoint.isJump ? "(IdentityFile, ssh-add)" : "(--private-key, ssh-add)")
        }
        // The run's password is not for hosts on the way.
        let way = takesPasswords && !endpoint.isJump ? ", or give a password with -k" : ""
        if hasNothing {
            return endpoint.keyPlace + " or load one into ssh-agent with ssh-add" + way
        }
        if login.hasUnopenedKey {
            return
                "load the key into ssh-agent with ssh-add, or give its passphrase: at a terminal, "
                + "through SSH_ASKPASS"
                + (endpoint.isJump ? "" : ", or in ansible_ssh_private_key_passphrase")
        }
        if !list.leftOut.isEmpty || (login.wasDropped && list.credentials.count > 1) {
            return "servers allow few tries, and these keys are too many: " + endpoint.oneKeyPlace
                + way
        }
        return endpoint.userPlace + ", and that one of these keys is in the user's "
            + "authorized_keys on the host" + way
    }
}
