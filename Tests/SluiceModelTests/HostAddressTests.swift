import Testing

@testable import SluiceModel

@Suite("Names and addresses of hosts")
struct HostAddressTests {
    @Test(
        "What is a host, with its port",
        arguments: [
            ("web1", "web1", nil), ("web-1.example.net", "web-1.example.net", nil),
            ("a_b", "a_b", nil), ("_a", "_a", nil), ("10.0.0.1", "10.0.0.1", nil),
            ("10.0.0.999", "10.0.0.999", nil), ("A1", "A1", nil), ("b\u{FC}ro", "b\u{FC}ro", nil),
            ("web1:2222", "web1", 2222), ("10.0.0.1:22", "10.0.0.1", 22),
            ("2001:db8::1", "2001:db8::1", nil), ("[2001:db8::1]:22", "2001:db8::1", 22),
            ("web[01:20].net", "web[01:20].net", nil), ("web[a:c]:22", "web[a:c]", 22),
        ] as [(String, String, Int?)])
    func hosts(text: String, host: String, port: Int?) {
        let address = HostAddress(text)
        #expect(address?.host == host)
        #expect(address?.port == port)
    }

    @Test(
        "What is none",
        arguments: [
            "", ".", "a.", ".a", "a..b", "-a", "a-", "a-.b", "a.-b", "a_", "a_.b", "a b", "a/b",
            "a:x", "a@b", "[a", "a]", "web[1]", "2001:db8::1:", "b\u{FC}-",
        ])
    func none(_ text: String) {
        #expect(HostAddress(text) == nil)
    }

    @Test func addressesAreNoNames() {
        for text in ["10.0.0.1", "2001:db8::1", "fe80::1"] {
            #expect(HostAddress.isIPAddress(text))
        }
        for text in ["web1", "a.b.c.d", "10.0.0.256", "10.0.0", "fe80", "10.0.0.1-", ""] {
            #expect(!HostAddress.isIPAddress(text))
        }
    }
}
