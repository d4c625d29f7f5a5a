import SluiceModel
import Testing

@testable import SluiceConfig

@Suite("Templates")
struct TemplateTests {
    private func variables(_ values: [String: Value]) -> TemplateVariables {
        TemplateVariables(layers: [.values(values)])
    }

    private static let fleet: [String: Value] = [
        "app": "feature_gateway", "root": "/data/{{ app }}", "port": 8080, "on": true,
        "hosts": .list(["a", "b", "c"]), "none": .null, "ratio": .double(1.5),
        "db": .dict(["port": 5432, "name-x": "y", "deep": .dict(["k": "{{ app }}"])]),
        "groups": .dict(["gw": .list(["a", "b"])]), "which": "gw", "empty": "",
        "secret": .vault("$ANSIBLE_VAULT"), "keys": .dict(["a": 1, "b": .vault("$")]),
        "words": "yes", "spaced": "a b's",
    ]

    @Test(
        "Expressions",
        arguments: [
            ("{{ app }}", "feature_gateway"), ("{{app}}", "feature_gateway"),
            ("{{ root }}/run", "/data/feature_gateway/run"),
            ("{{ port }}", 8080), ("p{{ port }}", "p8080"), ("{{ on }}", true),
            ("{{ ratio }}", .double(1.5)), ("{{ none }}", .null), ("x{{ on }}", "xTrue"),
            ("{{ hosts[0] }}", "a"), ("{{ hosts[-1] }}", "c"), ("{{ hosts.1 }}", "b"),
            ("{{ hosts }}", .list(["a", "b", "c"])), ("{{ db.port }}", 5432), ("{{ keys.a }}", 1),
            ("{{ db['name-x'] }}", "y"), ("{{ db.deep.k }}", "feature_gateway"),
            ("{{ db.deep }}", .dict(["k": "feature_gateway"])),
            ("{{ groups[which][1] }}", "b"), ("{{ 'lit' }}", "lit"), ("{{ '{{' }}x}}", "{{x}}"),
            ("{{ '}}' }}", "}}"), ("{{ 3 }}", 3), ("{{ -3 }}", -3),
            // Filters
            ("{{ missing | default('d') }}", "d"), ("{{ missing.a.b | default(5) }}", 5),
            ("{{ app | default('d') }}", "feature_gateway"), ("{{ empty | default('d') }}", ""),
            ("{{ empty | default('d', true) }}", "d"),
            ("{{ missing | default(app) }}", "feature_gateway"),
            ("{{ missing|default:\"d\" }}", "d"), ("{{ none | default('d') }}", .null),
            ("{{ app | upper }}", "FEATURE_GATEWAY"), ("{{ 'AB' | lower }}", "ab"),
            ("{{ app | replace('_', '-') | upper }}", "FEATURE-GATEWAY"),
            ("{{ app|replace:'_','-' }}", "feature-gateway"),
            ("{{ hosts | join(', ') }}", "a, b, c"), ("{{ hosts | join }}", "abc"),
            ("{{ hosts | join('|') }}", "a|b|c"), ("{{ hosts | join(':') }}", "a:b:c"),
            ("{{ hosts | first }}", "a"), ("{{ hosts | last }}", "c"), ("{{ hosts | length }}", 3),
            ("{{ '12' | int }}", 12), ("{{ 'x' | int(7) }}", 7), ("{{ words | bool }}", true),
            ("{{ 'no' | bool }}", false), ("{{ spaced | quote }}", "'a b'\"'\"'s'"),
            ("{{ app | quote }}", "feature_gateway"), ("{{ '' | quote }}", "''"),
            ("{{ groups.gw | length }}", 2),
            // What is not ours
            ("${#app} {% x %} {# y #} }}", "${#app} {% x %} {# y #} }}"),
            ("a{{ app }}${#v}{%", "afeature_gateway${#v}{%"),
        ] as [(String, Value)])
    func expressions(text: String, expected: Value) throws {
        #expect(try variables(Self.fleet).render(text) == expected)
    }

    @Test(
        "Failures name what is wrong and the nearest right name",
        arguments: [
            ("{{ ap }}", "undefined variable 'ap'", "did you mean 'app'"),
            ("{{ zzzzz }}", "undefined variable 'zzzzz'", "-e zzzzz="),
            ("{{ db.prt }}", "'db' has no 'prt'", "did you mean 'port'"),
            ("{{ hosts[3] }}", "'hosts' has 3 items, none at 3", "count from 0"),
            ("{{ app.x }}", "'app' is 'feature_gateway'", "as it is"),
            ("{{ missing | upper }}", "undefined variable 'missing'", "default"),
            ("{{ app | int }}", "needs a number", "variable"),
            ("{{ port | join(',') }}", "needs a list", "variable"),
            ("{{ port | length }}", "needs a text or a list", "variable"),
            ("{{ secret }}", "'secret' is encrypted", "read it when it runs"),
            ("{{ keys.b }}", "'keys.b' is encrypted", "read it when it runs"),
            ("{{ keys }}", "'keys' is encrypted", "read it when it runs"),
            ("{{ groups.gw | frist }}", "unknown filter 'frist'", "did you mean 'first'"),
        ])
    func failures(text: String, message: String, remedy: String) throws {
        let failure = #expect(throws: TemplateFailure.self) {
            try variables(Self.fleet).render(text)
        }
        #expect(failure?.message.contains(message) == true, "\(failure as Any)")
        #expect(failure?.remedy.contains(remedy) == true, "\(failure as Any)")
    }

    @Test("Variables that need each other are told with their chain")
    func cycle() {
        let failure = #expect(throws: TemplateFailure.self) {
            try variables(["a": "{{ b }}", "b": "x{{ c.d }}", "c": .dict(["d": "{{ a }}"])])
                .render("{{ a }}")
        }
        #expect(failure?.message.contains("a -> b -> c -> a") == true, "\(failure as Any)")
    }

    @Test("A mistake inside a variable names it, and an unused one stops nobody")
    func insideVariable() throws {
        let scope = variables(["root": "/{{ ap }}", "other": "{{ app | nope }}", "app": "x"])
        let failure = #expect(throws: TemplateFailure.self) { try scope.render("{{ root }}") }
        #expect(failure?.message == "undefined variable 'ap', in the variable 'root'")
        #expect(try scope.render("{{ app }}") == "x")
    }

    @Test("What an expression gives is not read again as a template")
    func noSecondReading() throws {
        let scope = variables(["braces": "{{ '{{' }} app }}", "app": "x"])
        #expect(try scope.render("{{ braces }}") == "{{ app }}")
    }
}

/// So that tables of templates can be read; `v("x")` would hide them.
extension Value: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByBooleanLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int) { self = .int(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}
