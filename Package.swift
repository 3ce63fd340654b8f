// swift-tools-version: 6.2
import PackageDescription

/// `scripts/fuzz` sets it: our targets are instrumented, and the fuzzer is among them.
let isFuzzing = Context.environment["METERKEEP_FUZZ"] != nil

/// Every target of this package: Swift 6 mode, and a warning is an error.
let strict: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .treatAllWarnings(as: .error),
    ] + (isFuzzing ? [.unsafeFlags(["-sanitize=fuzzer,address"])] : [])

extension Target.Dependency {
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let asyncHTTPClient = product(name: "AsyncHTTPClient", package: "async-http-client")
    static let crypto = product(name: "Crypto", package: "swift-crypto")
    static let grdb = product(name: "GRDB", package: "GRDB.swift")
    static let grdbSQLite = product(name: "GRDBSQLite", package: "GRDB.swift")
    static let hummingbird = product(name: "Hummingbird", package: "hummingbird")
    static let hummingbirdCore = product(name: "HummingbirdCore", package: "hummingbird")
    static let hummingbirdTLS = product(name: "HummingbirdTLS", package: "hummingbird")
    static let logging = product(name: "Logging", package: "swift-log")
    static let nioCore = product(name: "NIOCore", package: "swift-nio")
    static let httpTypes = product(name: "HTTPTypes", package: "swift-http-types")
    static let nioHTTP1 = product(name: "NIOHTTP1", package: "swift-nio")
    static let nioPosix = product(name: "NIOPosix", package: "swift-nio")
    static let nioSSL = product(name: "NIOSSL", package: "swift-nio-ssl")
    static let nioTLS = product(name: "NIOTLS", package: "swift-nio")
    static let serviceLifecycle = product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
    static let swiftASN1 = product(name: "SwiftASN1", package: "swift-asn1")
    static let unixSignals = product(name: "UnixSignals", package: "swift-service-lifecycle")
    static let x509 = product(name: "X509", package: "swift-certificates")
    static let yams = product(name: "Yams", package: "Yams")
}

/// The layers, from the inside out. A target may import only what is listed here;
/// `Tests/LayeringTests` and `--explicit-target-dependency-import-check error` hold it to that.
let core: [Target] = [
    .target(name: "Metering", swiftSettings: strict),
    .target(name: "ConfigurationReader", dependencies: [.yams], swiftSettings: strict),
    .target(name: "MeterProfiles", dependencies: ["ConfigurationReader", "Metering"], swiftSettings: strict),
    .target(name: "BusSurvey", dependencies: ["MeterProfiles", "Metering"], swiftSettings: strict),
    .target(name: "Prepaid", dependencies: ["Metering"], swiftSettings: strict),
    .target(name: "BoardRules", dependencies: ["Metering"], swiftSettings: strict),
    .target(
        name: "UplinkProtocol", dependencies: ["Metering", "Prepaid", .crypto], swiftSettings: strict),
    .target(
        name: "Commissioning",
        dependencies: ["BusSurvey", "ConfigurationReader", "MeterProfiles", "Metering", "Prepaid"],
        swiftSettings: strict),
]

let edge: [Target] = [
    .target(name: "CLinux"),
    .target(name: "Failpoints", swiftSettings: strict),
    .systemLibrary(name: "CModbus", providers: [.apt(["libmodbus-dev"])]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "Compression", dependencies: ["CZlib"], swiftSettings: strict),
    .target(name: "Threading", dependencies: ["CLinux"], swiftSettings: strict),
    .target(
        name: "FieldBus", dependencies: ["CLinux", "CModbus", "MeterProfiles", "Metering", "Threading"],
        swiftSettings: strict),
    .target(
        name: "GatewayIdentity", dependencies: ["Metering", "UplinkProtocol", .crypto, .swiftASN1, .x509],
        swiftSettings: strict),
    .target(name: "CGpiod", linkerSettings: [.linkedLibrary("gpiod")]),
    .target(name: "Board", dependencies: ["BoardRules", "CGpiod", "CLinux", "Metering"], swiftSettings: strict),
    .target(
        name: "Storage",
        dependencies: ["CLinux", "CZlib", "Failpoints", "Metering", "Prepaid", "UplinkProtocol", .grdb, .grdbSQLite],
        swiftSettings: strict),
    .systemLibrary(name: "CMosquitto", providers: [.apt(["libmosquitto-dev"])]),
    .target(name: "UplinkMQTT", dependencies: ["CMosquitto"], swiftSettings: strict),
    .target(
        name: "UplinkPull",
        dependencies: [
            "Metering", "UplinkProtocol", .httpTypes, .hummingbird, .hummingbirdCore, .hummingbirdTLS, .logging,
            .nioCore, .nioSSL, .nioTLS,
            .serviceLifecycle,
        ], swiftSettings: strict),
    .target(
        name: "UplinkHTTP",
        dependencies: ["Compression", "Metering", "UplinkProtocol", .asyncHTTPClient, .nioCore, .nioHTTP1, .nioSSL],
        swiftSettings: strict),
]

let shell: [Target] = [
    .target(
        name: "Concentrator",
        dependencies: [
            "Board", "BoardRules", "BusSurvey", "Commissioning", "ConfigurationReader", "Failpoints", "FieldBus",
            "GatewayIdentity", "MeterProfiles", "Metering", "Prepaid", "Storage", "Threading", "UplinkHTTP",
            "UplinkMQTT", "UplinkProtocol", "UplinkPull", .logging,
        ], swiftSettings: strict),
    .target(
        name: "Console",
        dependencies: [
            "BusSurvey", "Concentrator", "ConfigurationReader", "FieldBus", "MeterProfiles", "Metering", "Prepaid",
            "Storage", "UplinkProtocol", .asyncHTTPClient, .httpTypes, .hummingbird, .logging, .nioCore, .nioHTTP1,
            .serviceLifecycle,
        ], swiftSettings: strict),
]

let workbench: [Target] = [
    .target(name: "CDiskRecorder", linkerSettings: [.linkedLibrary("sqlite3")]),
    .target(
        name: "ReferencePlatform",
        dependencies: [
            "Compression", "Metering", "Prepaid", "UplinkProtocol", .crypto, .grdb, .httpTypes, .hummingbird,
            .hummingbirdTLS,
            .logging, .nioCore,
            .nioSSL, .serviceLifecycle, .swiftASN1, .x509,
        ], swiftSettings: strict),
    .target(name: "SampleLoad", dependencies: ["Metering", .grdb], swiftSettings: strict),
    .target(
        name: "MeterSimulation", dependencies: ["CLinux", "ConfigurationReader", "MeterProfiles", "Metering"],
        swiftSettings: strict),
]

let programs: [Target] = [
    .executableTarget(
        name: "upstream-bench",
        dependencies: [
            "Compression", "Metering", "ReferencePlatform", "SampleLoad", "Storage", "UplinkProtocol", .argumentParser,
            .asyncHTTPClient, .hummingbird, .hummingbirdTLS, .logging, .nioCore, .nioHTTP1, .nioSSL,
        ], swiftSettings: strict),
    .executableTarget(
        name: "meterkeep-torture",
        dependencies: [
            "CDiskRecorder", "Compression", "Failpoints", "Metering", "Prepaid", "SampleLoad", "Storage",
            "UplinkProtocol", .argumentParser,
        ], swiftSettings: strict),
    .executableTarget(
        name: "meterkeep",
        dependencies: [
            "Board", "BusSurvey", "Commissioning", "Concentrator", "ConfigurationReader", "Console", "FieldBus",
            "GatewayIdentity", "MeterProfiles", "Metering", "Prepaid", "Storage",
            "UplinkHTTP", "UplinkMQTT", "UplinkPull", "UplinkProtocol", .argumentParser, .hummingbird, .logging,
            .serviceLifecycle,
            .unixSignals,
        ], swiftSettings: strict),
    .executableTarget(
        name: "meterkeep-platform",
        dependencies: [
            "Metering", "ReferencePlatform", "UplinkProtocol", .argumentParser, .asyncHTTPClient, .hummingbird,
            .nioCore, .nioHTTP1, .nioSSL,
            .logging,
            .serviceLifecycle,
            .unixSignals,
        ], swiftSettings: strict),
    .executableTarget(
        name: "busbench",
        dependencies: [
            "Board", "Concentrator", "FieldBus", "MeterProfiles", "MeterSimulation", "Metering", "Prepaid",
            .argumentParser, .logging,
        ], swiftSettings: strict),
    // A program in C, which does not link what a module map names.
    .executableTarget(
        name: "libmodbus-loop", dependencies: ["CModbus"], linkerSettings: [.linkedLibrary("modbus")]),
    .executableTarget(
        name: "metersim",
        dependencies: ["ConfigurationReader", "MeterProfiles", "MeterSimulation", .argumentParser],
        swiftSettings: strict),
    // For scripts/test-gpio: the lines of a simulated chip, and systemd's part in keeping them.
    .executableTarget(name: "gpio-check", dependencies: ["Board", "BoardRules", "Metering"], swiftSettings: strict),
    .executableTarget(name: "fd-store"),
    .executableTarget(
        name: "prepaid-bench", dependencies: ["Metering", "Prepaid", .argumentParser], swiftSettings: strict),
    .executableTarget(
        name: "ledger-growth", dependencies: ["Metering", "Prepaid", "Storage", "UplinkProtocol"], swiftSettings: strict
    ),
    .executableTarget(
        name: "prepaid-trace", dependencies: ["Metering", "Prepaid", "TimeZoneFixtures"], swiftSettings: strict),
]

let fuzzer: [Target] = [
    .systemLibrary(name: "CFuzzer"),
    .executableTarget(
        name: "fuzz-readers", dependencies: ["CFuzzer", "ReaderChecks"], swiftSettings: strict,
        // The linker that is usual here, gold, fails over instrumented code.
        linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])]),
]

let tests: [Target] = [
    .target(name: "FreePort", path: "Tests/FreePort", swiftSettings: strict),
    // What must hold of everything that reads bytes from outside; for the tests and the fuzzer.
    .target(
        name: "ReaderChecks",
        dependencies: [
            "Concentrator", "ConfigurationReader", "FieldBus", "MeterProfiles", "Metering", "Storage",
            "UplinkProtocol",
        ], path: "Tests/ReaderChecks", swiftSettings: strict),
    .testTarget(name: "HostileInputTests", dependencies: ["ReaderChecks"], swiftSettings: strict),
    .testTarget(
        name: "ConcentratorTests",
        dependencies: [
            "Board", "BoardRules", "BusSurvey", "Commissioning", "Concentrator", "ConfigurationReader", "FieldBus",
            "MeterProfiles", "MeterSimulation", "Metering", "Prepaid", "Storage", "UplinkHTTP", "UplinkProtocol",
            .logging,
        ],
        swiftSettings: strict),
    .testTarget(
        name: "StorageTests",
        dependencies: ["SampleLoad", "Storage", "Metering", "Prepaid", "UplinkProtocol", .grdb],
        swiftSettings: strict),
    .testTarget(
        name: "UplinkProtocolTests", dependencies: ["UplinkProtocol", "Metering", "Prepaid"], swiftSettings: strict),
    .testTarget(
        name: "FieldBusTests", dependencies: ["CLinux", "FieldBus", "MeterProfiles", "MeterSimulation", "Metering"],
        swiftSettings: strict),
    .testTarget(
        name: "MeterSimulationTests", dependencies: ["ConfigurationReader", "MeterProfiles", "MeterSimulation"],
        swiftSettings: strict),
    // Runs the programs that `swift build` puts beside the test bundle.
    .testTarget(
        name: "BlackBoxTests", dependencies: ["FreePort", "UplinkProtocol"], exclude: ["Fixtures"],
        swiftSettings: strict),
    .testTarget(
        name: "ReferencePlatformTests", dependencies: ["ReferencePlatform", "Metering", "Prepaid", "UplinkProtocol"],
        swiftSettings: strict),
    .testTarget(
        name: "UplinkHTTPTests",
        dependencies: [
            "Compression", "FreePort", "GatewayIdentity", "ReferencePlatform", "UplinkHTTP", "Metering", "Prepaid",
            "UplinkProtocol", .asyncHTTPClient,
            .httpTypes, .hummingbird,
            .hummingbirdTLS, .logging, .nioCore, .nioSSL, .serviceLifecycle, .swiftASN1, .x509, .crypto,
        ], swiftSettings: strict),
    .testTarget(
        name: "ConsoleTests", dependencies: ["Console", "Metering", "Prepaid", "UplinkProtocol"], swiftSettings: strict),
    .testTarget(
        name: "UplinkPullTests",
        dependencies: [
            "ReferencePlatform", "UplinkPull", "Metering", "Prepaid", "UplinkProtocol", .asyncHTTPClient, .httpTypes,
            .hummingbird, .logging, .nioCore, .nioHTTP1, .nioPosix, .nioSSL, .serviceLifecycle, .yams,
        ], swiftSettings: strict),
    .testTarget(
        name: "UplinkMQTTTests", dependencies: ["FreePort", "ReferencePlatform", "UplinkMQTT"], swiftSettings: strict),
    .testTarget(name: "CompressionTests", dependencies: ["Compression"], swiftSettings: strict),
    .testTarget(name: "LayeringTests", swiftSettings: strict),
    .testTarget(name: "BoardTests", dependencies: ["Board", "BoardRules", "Metering"], swiftSettings: strict),
    .testTarget(name: "BoardRulesTests", dependencies: ["BoardRules", "Metering"], swiftSettings: strict),
    .testTarget(
        name: "MeterProfilesTests", dependencies: ["ConfigurationReader", "MeterProfiles", "Metering"],
        swiftSettings: strict),
    .testTarget(
        name: "BusSurveyTests", dependencies: ["BusSurvey", "MeterProfiles", "Metering"], swiftSettings: strict),
    .testTarget(
        name: "CommissioningTests",
        dependencies: ["BusSurvey", "Commissioning", "ConfigurationReader", "MeterProfiles", "Metering", "Prepaid"],
        swiftSettings: strict),
    .testTarget(name: "MeteringTests", dependencies: ["Metering", "TimeZoneFixtures"], swiftSettings: strict),
    .testTarget(
        name: "PrepaidTests", dependencies: ["Prepaid", "Metering", "TimeZoneFixtures"],
        exclude: ["Fixtures", "Scenarios", "Tables"],
        swiftSettings: strict),
    .target(
        name: "TimeZoneFixtures", dependencies: ["Metering"], path: "Tests/TimeZoneFixtures", swiftSettings: strict),
]

let package = Package(
    name: "meterkeep",
    products: [
        .executable(name: "meterkeep", targets: ["meterkeep"]),
        .executable(name: "meterkeep-torture", targets: ["meterkeep-torture"]),
        .executable(name: "meterkeep-platform", targets: ["meterkeep-platform"]),
        .executable(name: "metersim", targets: ["metersim"]),
        .executable(name: "prepaid-trace", targets: ["prepaid-trace"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-asn1.git", from: "1.7.0"),
        .package(url: "https://github.com/apple/swift-certificates.git", from: "1.21.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.0"),
        .package(url: "https://github.com/apple/swift-http-types.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl.git", from: "2.37.0"),
        .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird.git", from: "2.28.0", traits: []),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.0"),
        .package(url: "https://github.com/swift-server/async-http-client.git", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
    ],
    targets: core + edge + shell + workbench + programs + tests + (isFuzzing ? fuzzer : []),
    swiftLanguageModes: [.v6]
)
