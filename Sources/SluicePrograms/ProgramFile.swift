/// A program that is written and then run.
package struct ProgramFile: Sendable {
    package let path: String

    /// Writes a program, with mode 755. A shell does it: a file that this process had open could not
    /// be run for the moment in which a child that is started meanwhile still has it open, too.
    ///
    /// - Throws: ``Unwritable``, also when the file is there.
    @discardableResult
    package static func write(_ text: String, to path: String) async throws -> ProgramFile {
        let result = try await Program(
            "/bin/sh", ["-c", "set -C; cat >\"$1\" && chmod 755 \"$1\"", "sh", path], input: text,
            limit: .seconds(600)
        ).run()
        guard result.number == 0 else { throw Unwritable(path: path, words: result.errors) }
        return ProgramFile(path: path)
    }

    package struct Unwritable: Error {
        package var path: String
        package var words: String
    }
}
