import SystemPackage
import SystemSupport

/// The names of a store's files, and the parser back.
enum StoreFiles {
    static func manifest(in folder: FilePath) -> FilePath { folder.appending("manifest") }
    /// Where a manifest is written before it takes its place.
    static func temporaryManifest(in folder: FilePath) -> FilePath {
        folder.appending("manifest.tmp-\(Platform.processID)")
    }
    static func segment(_ number: UInt64, in folder: FilePath) -> FilePath { file(number, "seg", in: folder) }
    static func deletions(_ number: UInt64, in folder: FilePath) -> FilePath {
        file(number, "del", in: folder)
    }

    private static func file(_ number: UInt64, _ suffix: String, in folder: FilePath) -> FilePath {
        let digits = String(number)
        let zeros = String(repeating: "0", count: max(0, 10 - digits.count))
        return folder.appending("\(zeros)\(digits).\(suffix)")
    }

    /// Whether a name is one that `segment` gives.
    static func isSegment(_ name: FilePath.Component) -> Bool {
        name.extension == "seg" && number(of: name) != nil
    }

    /// Whether a name could only have been left by a store's writer: a numbered file or a temporary manifest.
    static func isOurs(_ name: FilePath.Component) -> Bool {
        if name.string.hasPrefix("manifest.tmp-") { return true }
        return (name.extension == "seg" || name.extension == "del") && number(of: name) != nil
    }

    private static func number(of name: FilePath.Component) -> UInt64? {
        name.stem.utf8.count >= 10 ? UInt64(name.stem) : nil
    }
}
