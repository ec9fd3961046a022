import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// Holds the `import` lines of the sources against the table in Docs/Architecture.md.
@Suite struct LayeringTests {
    /// What every module may import: the language's own libraries, and the C library under its two names.
    private static let everywhere: Set<String> = [
        "Glibc", "Darwin", "Foundation", "Synchronization", "SystemPackage",
    ]

    private func table() throws -> [String: Set<String>] {
        let path = Fixtures.repository.appending("Docs").appending("Architecture.md")
        let text = String(decoding: try FileContents.read(path).bytes, as: UTF8.self)
        var table: [String: Set<String>] = [:]
        for line in text.split(separator: "\n") {
            let cells = line.split(separator: "|", omittingEmptySubsequences: false)
                .map { $0.trimming { $0 == " " || $0 == "`" } }
            guard cells.count >= 4, let module = cells[safe: 1], let names = cells[safe: 2], !module.isEmpty
            else { continue }
            table[module] = Set(names.split(separator: ",").map { $0.trimming { $0 == " " || $0 == "`" } })
        }
        return table
    }

    private func swiftFiles(below folder: FilePath) throws -> [FilePath] {
        try Folders.list(folder).flatMap { entry in
            let path = folder.appending(entry.name)
            if try FileStatus.of(path).kind == .directory { return try swiftFiles(below: path) }
            return path.extension == "swift" ? [path] : []
        }
    }

    @Test func everyImportIsInTheTable() throws {
        let table = try table()
        let sources = Fixtures.repository.appending("Sources")
        var checked = 0
        for module in try Folders.list(sources) {
            let folder = sources.appending(module.name)
            let files = try swiftFiles(below: folder)
            guard !files.isEmpty else { continue }
            let name = module.name.string
            let allowed = try #require(
                table[name], "\(name) is missing from the table in Docs/Architecture.md")
            for file in files {
                let text = String(decoding: try FileContents.read(file).bytes, as: UTF8.self)
                for line in text.split(separator: "\n") {
                    let words = line.split(separator: " ")
                    guard let keyword = words.firstIndex(of: "import"), keyword <= 2,
                        words.count > keyword + 1,
                        keyword == 0
                            || ["public", "package", "internal", "private", "@_exported", "@preconcurrency"]
                                .contains(words[keyword - 1])
                    else { continue }
                    let imported = String(words[keyword + 1])
                    checked += 1
                    #expect(
                        allowed.contains(imported) || Self.everywhere.contains(imported),
                        "\(file) imports \(imported), which the table does not allow \(name)")
                }
            }
        }
        #expect(checked > 50)
    }
}

extension Array {
    fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}

extension StringProtocol {
    fileprivate func trimming(_ isTrimmed: (Character) -> Bool) -> String {
        var text = Substring(self)
        while let first = text.first, isTrimmed(first) { text.removeFirst() }
        while let last = text.last, isTrimmed(last) { text.removeLast() }
        return String(text)
    }
}
