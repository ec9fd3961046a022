public import SystemPackage
import SystemSupport

/// Where the checked-in fixtures stand.
public enum Fixtures {
    /// The repository's root folder.
    public static let repository: FilePath = {
        var path = FilePath(#filePath)
        for _ in 0..<3 { path.removeLastComponent() }
        return path
    }()

    /// `Fixtures/<name>` in the repository.
    public static func path(_ name: String) -> FilePath {
        repository.appending("Fixtures").pushing(FilePath(name))
    }

    /// A folder beside the checkout with material that is not part of the project, or nil when it is absent.
    public static func shared(_ name: String) -> FilePath? {
        let path = repository.removingLastComponent().appending("shared").pushing(FilePath(name))
        return (try? FileStatus.of(path)) == nil ? nil : path
    }
}

/// A seeded random generator (SplitMix64), so that a failing case can be run again from its printed seed.
public struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// Starts the sequence that belongs to a seed.
    public init(seed: UInt64) { state = seed }

    /// The next 64 random bits.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// A float drawn from the standard normal distribution (Box-Muller).
    public mutating func normal() -> Float {
        let u = Double.random(in: Double.leastNonzeroMagnitude..<1, using: &self)
        let v = Double.random(in: 0..<1, using: &self)
        return Float((-2 * _log(u)).squareRoot() * _cos(2 * .pi * v))
    }
}

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
private func _log(_ x: Double) -> Double { log(x) }
private func _cos(_ x: Double) -> Double { cos(x) }

/// A fresh folder that is removed when the object goes.
public final class TemporaryFolder: Sendable {
    /// The folder.
    public let path: FilePath

    /// Makes the folder under the system's temporary folder.
    public init() throws {
        var template = Array((Platform.environment("TMPDIR") ?? "/tmp").utf8CString.dropLast())
        template += Array("/imgvec-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw SystemError("create a temporary folder", errno: Errno(rawValue: errno))
        }
        path = template.withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map { FilePath(platformString: $0) } ?? FilePath("/tmp")
        }
    }

    deinit { try? Folders.removeTree(path) }
}
