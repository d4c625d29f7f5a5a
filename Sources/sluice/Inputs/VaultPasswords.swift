import Foundation
import SluiceConfig
import SluiceModel
import SluiceSSH
import Subprocess
import SystemPackage

/// Gets the passwords of ansible-vault from where the flags and the environment say they are.
enum VaultPasswords {
    /// Where one password is.
    struct Source: Equatable {
        /// Nil where none was given.
        var label: String?
        /// A path, or `prompt`.
        var place: String

        /// `LABEL@PLACE`, or a place alone.
        init(_ text: String) {
            guard let at = text.firstIndex(of: "@") else {
                (label, place) = (nil, text)
                return
            }
            label = at == text.startIndex ? nil : String(text[..<at])
            place = String(text[text.index(after: at)...])
        }

        init(label: String?, place: String) {
            self.label = label
            self.place = place
        }
    }

    /// The sources in Ansible's order: `ANSIBLE_VAULT_IDENTITY_LIST`, `--vault-id`,
    /// `--vault-password-file`, `ANSIBLE_VAULT_PASSWORD_FILE`, a question.
    static func sources(_ options: VaultOptions, environment: [String: String]) -> [Source] {
        func text(_ name: String) -> String? {
            environment[name].flatMap { $0.isEmpty ? nil : $0 }
        }
        let listed = (text("ANSIBLE_VAULT_IDENTITY_LIST") ?? "").split(separator: ",")
            .map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        let files = options.passwordFiles + [text("ANSIBLE_VAULT_PASSWORD_FILE")].compactMap(\.self)
        var sources = (listed + options.ids).map(Source.init)
        sources += files.map { Source(label: "default", place: $0) }
        if options.ask || isTrue(text("ANSIBLE_ASK_VAULT_PASS")) {
            sources.append(Source(label: nil, place: "prompt"))
        }
        return sources
    }

    private static func isTrue(_ text: String?) -> Bool {
        ["1", "true", "yes", "on", "t", "y"].contains(text?.lowercased() ?? "")
    }

    /// Asks, reads and runs what is needed; a source that gives no password is an error, since a
    /// rollout with half of its passwords would fail later.
    static func vault(
        _ options: VaultOptions, environment: [String: String] = Terminal.environment
    ) async throws -> Vault {
        var passwords: [VaultPassword] = []
        let binding = isTrue(environment["ANSIBLE_VAULT_ID_MATCH"])
        for source in sources(options, environment: environment) {
            let bytes = try await password(from: source, environment, Vault(passwords))
            guard !bytes.isEmpty else {
                throw failure(
                    source, "gives an empty vault password",
                    "put the password on its first line, or print it")
            }
            passwords.append(VaultPassword(label: source.label ?? "default", bytes))
        }
        return Vault(passwords, isLabelBinding: binding)
    }

    private static func failure(
        _ source: Source, _ message: String, _ remedy: String
    ) -> CommandFailure {
        CommandFailure(
            "vault-password", "'\(source.place)' \(message)", remedy: remedy,
            status: ExitStatus.invalidInput)
    }

    private static func password(
        from source: Source, _ environment: [String: String], _ vault: Vault
    ) async throws -> [UInt8] {
        if source.place == "prompt" || source.place == "prompt_ask_vault_pass" {
            let label = source.label.map { " (\($0))" } ?? ""
            guard TerminalPrompt.isPossible else {
                throw CommandFailure(
                    "no-terminal", "a password is asked for, and there is no terminal to ask at",
                    remedy:
                        "give it in a file: --vault-password-file FILE or --vault-id LABEL@FILE",
                    status: ExitStatus.usage)
            }
            guard let answer = try await TerminalPrompt.ask("Vault password\(label): ") else {
                throw CommandFailure(
                    "interrupted", "interrupted at a question",
                    remedy: "nothing was touched; start again when you like",
                    status: ExitStatus.interrupted)
            }
            return trimmed(answer.content, " \t\r\n")
        }
        let path = path(source.place, environment)
        var isDirectory: ObjCBool = false
        guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
            !isDirectory.boolValue
        else {
            throw failure(
                source, isDirectory.boolValue ? "is a directory" : "is not there",
                "name a file with the vault password; for a question write LABEL@prompt")
        }
        if FileManager.default.isExecutableFile(atPath: path) {
            return trimmed(try await output(of: path, source), "\r\n")
        }
        let data: Data
        do {
            // Also from a pipe, as in --vault-password-file <(command).
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? file.close() }
            data = try file.readToEnd() ?? Data()
        } catch {
            throw failure(
                source, "can't be read: \(error.localizedDescription)", "check its permissions")
        }
        let text = trimmed(Array(data), " \t\r\n\u{B}\u{C}")
        let content = String(decoding: text, as: UTF8.self)
        // Encrypted itself, with a password that came before it.
        guard Vault.isEnvelope(content) else { return text }
        let place = SourceLocation(file: path, line: 1, column: 1)
        return trimmed(try vault.plainText(of: content, at: place, what: "the file"), "\r\n")
    }

    private static func path(_ text: String, _ environment: [String: String]) -> String {
        if text == "~" || text.hasPrefix("~/") {
            return (environment["HOME"] ?? NSHomeDirectory()) + text.dropFirst()
        }
        return URL(fileURLWithPath: text).standardizedFileURL.path
    }

    private static func trimmed(_ bytes: [UInt8], _ set: String) -> [UInt8] {
        var bytes = bytes[...]
        while let first = bytes.first, set.utf8.contains(first) { bytes.removeFirst() }
        while let last = bytes.last, set.utf8.contains(last) { bytes.removeLast() }
        return Array(bytes)
    }

    // MARK: Programs

    /// `get-pass-client` and `get-pass-client.py` are told which password is meant.
    static func isClient(_ path: String) -> Bool {
        let name = (path as NSString).lastPathComponent
        return ((name as NSString).deletingPathExtension).hasSuffix("-client")
    }

    /// How long it may take: it may ask a person.
    private static let limit = Duration.seconds(300)

    /// What a program prints. It has the terminal, so that it can ask; what it says on standard
    /// error is shown and not kept.
    private static func output(of path: String, _ source: Source) async throws -> [UInt8] {
        let isClient = isClient(path)
        let arguments = isClient ? source.label.map { ["--vault-id", $0] } ?? [] : []
        let work = Task {
            try await Subprocess.run(
                .path(FilePath(path)), arguments: Arguments(arguments),
                input: .fileDescriptor(.standardInput, closeAfterSpawningProcess: false),
                output: .bytes(limit: 1 << 20),
                error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false))
        }
        let timer = Task {
            try await Task.sleep(for: limit)
            work.cancel()
        }
        defer { timer.cancel() }
        do {
            let record = try await withTaskCancellationHandler {
                try await work.value
            } onCancel: {
                work.cancel()
            }
            switch record.terminationStatus {
            case .exited(0): return record.standardOutput
            case .exited(2) where isClient:
                throw failure(
                    source, "knows no vault password for the id '\(source.label ?? "default")'",
                    "check the label before the @")
            case .exited(let status):
                throw failure(
                    source, "failed with status \(status)",
                    "run it by hand; if it is no program, take its execute permission away")
            case .signaled(let number):
                throw failure(
                    source, "was ended by signal \(number)", "run it by hand and see what it does")
            }
        } catch let error as CommandFailure {
            throw error
        } catch {
            if Task.isCancelled { throw error }
            throw failure(
                source, "can't be run, or took longer than 5 minutes",
                "run it by hand; if it is no program, take its execute permission away")
        }
    }
}
