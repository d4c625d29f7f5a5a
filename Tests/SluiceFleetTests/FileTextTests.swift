import Testing

@testable import SluiceFleet

@Suite struct FileTextTests {
    private let node = Node(
        number: 1, name: "node1", address: "127.77.3.1", sshPort: 2222, servicePort: 8080,
        directory: "/f/node1", root: "/f/node1/app", fleetDirectory: "/f")

    @Test func theBalancerProbesActivelyAndNeverRetries() {
        let balancer = HAProxy(
            address: "127.77.3.250", port: 8000,
            configuration: .init(
                mode: .http, interval: .milliseconds(1500), fall: 3, rise: 4,
                fastInterval: .milliseconds(250), downInterval: .seconds(5)),
            directory: "/f")
        let lines = balancer.text(for: [node]).split(separator: "\n").map { String($0).trimmed }
        #expect(lines.contains("retries 0"))
        #expect(lines.contains("no option redispatch"))
        #expect(lines.contains("option httpchk"))
        #expect(lines.contains("http-check expect status 200"))
        #expect(
            lines.contains(
                "default-server check inter 1500ms fall 3 rise 4 fastinter 250ms downinter 5000ms "
                    + "pool-purge-delay 500ms"))
        #expect(lines.contains("server node1 127.77.3.1:8080"))
        #expect(lines.contains("mode http"))
    }

    @Test func aTreeKeepsItsOrderAndTakesOverrides() {
        var tree = YAMLTree()
        tree["name"] = "x"
        tree["drain"] = "{ signal: USR2, wait: auto }"
        tree["service.port"] = "8080"
        tree["drain.wait"] = "0s"
        tree["service.address"] = "a"
        tree["service.port"] = nil
        tree["readmit"] = "0s"
        #expect(
            tree.list == """
                - name: x
                  drain:
                    signal: USR2
                    wait: 0s
                  service:
                    address: a
                  readmit: 0s

                """)
        #expect(tree["drain.wait"] == "0s")
        #expect(tree["service.port"] == nil)
    }
}
