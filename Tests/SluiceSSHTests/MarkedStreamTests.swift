import Testing

@testable import SluiceSSH

@Suite struct MarkedStreamTests {
    /// However the bytes are cut, the output is what stood between the marks.
    @Test(arguments: [1, 2, 3, 7, 1000])
    func anyCut(size: Int) {
        var stream = MarkedStream(nonce: "N", limit: 100)
        let bytes = Array("login noise\nNx\n\nNb 12 99\nline\n\nN no mark\n\nNe 3\nlater".utf8)
        for start in stride(from: 0, to: bytes.count, by: size) where !stream.isDone {
            stream.feed(bytes[start..<min(start + size, bytes.count)])
        }
        #expect(stream.isDone)
        #expect(stream.beginWords == ["12", "99"])
        #expect(stream.endWords == ["3"])
        #expect(String(decoding: stream.body, as: UTF8.self) == "line\n\nN no mark\n")
        #expect(!stream.isTruncated)
    }

    @Test func limit() {
        var stream = MarkedStream(nonce: "N", limit: 10)
        stream.feed(Array("\nNb\n".utf8))
        for _ in 0..<1000 { stream.feed(Array("0123456".utf8)) }
        stream.feed(Array("\nNe 0\n".utf8))
        #expect(stream.isDone)
        #expect(String(decoding: stream.body, as: UTF8.self) == "0123456012")
        #expect(stream.isTruncated)
    }

    /// What was held back as the possible start of a mark is output if nothing follows it.
    @Test func cutShort() {
        var stream = MarkedStream(nonce: "N", limit: 10)
        stream.feed(Array("\nNb\npart\nN".utf8))
        stream.finish()
        #expect(!stream.isDone)
        #expect(String(decoding: stream.body, as: UTF8.self) == "part\nN")
    }
}
