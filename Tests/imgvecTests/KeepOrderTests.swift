import ImageLibrary
import Imaging
import SystemPackage
import SystemSupport
import TestSupport
import Testing

@Suite struct KeepOrderTests {
    /// Facts that follow from the name alone.
    private struct NamedFacts: KeepFacts {
        func metadata(of candidate: KeepCandidate) -> MetadataMeasure {
            var measure = MetadataMeasure()
            measure.hasLocation = candidate.path.length % 2 == 0
            measure.byteCount = candidate.path.bytes.reduce(0) { $0 + Int($1) } % 3
            return measure
        }
        func hasRaw(_ candidate: KeepCandidate) -> Bool { candidate.path.bytes.contains(UInt8(ascii: "r")) }
    }

    private func randomCandidate(_ random: inout SeededRandom, _ number: Int) -> KeepCandidate {
        let folder = ["/p", "/q/r", "/originals"].randomElement(using: &random) ?? "/p"
        var candidate = KeepCandidate(
            path: FilePath("\(folder)/\(["a", "r", "ab"].randomElement(using: &random) ?? "")\(number).jpg"),
            modified: Int64.random(in: 0...3, using: &random),
            isReference: Int.random(in: 0...5, using: &random) == 0,
            size: Int64.random(in: 1...3, using: &random), width: Int.random(in: 1...3, using: &random),
            height: Int.random(in: 1...2, using: &random),
            format: [.jpeg, .png, .gif, .heic].randomElement(using: &random) ?? .jpeg,
            isTruncated: Int.random(in: 0...4, using: &random) == 0,
            colorfulness: Bool.random(using: &random) ? 1 : 20,
            captured: Bool.random(using: &random) ? "2020-01-01T00:00:00" : nil)
        candidate.isFramed = Int.random(in: 0...3, using: &random) == 0
        candidate.isMarked = Int.random(in: 0...3, using: &random) == 0
        return candidate
    }

    /// What a criterion puts first, straight from the documentation: the largest of these.
    private func values(_ word: String, _ c: KeepCandidate) -> [Double] {
        let facts = NamedFacts()
        switch word {
        case "whole": return [c.isTruncated ? 0 : 1]
        case "color": return [c.colorfulness < 3 ? 0 : 1]
        case "unframed": return [c.isFramed ? 0 : 1]
        case "unmarked": return [c.isMarked ? 0 : 1]
        case "resolution": return [Double(c.width * c.height)]
        case "format":
            return [c.format == .gif ? 0 : c.format == .png || facts.hasRaw(c) ? 2 : 1]
        case "size": return [Double(c.size)]
        case "metadata":
            let measure = facts.metadata(of: c)
            return [c.captured == nil ? 0 : 1, measure.hasLocation ? 1 : 0, Double(measure.byteCount)]
        case "oldest": return [-Double(c.modified)]
        case "newest": return [Double(c.modified)]
        case "shortest-path": return [-Double(c.path.length)]
        default: return [c.path.starts(with: "/originals") ? 1 : 0]
        }
    }

    @Test func whatIsKeptIsWhatTheRuleSays() throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        let words = [
            "whole", "color", "resolution", "format", "size", "metadata", "oldest", "newest", "shortest-path",
            "path:/originals/*", "unframed", "unmarked",
        ]
        for _ in 0..<500 {
            let asked = Array(words.shuffled(using: &random).prefix(Int.random(in: 0...5, using: &random)))
            let order = KeepOrder(
                rule: asked.isEmpty ? .standard : try KeepRule(parsing: [asked.joined(separator: ",")]),
                facts: NamedFacts())
            let candidates = (0..<Int.random(in: 2...8, using: &random)).map { randomCandidate(&random, $0) }
            // The naive model: sieve the candidates, criterion after criterion.
            var left = candidates
            if left.contains(where: \.isReference) { left = left.filter(\.isReference) }
            for word in asked + ["whole", "color", "unframed", "resolution", "unmarked", "size"]
                + (asked.contains("newest") ? [] : ["oldest"]) + ["shortest-path"]
            {
                let best = left.map { values(word, $0) }.max { $0.lexicographicallyPrecedes($1) } ?? []
                left = left.filter { values(word, $0) == best }
            }
            let expected = left.min { $0.path.bytes.lexicographicallyPrecedes($1.path.bytes) }
            let kept = candidates.min { order.prefers($0, to: $1) }
            #expect(kept?.path == expected?.path, "seed \(seed), \(asked)")
        }
    }

    @Test func rulesAreReadAsWritten() throws {
        #expect(try KeepRule(parsing: []) == .standard)
        #expect(try KeepRule(parsing: ["whole,color,unframed,resolution,unmarked,size,oldest"]) == .standard)
        #expect(
            try KeepRule(parsing: ["path:*a\\,b*,newest", "size"]).criteria.prefix(3)
                == [.path(Glob("*a,b*")), .newest, .size])
        #expect(try KeepRule(parsing: ["path:\\[x"]).criteria.first == .path(Glob("\\[x")))
        for wrong in ["biggest", "", "size,", "path:"] {
            #expect(throws: KeepRule.UnknownCriterion.self) { try KeepRule(parsing: [wrong]) }
        }
    }

    @Test func metadataIsMeasuredInTheFile() throws {
        let folder = Fixtures.path("images/formats")
        var measured = 0
        for entry in try Folders.list(folder) {
            let bytes = try FileContents.read(folder.appending(entry.name)).bytes
            bytes.withUnsafeBytes { buffer in
                guard let format = ImageFormat.sniff(buffer) else { return }
                let measure = MetadataMeasure(buffer, format: format)
                #expect(measure.byteCount >= 0 && measure.byteCount <= buffer.count)
                if measure.byteCount > 0 { measured += 1 }
                // Cut anywhere, it is still no crash.
                for cut in stride(from: 0, to: buffer.count, by: max(1, buffer.count / 50)) {
                    _ = MetadataMeasure(UnsafeRawBufferPointer(rebasing: buffer[..<cut]), format: format)
                }
            }
        }
        #expect(measured > 0)
        // A TIFF block with a GPS directory that holds a latitude, in a JPEG's APP1.
        let tiff: [UInt8] = [
            0x4D, 0x4D, 0, 42, 0, 0, 0, 8, 0, 1, 0x88, 0x25, 0, 4, 0, 0, 0, 1, 0, 0, 0, 26, 0, 0, 0, 0, 0, 1,
            0, 2,
            0, 5, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0,
        ]
        let body = Array("Exif\0\0".utf8) + tiff
        let picture: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE1, 0, UInt8(body.count + 2)] + body + [0xFF, 0xD9]
        picture.withUnsafeBytes {
            let measure = MetadataMeasure($0, format: .jpeg)
            #expect(measure.hasLocation && measure.byteCount == body.count + 2)
        }
        ([0, 0, 0, 0] + body).withUnsafeBytes {
            #expect(MetadataMeasure($0, format: .heic).hasLocation)
        }
    }
}
