import SluiceConfig
import SluiceModel

private let host = PlayHost(
    name: "a",
    variables: [
        "app": .string("x"), "root": .string("/data/{{ app }}"), "port": .int(80),
        "list": .list([.string("a"), .int(1)]), "map": .dict(["k": .string("{{ list[0] }}")]),
    ], connection: HostTarget(name: "a", address: "a"))

/// Any text as a playbook: the answer is a playbook, whose plays resolve or tell why not, or
/// problems.
func fuzz(_ bytes: [UInt8]) {
    guard let text = String(validating: bytes, as: UTF8.self) else { return }
    do {
        for play in try Playbook.read(text, file: "p.yml").plays {
            _ = try play.resolve(PlayInputs(hosts: [host], release: "r"))
        }
    } catch {
        precondition(error.problems.allSatisfy { !$0.remedy.isEmpty })
    }
}
