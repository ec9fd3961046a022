import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// The example that the documentation shows is this one, and does what it says.
@Suite struct LibraryExampleTests {
    @Test func theExampleRuns() throws {
        let folder = try TemporaryFolder()
        #expect(try nearestColors(in: folder.path.appending("colors")) == [1, 2])
    }

    @Test func theDocumentationShowsTheExample() throws {
        let root = Fixtures.path("index").removingLastComponent().removingLastComponent()
        func text(_ path: String) throws -> String {
            String(decoding: try FileContents.read(root.pushing(FilePath(path))).bytes, as: UTF8.self)
        }
        let source = try text("Tests/VectorIndexTests/LibraryExample.swift")
        let begin = try #require(source.firstRange(of: "// example begins\n"))
        let end = try #require(source.firstRange(of: "// example ends"))
        let example = source[begin.upperBound..<end.lowerBound]
        #expect(try text("Docs/VectorIndex.md").contains("```swift\n\(example)```"))
    }
}
