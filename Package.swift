// swift-tools-version: 6.3
import PackageDescription

// One list of flags for every target: strict concurrency, no implicit imports, and no warnings.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "sluice",
    products: [
        .executable(name: "sluice", targets: ["sluice"]),
        .executable(name: "sluice-demo", targets: ["sluice-demo"]),
        .executable(name: "pingd", targets: ["pingd"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.11.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        // Level 0: values, and C libraries.
        .target(name: "SluiceModel"),
        .systemLibrary(
            name: "CLibSSH2", pkgConfig: "libssh2", providers: [.apt(["libssh2-1-dev"])]),
        .systemLibrary(
            name: "CLibYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),

        // Level 1: pure, on the model alone.
        .target(
            name: "SluiceConfig",
            dependencies: [
                "SluiceModel", "CLibYAML",
                // ansible-vault: HMAC is in the first, PBKDF2 and AES in counter mode in the second.
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
            ]),
        .target(
            name: "SluiceSSHConfig",
            // The hash of a connection that `%C` stands for.
            dependencies: ["SluiceModel", .product(name: "Crypto", package: "swift-crypto")]),
        .target(name: "SluiceEngine", dependencies: ["SluiceModel"]),
        .target(name: "SluiceReporting", dependencies: ["SluiceModel"]),

        .target(
            name: "SluicePrograms",
            dependencies: [
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]),

        // Level 2: one kind of input and output each.
        .target(
            name: "SluiceSSH",
            dependencies: [
                "SluiceModel", "SluiceEngine", "CLibSSH2",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .target(
            name: "SluiceJournal",
            dependencies: [
                "SluiceModel", "SluiceEngine", .product(name: "GRDB", package: "GRDB.swift"),
            ]),
        .target(name: "SluiceHTTP", dependencies: ["SluiceModel"]),
        .target(name: "SluiceSimulation", dependencies: ["SluiceModel", "SluiceEngine"]),

        // Level 3: what is run.
        .target(
            name: "SluiceFleet",
            dependencies: [
                "SluicePrograms",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "Subprocess", package: "swift-subprocess"),
            ]),
        .executableTarget(
            name: "sluice",
            dependencies: [
                "SluiceModel", "SluiceConfig", "SluiceSSHConfig", "SluiceEngine",
                "SluiceReporting", "SluiceSSH", "SluiceJournal", "SluiceHTTP", "SluicePrograms",
                "SluiceSimulation",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .executableTarget(
            name: "sluice-demo",
            dependencies: [
                "SluiceFleet", "SluicePrograms",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(
            name: "pingd",
            dependencies: [
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),

        .testTarget(name: "SluiceModelTests", dependencies: ["SluiceModel"]),
        .testTarget(
            name: "SluiceConfigTests",
            dependencies: [
                "SluiceModel", "SluiceConfig", "SluicePrograms",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
            ],
            exclude: ["InventoryCases"]),
        .testTarget(
            name: "SluiceSSHConfigTests",
            dependencies: ["SluiceModel", "SluiceSSHConfig", "SluicePrograms"],
            exclude: ["Cases"]),
        .testTarget(
            name: "SluiceEngineTests",
            dependencies: ["SluiceModel", "SluiceEngine", "SluicePrograms"],
            exclude: ["Golden"]),
        .testTarget(
            name: "SluiceReportingTests", dependencies: ["SluiceModel", "SluiceReporting"],
            exclude: ["Golden"]),
        .testTarget(name: "SluiceProgramsTests", dependencies: ["SluicePrograms"]),
        .testTarget(
            name: "SluiceSSHTests",
            dependencies: ["SluiceModel", "SluiceEngine", "SluicePrograms", "SluiceSSH"]),
        .testTarget(
            name: "SluiceJournalTests",
            dependencies: [
                "SluiceModel", "SluiceEngine", "SluiceJournal",
                .product(name: "GRDB", package: "GRDB.swift"),
                // To count the steps of its machine.
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ]),
        .testTarget(name: "SluiceHTTPTests", dependencies: ["SluiceModel", "SluiceHTTP"]),
        .testTarget(
            name: "SluiceSimulationTests",
            dependencies: ["SluiceModel", "SluiceEngine", "SluiceSimulation"]),
        .testTarget(
            name: "SluiceFleetTests",
            dependencies: [
                "SluiceFleet", "SluicePrograms",
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ]),
        .testTarget(
            name: "SystemTests",
            dependencies: [
                "SluiceFleet", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system {
    target.swiftSettings = (target.swiftSettings ?? []) + settings
}
