import Foundation
import SluiceModel
import Testing

@testable import SluiceConfig

@Suite("Example playbooks")
struct PlaybookExamplesTests {
    static let directory = PlaybookReferenceTests.root.appending(path: "playbooks")

    static var files: [String] {
        get throws {
            try FileManager.default.contentsOfDirectory(atPath: directory.path())
                .filter { $0.hasSuffix(".yml") }.sorted()
        }
    }

    @Test("Each one is valid, without warnings, with the variables of the example inventories")
    func valid() throws {
        #expect(
            try Self.files == [
                "canary.yml", "feature_gateway.yml", "push_ahead.yml", "supervisord.yml",
                "systemd.yml",
            ])
        for file in try Self.files {
            let path = Self.directory.appending(path: file).path()
            let playbook = try Playbook.read(file: path)
            #expect(playbook.warnings == [], "\(file)")
            for play in playbook.plays {
                #expect(try play.hostPattern() == "gateway")
                for count in [2, 8] {
                    let hosts = PlaybookFixture.hosts(
                        count,
                        [
                            "app": "feature_gateway", "root": "/data/app/feature_gateway",
                            "service_port": 8080,
                        ])
                    var inputs = PlayInputs(hosts: hosts, groups: ["gateway": hosts.map(\.name)])
                    let source = try play.artifactSource(inputs)
                    #expect(source.hasSuffix("/build/feature_gateway.tar.gz"))
                    inputs.release = "20260131-abcdef"
                    let resolved = try play.resolve(inputs)
                    #expect(resolved.warnings == [], "\(file)")
                    #expect(resolved.play.hosts.count == count)
                    #expect(resolved.play.hosts[0].service.port == 8080)
                }
            }
        }
    }

    @Test(
        "Each one rolls over each example inventory",
        arguments: [("production/hosts.ini", 8), ("staging/hosts.yml", 2)])
    func inventories(path: String, count: Int) async throws {
        let source = PlaybookReferenceTests.root.appending(path: "inventories/\(path)").path()
        let inventory = try await InventoryReader().read([source]).inventory
        for file in try Self.files {
            let path = Self.directory.appending(path: file).path()
            for play in try Playbook.read(file: path).plays {
                let pattern = try HostPattern(play.hostPattern())
                let names = try inventory.hosts(matching: pattern).hosts
                var hosts: [PlayHost] = []
                for name in names {
                    let variables = inventory.variables(for: name)
                    let merged = play.mergedVariables(variables)
                    let settings = try ConnectionVariables.read(host: name, variables: merged) {
                        try TemplateRendering.render($0, over: merged)
                    }.settings
                    hosts.append(
                        PlayHost(
                            name: name, variables: variables,
                            connection: HostTarget(name: name, address: settings.address)))
                }
                let play = try play.resolve(PlayInputs(hosts: hosts, release: "r1")).play
                #expect(play.hosts.count == count)
                #expect(Set(play.hosts.map(\.service.name)) == ["feature_gateway"])
                let roots = Set(play.hosts.map(\.artifact.root))
                #expect(roots.contains("/data/app/feature_gateway"))
                #expect(roots.contains("/data1/app/feature_gateway") == (count == 8))
            }
        }
    }

    @Test("docs/playbook.md opens with a playbook that is valid")
    func documentation() throws {
        let text = try String(
            contentsOf: PlaybookReferenceTests.root.appending(path: "docs/playbook.md"),
            encoding: .utf8)
        let block = try #require(text.firstRange(of: "```yaml\n")).upperBound
        let end = try #require(text[block...].firstRange(of: "```")).lowerBound
        let playbook = try Playbook.read(String(text[block..<end]), file: "docs/playbook.md")
        #expect(playbook.plays.count == 1)
    }
}
