// swift-tools-version: 6.2
import PackageDescription

// A package of its own: the vector index as other packages use it.
let package = Package(
    name: "index-bench",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "imgvec", path: "../.."),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
    ],
    targets: [
        .executableTarget(
            name: "index-bench",
            dependencies: [
                .product(name: "VectorIndex", package: "imgvec"),
                .product(name: "SystemPackage", package: "swift-system"),
            ])
    ],
    swiftLanguageModes: [.v6]
)
