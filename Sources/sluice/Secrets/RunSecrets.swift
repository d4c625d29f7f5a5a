import ArgumentParser
import SluiceModel
import SluiceSSH
import Synchronization

/// `-k`, `-K` and their files: where the passwords come from, never from an argument.
struct SecretOptions: ParsableArguments {
    @Flag(
        name: [.customShort("k"), .customLong("ask-pass")],
        help: "Ask for the password of the hosts' users, once, before any host is contacted.")
    var askPass = false

    @Option(
        name: [.customLong("connection-password-file"), .customLong("conn-pass-file")],
        help: ArgumentHelp(
            "Read that password from a file that nobody else may read, or from what a program "
                + "prints.", valueName: "file"))
    var connectionPasswordFile: String?

    @Flag(
        name: [.customShort("K"), .customLong("ask-become-pass")],
        help: "Ask for the password of privilege escalation, once.")
    var askBecomePass = false

    @Option(
        name: [.customLong("become-password-file"), .customLong("become-pass-file")],
        help: ArgumentHelp(
            "Read that password from a file that nobody else may read, or from what a program "
                + "prints.", valueName: "file"))
    var becomePasswordFile: String?

    func validate() throws {
        if askPass, connectionPasswordFile != nil {
            throw ValidationError("--ask-pass and --connection-password-file exclude each other.")
        }
        if askBecomePass, becomePasswordFile != nil {
            throw ValidationError(
                "--ask-become-pass and --become-password-file exclude each other.")
        }
    }
}

/// The secrets of one run of the program: got when the first host is about to be contacted.
final class RunSecrets: Sendable {
    struct Given: Sendable {
        /// Gives the connections theirs, and asks for what turns up on the way.
        let desk: SecretDesk
        /// For all hosts, where it was given for this run.
        let becomePassword: Secret?
        /// For single hosts, where their inventory has some.
        let hosts: HostSecrets

        func password(of host: String) throws -> Secret? { try hosts.password(of: host) }

        func keyPassphrase(of host: String) throws -> KeyPassphrase? {
            try hosts.keyPassphrase(of: host)
        }

        func becomePassword(for host: String, by method: Become.Method) throws -> Secret? {
            try becomePassword ?? hosts.becomePassword(of: host, by: method)
        }
    }

    /// Filled while inventories are read; opened when a host is contacted.
    let hosts = HostSecrets()
    private let options: SecretOptions
    private let work = Mutex<Task<Given, any Error>?>(nil)

    init(_ options: SecretOptions) { self.options = options }

    /// Asks and reads at the first call; the same for all plays of a run.
    ///
    /// Throws `CommandFailure` where there is nobody to ask or a file can't be used, and what the
    /// terminal throws.
    func given() async throws -> Given {
        let (options, hosts) = (options, hosts)
        let task = work.withLock { work in
            if let work { return work }
            let task = Task { try await Self.collect(options, hosts) }
            work = task
            return task
        }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }

    private static func collect(
        _ options: SecretOptions, _ hosts: HostSecrets
    ) async throws -> Given {
        let person = Person()
        var password: Secret?
        if let path = options.connectionPasswordFile {
            password = try await PasswordFile.read(path, option: "--connection-password-file")
        } else if options.askPass {
            password = try await ask(person, "SSH password: ", "--ask-pass")
        }
        var becomePassword: Secret?
        if let path = options.becomePasswordFile {
            becomePassword = try await PasswordFile.read(path, option: "--become-password-file")
        } else if options.askBecomePass {
            // As Ansible has it: an empty line is the same password again.
            let isSame = password != nil
            becomePassword = try await ask(
                person,
                "BECOME password\(isSame ? " [defaults to the SSH password]" : ""): ",
                "--ask-become-pass", isEmptyAllowed: isSame)
            if let password, becomePassword?.isEmpty == true { becomePassword = password }
        }
        return Given(
            desk: SecretDesk(
                prompting: person, password: password,
                isPasswordFinal: options.connectionPasswordFile != nil),
            becomePassword: becomePassword, hosts: hosts)
    }

    private static func ask(
        _ person: Person?, _ question: String, _ option: String, isEmptyAllowed: Bool = false
    ) async throws -> Secret {
        guard let person else {
            throw CommandFailure(
                "nobody-to-ask", "\(option): there is no terminal to ask at, and no SSH_ASKPASS",
                remedy: "give the password in a file: --connection-password-file, "
                    + "--become-password-file", status: ExitStatus.usage)
        }
        let answer = try await person.ask(question)
        guard let answer, isEmptyAllowed || !answer.isEmpty else {
            throw CommandFailure(
                "no-answer", "\(option): no password was given",
                remedy: "give one, or leave the option out")
        }
        return answer
    }
}
