// swift-tools-version: 6.2
import PackageDescription

/// Every target of this package: Swift 6 mode, and a warning is an error.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

extension Target.Dependency {
    static let argumentParser = product(name: "ArgumentParser", package: "swift-argument-parser")
    static let crypto = product(name: "Crypto", package: "swift-crypto")
    static let grdb = product(name: "GRDB", package: "GRDB.swift")
    static let yams = product(name: "Yams", package: "Yams")
}

/// The layers, from the inside out. A target may import only what is listed here;
/// `Tests/LayeringTests` and `--explicit-target-dependency-import-check error` hold it to that.
let core: [Target] = [
    .target(name: "Metering", swiftSettings: strict),
    .target(name: "ConfigurationReader", dependencies: [.yams], swiftSettings: strict),
    .target(name: "MeterProfiles", dependencies: ["ConfigurationReader", "Metering"], swiftSettings: strict),
    .target(name: "Prepaid", dependencies: ["Metering"], swiftSettings: strict),
    .target(
        name: "UplinkProtocol", dependencies: ["Metering", "Prepaid", .crypto], swiftSettings: strict),
]

let edge: [Target] = [
    .target(name: "CLinux"),
    .systemLibrary(name: "CModbus", providers: [.apt(["libmodbus-dev"])]),
    .target(name: "Threading", dependencies: ["CLinux"], swiftSettings: strict),
    .target(
        name: "FieldBus", dependencies: ["CLinux", "CModbus", "MeterProfiles", "Metering", "Threading"],
        swiftSettings: strict),
    .target(name: "Board", dependencies: ["CLinux", "Metering"], swiftSettings: strict),
    .target(
        name: "Storage", dependencies: ["CLinux", "Metering", "Prepaid", "UplinkProtocol", .grdb],
        swiftSettings: strict),
]

let workbench: [Target] = [
    .target(
        name: "MeterSimulation", dependencies: ["CLinux", "ConfigurationReader", "MeterProfiles", "Metering"],
        swiftSettings: strict)
]

let programs: [Target] = [
    .executableTarget(
        name: "metersim",
        dependencies: ["ConfigurationReader", "MeterProfiles", "MeterSimulation", .argumentParser],
        swiftSettings: strict)
]

let tests: [Target] = [
    .testTarget(
        name: "StorageTests", dependencies: ["Storage", "Metering", "Prepaid", "UplinkProtocol", .grdb],
        swiftSettings: strict),
    .testTarget(
        name: "UplinkProtocolTests", dependencies: ["UplinkProtocol", "Metering", "Prepaid"], swiftSettings: strict),
    .testTarget(
        name: "FieldBusTests", dependencies: ["FieldBus", "MeterProfiles", "MeterSimulation", "Metering"],
        swiftSettings: strict),
    .testTarget(
        name: "MeterSimulationTests", dependencies: ["ConfigurationReader", "MeterProfiles", "MeterSimulation"],
        swiftSettings: strict),
    .testTarget(name: "LayeringTests", swiftSettings: strict),
    .testTarget(name: "BoardTests", dependencies: ["Board", "Metering"], swiftSettings: strict),
    .testTarget(
        name: "MeterProfilesTests", dependencies: ["ConfigurationReader", "MeterProfiles", "Metering"],
        swiftSettings: strict),
    .testTarget(name: "MeteringTests", dependencies: ["Metering", "TimeZoneFixtures"], swiftSettings: strict),
    .testTarget(
        name: "PrepaidTests", dependencies: ["Prepaid", "Metering", "TimeZoneFixtures"], swiftSettings: strict),
    .target(
        name: "TimeZoneFixtures", dependencies: ["Metering"], path: "Tests/TimeZoneFixtures", swiftSettings: strict),
]

let package = Package(
    name: "meterkeep",
    products: [
        .executable(name: "metersim", targets: ["metersim"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-crypto.git", from: "4.5.0"),
        .package(url: "https://github.com/groue/GRDB.swift.git", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.0"),
    ],
    targets: core + edge + workbench + programs + tests,
    swiftLanguageModes: [.v6]
)
