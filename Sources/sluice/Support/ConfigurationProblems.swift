import SluiceModel

extension ConfigurationError {
    /// Throws what several steps, of which none needs another, found wrong: all of it at once.
    ///
    /// - Parameter failures: `nil` for a step that went well. One of another kind than
    ///   `ConfigurationError` is thrown as it is.
    static func throwAll(_ failures: [(any Error)?]) throws {
        var problems: [ConfigurationProblem] = []
        for failure in failures.compactMap(\.self) {
            guard let error = failure as? ConfigurationError else { throw failure }
            problems += error.problems
        }
        if let error = ConfigurationError(problems) { throw error }
    }
}

extension Result {
    var failure: Failure? {
        if case .failure(let failure) = self { failure } else { nil }
    }
}
