#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A shell pattern (`*.tmp`, `cache/*`, `[0-9]*`) as `fnmatch(3)` understands it.
public struct Glob: Sendable, Equatable {
    /// The pattern's text.
    public let pattern: String

    /// Makes a glob from its text.
    public init(_ pattern: String) { self.pattern = pattern }

    /// Whether the pattern matches: one with a `/` is held against the whole relative path (`*` also crosses
    /// slashes), one without against the last name only.
    public func matches(relativePath: [UInt8]) -> Bool {
        var subject = relativePath[...]
        if !pattern.utf8.contains(UInt8(ascii: "/")), let slash = subject.lastIndex(of: UInt8(ascii: "/")) {
            subject = subject[(slash + 1)...]
        }
        return (subject + [0]).withUnsafeBytes { bytes in
            guard let base = bytes.bindMemory(to: CChar.self).baseAddress else { return false }
            return fnmatch(pattern, base, 0) == 0
        }
    }
}
