// swift-tools-version: 6.2
import PackageDescription

// A package of its own, because only measurements need it.
let package = Package(
    name: "copy-scale",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "imgvec", path: "../.."),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
    ],
    targets: [
        .executableTarget(
            name: "copy-scale",
            dependencies: [
                .product(name: "Analysis", package: "imgvec"),
                .product(name: "VectorIndex", package: "imgvec"),
                .product(name: "SystemPackage", package: "swift-system"),
            ])
    ],
    swiftLanguageModes: [.v6]
)
