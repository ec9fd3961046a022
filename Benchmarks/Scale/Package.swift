// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "Scale",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "imgvec", path: "../.."),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
    ],
    targets: [
        .executableTarget(
            name: "CopyScale",
            dependencies: [
                .product(name: "VectorIndex", package: "imgvec"), .product(name: "Analysis", package: "imgvec"),
                .product(name: "SystemPackage", package: "swift-system"),
            ])
    ],
    swiftLanguageModes: [.v6])
