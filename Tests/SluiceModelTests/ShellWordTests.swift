import SluiceModel
import Testing

@Suite struct ShellWordTests {
    @Test(arguments: [
        ("", "''", "''"), ("/a/b-c_d.e:f@g+h,i", "/a/b-c_d.e:f@g+h,i", "/a/b-c_d.e:f@g+h,i"),
        ("a=b", "'a=b'", "a=b"), ("50%", "'50%'", "50%"), ("a b", "'a b'", "'a b'"),
        ("$x", "'$x'", "'$x'"), ("~", "'~'", "'~'"), ("é", "'é'", "'é'"),
        ("it's", "'it'\\''s'", "'it'\"'\"'s'"),
        // One character, and two for a shell.
        ("'\u{301}", "''\\''\u{301}'", "''\"'\"'\u{301}'"),
    ])
    func quoted(_ word: String, _ own: String, _ python: String) {
        #expect(Array(ShellWord.quoted(word).utf8) == Array(own.utf8))
        #expect(Array(ShellWord.pythonQuoted(word).utf8) == Array(python.utf8))
    }
}
