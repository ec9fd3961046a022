// swift-tools-version: 6.2
import PackageDescription

// A package of its own: the towers as the program uses them, for Benchmarks/towers.py.
let package = Package(
    name: "tower-bench",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "imgvec", path: "../.."),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
    ],
    targets: [
        .executableTarget(
            name: "tower-bench",
            dependencies: [
                .product(name: "Encoders", package: "imgvec"),
                .product(name: "SystemPackage", package: "swift-system"),
            ])
    ],
    swiftLanguageModes: [.v6]
)
