import Foundation
import SluiceSSH

/// A file with a password, or a program that prints one, as Ansible's `--connection-password-file`
/// takes them.
enum PasswordFile {
    private static let limit = 4096

    /// The content without the line ends around it.
    ///
    /// Throws `CommandFailure`, in which no part of the content appears.
    static func read(_ path: String, option: String) async throws -> Secret {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            throw failure(option, path, "can't be read: \(text(of: errno))")
        }
        let isFile = status.st_mode & S_IFMT == S_IFREG
        guard status.st_mode & S_IFMT != S_IFDIR else {
            throw failure(option, path, "is a directory")
        }
        let secret: Secret
        if isFile, FileManager.default.isExecutableFile(atPath: path) {
            secret = try await output(of: path, option)
        } else {
            // A pipe, as the shell's <(...) makes one, has no readers to fear.
            if isFile, status.st_mode & (S_IRGRP | S_IROTH) != 0 {
                throw failure(
                    option, path, "may be read by other users", remedy: "chmod 600 it")
            }
            secret = try content(of: path, option)
        }
        guard !secret.isEmpty else { throw failure(option, path, "gives an empty password") }
        guard !secret.contains(0) else { throw failure(option, path, "has a zero byte in it") }
        return secret
    }

    private static func content(of path: String, _ option: String) throws -> Secret {
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw failure(option, path, "can't be read: \(text(of: errno))")
        }
        do {
            let data = try file.read(upToCount: limit + 1) ?? Data()
            try file.close()
            guard data.count <= limit else {
                throw failure(option, path, "is longer than \(limit) bytes")
            }
            return trimmed(Array(data))
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw failure(option, path, "can't be read: \(Failure.words(for: error))")
        }
    }

    private static func output(of program: String, _ option: String) async throws -> Secret {
        let outcome: ControllerTools.Outcome
        do {
            outcome = try await ControllerTools.capture(
                InputFiles.absolute(program), [], limit: .seconds(60), outputLimit: limit)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw failure(option, program, "is a program that can't be run")
        }
        guard outcome.status == 0 else {
            let how =
                outcome.status == -1
                ? "did not end within a minute" : "failed with status \(outcome.status)"
            let said = complaint(outcome.errors)
            throw failure(
                option, program, "is a program that " + how + (said.isEmpty ? "" : ": \(said)"),
                remedy: "run it by hand; if it is no program, take its execute permission away")
        }
        return trimmed(Array(outcome.output.utf8))
    }

    /// The end of what it said on standard error, on one line and without what a terminal would take
    /// for a command.
    private static func complaint(_ text: String) -> String {
        let lines = text.suffix(500).split(whereSeparator: \.isNewline).suffix(3)
        return lines.map { line in
            String(
                String.UnicodeScalarView(
                    line.unicodeScalars.filter { $0.properties.generalCategory != .control })
            ).trimmingCharacters(in: .whitespaces)
        }.joined(separator: " / ")
    }

    private static func trimmed(_ bytes: [UInt8]) -> Secret {
        func isEnd(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }
        let start = bytes.firstIndex { !isEnd($0) } ?? bytes.endIndex
        let end = bytes.lastIndex { !isEnd($0) }.map { $0 + 1 } ?? start
        return Secret(bytes[start..<end])
    }

    private static func text(of number: Int32) -> String {
        guard let text = unsafe strerror(number) else { return "error \(number)" }
        return unsafe String(cString: text)
    }

    private static func failure(
        _ option: String, _ path: String, _ what: String, remedy: String = "check the file"
    ) -> CommandFailure {
        CommandFailure(
            "password-file", "\(option): \(path) \(what)", remedy: remedy,
            status: ExitStatus.invalidInput)
    }
}
