import ArgumentParser
import Foundation
import SluiceConfig
import SluiceEngine
import SluiceModel
import SluiceReporting

/// The exit statuses, for scripts and build servers; `docs/cli.md` lists them.
enum ExitStatus {
    static let failed: Int32 = 1
    static let needsAttention: Int32 = 2
    static let refused: Int32 = 3
    static let usage: Int32 = 64
    static let invalidInput: Int32 = 65
    /// Another rollout holds the lock.
    static let locked: Int32 = 75
    static let interrupted: Int32 = 130
    static let terminated: Int32 = 143
}

/// What was asked for can't be done, for a reason that the command line itself found.
struct CommandFailure: SluiceFailure {
    var codeName: String
    var message: String
    var remedy: String
    var cause: (any Error)?
    var status: Int32

    init(
        _ codeName: String, _ message: String, remedy: String, cause: (any Error)? = nil,
        status: Int32 = ExitStatus.refused
    ) {
        self.codeName = codeName
        self.message = message
        self.remedy = remedy
        self.cause = cause
        self.status = status
    }
}

enum Failure {
    /// Says what went wrong on standard error and ends the process with the documented status.
    static func exit(with error: any Error) -> Never {
        // What the argument parser throws itself, help among it, it says and numbers itself.
        if error is ExitCode || Sluice.exitCode(for: error) != .failure {
            Sluice.exit(withError: error)
        }
        Terminal.complain(text(of: error))
        Foundation.exit(status(of: error))
    }

    static func text(of error: any Error) -> String {
        FollowUp.current.completed(plainText(of: error))
    }

    private static func plainText(of error: any Error) -> String {
        switch error {
        case let failure as ConfigurationError:
            return failure.description
        case let failure as Planner.Refusal:
            return "sluice: refused before anything was touched\n"
                + SurveyReport.render(failure.problems, style: Terminal.errorStyle)
        case let failure as any SluiceFailure:
            return "sluice: \(failure.description)"
        default:
            return "sluice: \(words(for: error))\n"
                + "  remedy: if the message does not say what to do, report it as a defect of Sluice"
        }
    }

    /// Foundation's errors describe themselves to people in a property of their own.
    static func words(for error: any Error) -> String {
        error is CocoaError || error is POSIXError
            ? error.localizedDescription : "\(error)"
    }

    /// A rollout that has begun throws nothing but what is told apart here: an error of unknown
    /// kind came before anything was touched.
    static func status(of error: any Error) -> Int32 {
        switch error {
        case let failure as CommandFailure: failure.status
        case is ConfigurationError, is HostPatternError, is ReportingError: ExitStatus.invalidInput
        case is Driver.JournalLost: ExitStatus.needsAttention
        case is LeaseHeld, is LeaseLost, is Driver.TakenOver: ExitStatus.locked
        case let refusal as Planner.Refusal
        where refusal.problems.contains { $0.code == "host-locked" }:
            ExitStatus.locked
        default: ExitStatus.refused
        }
    }
}
