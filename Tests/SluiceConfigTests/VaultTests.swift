import Foundation
import SluiceModel
import Testing

@testable import SluiceConfig

/// An envelope with what ansible-core 2.19 read in it: see InventoryCases/vaults.py.
struct RecordedVault: Sendable, CustomTestStringConvertible {
    var name: String
    var envelope: String
    var vault: Vault
    /// Nil when Ansible refused.
    var plain: String?

    var testDescription: String { name }

    static let all: [RecordedVault] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("InventoryCases/vaults.jsonl")
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { RecordedVault(String($0)) }
    }()

    init?(_ line: String) {
        guard case .dict(let fields)? = try? Document.json(line, file: "case").value,
            case .list(let passwords)? = fields["passwords"]
        else { return nil }
        name = fields["name"]?.text ?? ""
        envelope = fields["envelope"]?.text ?? ""
        plain = fields["plain"] == .null ? nil : fields["plain"]?.text
        vault = Vault(
            passwords.compactMap { pair in
                guard case .list(let pair) = pair else { return nil }
                return VaultPassword(label: pair[0].text, Array(pair[1].text.utf8))
            })
    }
}

@Suite struct VaultTests {
    private static let password = "open sesame"
    private static let vault = Vault([VaultPassword(label: "default", Array(password.utf8))])

    /// An envelope of "text".
    private static let envelope = RecordedVault.all.first { $0.name == "rebuilt" }?.envelope ?? ""
    private static let labelled = RecordedVault.all.first { $0.name == "a label" }?.envelope ?? ""

    /// As a value of a YAML file, indented below its key.
    private static func inline(_ envelope: String, indent: Int = 2) -> String {
        "!vault |\n"
            + envelope.split(separator: "\n").map {
                String(repeating: " ", count: indent) + $0 + "\n"
            }
            .joined()
    }

    private static func sealedFile(_ text: String) throws -> String {
        try TestVault.envelope(text, password: password)
    }

    @Test(arguments: RecordedVault.all)
    func opensWhatAnsibleOpens(_ recorded: RecordedVault) {
        let place = SourceLocation(file: "f", line: 7, column: 3)
        let sealed = SealedValue(.envelope(recorded.envelope), at: place)
        do {
            #expect(try recorded.vault.open(sealed) == recorded.plain.map(Value.string))
        } catch {
            #expect(recorded.plain == nil, "\(error)")
            #expect(error.problems.map(\.location) == [place])
            // Not a digit of the text, and no password.
            let digits = recorded.envelope.split(separator: "\n").dropFirst().first.map(String.init)
            #expect(!error.description.contains(digits ?? Self.password))
            #expect(!error.description.contains(Self.password))
        }
    }

    @Test func allCasesAreThere() {
        #expect(RecordedVault.all.count >= 45)
        #expect(RecordedVault.all.count { $0.plain == nil } >= 15)
    }

    @Test func boundLabels() throws {
        let vault = Vault(
            [VaultPassword(label: "dev", Array(Self.password.utf8))], isLabelBinding: true)
        let error = #expect(throws: ConfigurationError.self) {
            try vault.open(SealedValue(.envelope(Self.labelled)))
        }
        #expect(error?.message.contains("vault id 'prod', for which no password") == true)
        #expect(error?.remedy.contains("--vault-id prod@FILE") == true)
    }

    @Test func whatWasNotOpenedIsNamed() {
        func message(_ envelope: String, _ vault: Vault) -> String {
            do {
                return try vault.open(SealedValue(.envelope(envelope))).text
            } catch {
                return error.message
            }
        }
        #expect(
            message(Self.labelled, Vault()).hasSuffix(
                "with the vault id 'prod', and no vault password was given"))
        #expect(
            message(Self.envelope, Vault()).hasSuffix("and no vault password was given"))
        let wrong = Vault([VaultPassword(label: "default", [1]), VaultPassword(label: "b", [2])])
        #expect(message(Self.envelope, wrong).hasSuffix("none of the 2 vault passwords opens it"))
        #expect(message(Self.labelled, wrong).contains("those given for 'default', 'b' do not"))
        #expect(
            message("$ANSIBLE_VAULT;1.1;AES256\n3", Self.vault).contains("odd number of digits"))
        #expect(message("$ANSIBLE_VAULT;1.0;AES\n3", Self.vault).contains("neither 1.1 nor 1.2"))
    }

    // MARK: Inventories

    @Test func valuesStaySealedInListings() async throws {
        let files = [
            "hosts.yml": "all: {hosts: {a: }}\n",
            "host_vars/a.yml": "k: \(Self.inline(Self.envelope))",
        ]
        try await InventoryFixture.with(files) { fixture in
            let inventory = try await fixture.read(["hosts.yml"], vault: Self.vault).inventory
            let listing = InventoryListing.list(inventory)
            #expect(listing.contains("\"__ansible_vault\": \"$ANSIBLE_VAULT;1.1;AES256\\n"))
            #expect(!listing.contains("text"))
        }
    }

    @Test func wholeFilesAreListedInPlainTextAndSecretAllTheSame() async throws {
        let files = [
            "hosts": try Self.sealedFile("[web]\na ansible_host=10.0.0.1 inline=one\n"),
            "group_vars/web.yml": try Self.sealedFile(
                "db: {password: hush}\nport: 80\nansible_password: '{{ db.password }}!'\n"),
        ]
        try await InventoryFixture.with(files) { fixture in
            let inventory = try await fixture.read(["hosts"], vault: Self.vault).inventory
            let listing = InventoryListing.list(inventory)
            #expect(listing.contains("\"password\": \"hush\""))
            #expect(listing.contains("\"inline\": \"one\""))
            let variables = inventory.variables(for: "a")
            #expect(!"\(variables) \(String(reflecting: variables))".contains("hush"))
            for template in [
                "{{ db.password }}", "{{ db }}", "p{{ port }}", "{{ inline | upper }}",
            ] {
                let error = #expect(throws: ConfigurationError.self, "\(template)") {
                    try TemplateRendering.render(template, over: variables)
                }
                #expect(error?.message.contains("is encrypted by ansible-vault") == true)
                #expect(error?.description.contains("hush") == false)
            }
            var plain = variables
            plain["ansible_host"] = nil
            let settings = try ConnectionVariables.read(
                host: "a", variables: plain, vault: Self.vault,
                render: { try TemplateRendering.render($0, over: plain) }
            ).settings
            #expect(try settings.password?.reveal() == "hush!")
            #expect("\(settings)".contains("<secret a.ansible_password>"))
            #expect(!"\(settings) \(String(reflecting: settings))".contains("hush"))
            var dumped = ""
            dump(settings, to: &dumped)
            #expect(!dumped.contains("hush"))
            // An address would be in the plan.
            #expect(throws: ConfigurationError.self) {
                try ConnectionVariables.read(
                    host: "a", variables: variables, vault: Self.vault,
                    render: { try TemplateRendering.render($0, over: variables) })
            }
        }
    }

    @Test func anEncryptedFileThatDoesNotOpenIsNamed() async throws {
        let files = [
            "hosts": "a\n", "group_vars/all.yml": try Self.sealedFile("k: v\n"),
            "sealed": try Self.sealedFile("a\n"),
        ]
        try await InventoryFixture.with(files) { fixture in
            let without = try await fixture.read(["hosts"])
            #expect(
                without.warnings.map(\.message) == [
                    "the file is encrypted by ansible-vault and no vault password was given; its "
                        + "variables are not read"
                ])
            #expect(
                without.inventory.host("a")?.sealedFiles == [fixture.path("group_vars/all.yml")])
            #expect(
                try await fixture.problems(["sealed"]) == [
                    "sealed:1:1: the file is encrypted by ansible-vault, and no vault password was "
                        + "given"
                ])
            let wrong = Vault([VaultPassword(label: "default", [1])])
            #expect(
                try await fixture.problems(["hosts"], vault: wrong) == [
                    "group_vars/all.yml:1:1: the file is encrypted by ansible-vault, and the vault "
                        + "password does not open it"
                ])
        }
    }

    @Test(
        "What is wrong with a decrypted text is told without a word of it",
        arguments: [
            ("group_vars/all.yml", "k: [hush\n", "group_vars/all.yml:2:1"),
            ("group_vars/all.yml", "k: !!int hush\n", "group_vars/all.yml:1:4"),
            ("group_vars/all.yml", "hush: 1\nhush: 2\n", "group_vars/all.yml:2:1"),
            ("group_vars/all.yml", "hush\n", "group_vars/all.yml:1:1"),
            ("hosts", "a hush\n", "hosts:1:3"), ("hosts", "[hush\n", "hosts:1:1"),
            ("hosts", "[web:hush]\n", "hosts:1:1"),
        ])
    func quotesNothing(_ name: String, _ text: String, _ place: String) async throws {
        var files = ["hosts": "a\n"]
        files[name] = try Self.sealedFile(text)
        try await InventoryFixture.with(files) { fixture in
            let problems = try await fixture.problems(["hosts"], vault: Self.vault)
            #expect(problems == ["\(place): what ansible-vault decrypted cannot be read here"])
        }
    }

    // MARK: Secrets

    @Test func secretsAreOpenedWhenTheyAreAskedFor() throws {
        let damaged = Value.vault("$ANSIBLE_VAULT;1.1;AES256\n3132")
        let variables: [String: Value] = [
            "ansible_password": .string("{{ sealed }}"), "sealed": damaged,
            "ansible_become_password": .vault(
                SealedValue(.envelope(Self.envelope), at: .init(file: "f", line: 1, column: 2))),
            "ansible_user": .string("me"),
        ]
        let settings = try ConnectionVariables.read(
            host: "h", variables: variables, vault: Self.vault,
            render: { try TemplateRendering.render($0, over: variables) }
        ).settings
        let error = #expect(throws: ConfigurationError.self) { try settings.password?.reveal() }
        #expect(
            error?.message.contains("h.ansible_password: the value looks as if encrypted") == true)
        #expect(try settings.becomePasswords[.doas]?.reveal() == "text")
        #expect(settings.becomePasswords[.doas]?.name == "h.ansible_become_password")
        #expect(settings.user == "me")
    }

    @Test(
        "A secret's template that fails says nothing of its values",
        arguments: ["{{ s.more }}", "{{ s | int }}", "{{ s[0] }}", "{{ list.x }}", "{{ s < 1 }}"])
    func failingSecrets(_ template: String) throws {
        let sealed = Value.vault(SealedValue(.opened(.string("hush"))))
        let secret = TemplateRendering.secret(
            "p", .string(template),
            over: ["s": sealed, "list": .vault(SealedValue(.opened(.list(["hush"]))))],
            vault: Vault())
        let error = #expect(throws: ConfigurationError.self) { try secret.reveal() }
        #expect(error?.description.contains("hush") == false)
    }

    @Test func whatWasEncryptedByItselfIsNoTemplate() throws {
        let sealed = try TestVault.envelope("{{ a }}", password: Self.password)
        let secret = TemplateRendering.secret(
            "p", .string("<{{ s }}>"),
            over: ["s": .vault(SealedValue(.envelope(sealed))), "a": .string("b")],
            vault: Self.vault)
        #expect(try secret.reveal() == "<{{ a }}>")
    }

    @Test(
        "No way from an encrypted value into a plan",
        arguments: [
            "{{ s }}", "x{{ s }}", "{{ s | default('x') }}", "{{ s | length }}", "{{ d.k }}",
            "{{ d }}", "{{ l[0] }}", "{{ l | join }}", "{{ 'a' if s else 'b' }}",
            "{{ 'a' if s == 'x' else 'b' }}", "{{ through }}", "{{ [s] | first }}",
            "{{ 'x' ~ s }}", "{{ d[s] }}", "{{ true | ternary(s, 1) }}", "{{ whole.k }}",
            "{{ whole }}", "{{ s is defined }}",
        ])
    func noWayOut(_ template: String) throws {
        let sealed = Value.vault("$ANSIBLE_VAULT;1.1;AES256\n31")
        let variables: [String: Value] = [
            "s": sealed, "d": .dict(["k": sealed]), "l": .list([sealed]), "through": "{{ s }}",
            "whole": .vault(SealedValue(.opened(.dict(["k": "hush"])))),
        ]
        let scope = TemplateVariables(
            layers: [.values(variables)])
        let failure = #expect(throws: TemplateFailure.self) { try scope.render(template) }
        #expect(failure?.message.contains("is encrypted by ansible-vault") == true)
        #expect(failure.map { "\($0)".contains("hush") } == false)
    }
}
