import Foundation
import SluiceConfig
import SluiceEngine
import SluiceModel
import SluiceSimulation

/// A plan as a deploy would make it, for hosts that nobody has looked at: each is taken to run
/// another release, and to run it well.
struct SimulatedPlan {
    let loader: FleetLoader

    /// How large an artifact is taken to be that is not there.
    private static let usualBytes = 50 << 20

    /// - Throws: `ConfigurationError`, and `Planner.Refusal` for a play that no fleet could run.
    func make(of template: PlayTemplate) async throws -> Plan {
        var (inputs, warnings) = try await loader.inputs(for: template)
        let release = try artifact(of: template, inputs)
        inputs.release = release.id
        let resolved = try template.resolve(inputs)
        warnings += resolved.warnings
        return try Simulation.surveyed(
            .init(
                play: resolved.play, release: release, createdAt: Timestamp(milliseconds: 0),
                warnings: warnings.map(\.description)))
    }

    private func artifact(
        of template: PlayTemplate, _ inputs: PlayInputs
    ) throws -> ReleaseArtifact {
        let source = InputFiles.absolute(try template.artifactSource(inputs))
        // Only the size matters. Where it can't be told, because there is nothing yet or because
        // it is a directory, a usual one does.
        let attributes = try? FileManager.default.attributesOfItem(atPath: source)
        let isFile = attributes?[.type] as? FileAttributeType == .typeRegular
        let bytes = isFile ? (attributes?[.size] as? Int) : nil
        return ReleaseArtifact(
            id: loader.options.release ?? "next", source: source,
            fileName: (source as NSString).lastPathComponent, form: .tarGzip,
            sha256: String(repeating: "1", count: 64), bytes: bytes ?? Self.usualBytes)
    }
}
