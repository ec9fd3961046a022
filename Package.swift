// swift-tools-version: 6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let argumentParser: Target.Dependency = .product(
    name: "ArgumentParser", package: "swift-argument-parser")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")

/// A Swift target of this package; every one is built with the same settings.
func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["TestSupport", system],
        swiftSettings: swiftSettings)
}

let package = Package(
    name: "imgvec",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "imgvec", targets: ["imgvec"]),
        .library(name: "VectorIndex", targets: ["VectorIndex"]),
        // For Benchmarks/CopyScale and Benchmarks/TowerBench.
        .library(name: "Analysis", targets: ["Analysis"]),
        .library(name: "Encoders", targets: ["Encoders"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    ],
    targets: [
        .executableTarget(
            name: "imgvec",
            dependencies: [
                "Acting", "Analysis", "ImageLibrary", "ModelHub", "Encoders", "Imaging", "VectorIndex",
                "SystemSupport", "CReportPage", argumentParser, system,
            ],
            swiftSettings: swiftSettings),
        module(
            "ImageLibrary",
            ["Acting", "Analysis", "Encoders", "VectorIndex", "Imaging", "SystemSupport", grdb, system]),
        module("ModelHub", ["Encoders", "Inference", "SystemSupport", "CHTTP", crypto, system]),
        module("Acting", ["SystemSupport", "CFileActions", crypto, system]),
        module("Analysis", ["VectorIndex", "CKernels"]),
        module(
            "Encoders",
            ["Inference", "Imaging", "SystemSupport", "CBundledModel", crypto, system]),
        module("VectorIndex", ["SystemSupport", "CKernels", system]),
        module("Inference", ["SystemSupport", "COneDNN", system]),
        module("Imaging", ["CCodecs", "CKernels"]),
        module("SystemSupport", [system]),
        .target(name: "CFileActions"),
        .target(name: "CKernels"),
        .target(name: "CCodecs", linkerSettings: [.linkedLibrary("jpeg"), .linkedLibrary("png")]),
        .target(
            name: "COneDNN",
            linkerSettings: [.linkedFramework("Accelerate", .when(platforms: [.macOS]))]),
        .target(name: "CHTTP"),
        .target(name: "CBundledModel", exclude: ["data"]),
        .target(name: "CReportPage", exclude: ["page"]),

        .target(
            name: "TestSupport", dependencies: ["SystemSupport", crypto, system],
            path: "Tests/TestSupport",
            swiftSettings: swiftSettings),
        tests("SystemSupportTests", ["SystemSupport"]),
        tests("LayeringTests", ["SystemSupport"]),
        tests("ImagingTests", ["Imaging", "CCodecs", "CKernels", "SystemSupport"]),
        tests("VectorIndexTests", ["VectorIndex", "CKernels", "SystemSupport"]),
        tests("AnalysisTests", ["Analysis", "VectorIndex"]),
        tests("InferenceTests", ["Inference", "SystemSupport"]),
        tests("EncodersTests", ["Encoders", "Inference", "Imaging", "SystemSupport", "CBundledModel"]),
        tests("ModelHubTests", ["ModelHub", "Encoders", "SystemSupport"]),
        tests("ActingTests", ["Acting", "SystemSupport"]),
        tests("imgvecTests", ["imgvec", "Acting", "ImageLibrary", "Imaging", "SystemSupport"]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c2x
)
