import Foundation
import SystemPackage
import SystemSupport
import TestSupport
import Testing

@Suite struct QualityCommandTests {
    /// A colour PPM file of noise between two levels.
    private static func noise(
        _ width: Int, _ height: Int, _ levels: ClosedRange<UInt8>, isGrey: Bool = false, seed: UInt64
    ) -> [UInt8] {
        var random = SeededRandom(seed: seed)
        var bytes = Array("P6\n\(width) \(height)\n255\n".utf8)
        for _ in 0..<width * height {
            let level = UInt8.random(in: levels, using: &random)
            for _ in 0..<3 { bytes.append(isGrey ? level : UInt8.random(in: levels, using: &random)) }
        }
        return bytes
    }

    private func album() throws -> Album {
        let album = try Album(count: 0)
        var files: [String: [UInt8]] = [
            "dark": Self.noise(200, 160, 0...40, seed: 1), "light": Self.noise(200, 160, 253...255, seed: 2),
            "strip": Self.noise(600, 54, 0...255, seed: 3), "flat": Self.noise(200, 160, 100...100, seed: 4),
            "grey": Self.noise(200, 160, 0...255, isGrey: true, seed: 5),
            "huge": Self.noise(1200, 900, 0...255, seed: 6),
        ]
        // Sizes around those, so that there is a usual size.
        for number in 0..<9 {
            files["good-\(number)"] = Self.noise(190 + 3 * number, 160, 0...255, seed: UInt64(10 + number))
        }
        for (name, bytes) in files {
            try bytes.withUnsafeBytes {
                try AtomicFile.write($0, to: album.pictures.appending("\(name).ppm"))
            }
        }
        let run = try album.program.run("index pictures")
        #expect(run.status == 0, "\(run.errors)")
        return album
    }

    /// Which pictures failed which checks.
    private func failures(_ album: Album, _ options: String) throws -> [String: Set<String>] {
        let run = try album.program.run("anomalies --quality --top 100 --format json \(options)")
        let rows = try #require(
            try JSONSerialization.jsonObject(with: Data(run.bytes)) as? [[String: Any]])
        var failures: [String: Set<String>] = [:]
        let scores = rows.compactMap { $0["score"] as? Double }
        #expect(scores == scores.sorted(by: >) && scores.allSatisfy { (0...1).contains($0) })
        for row in rows {
            #expect(Set(row.keys) == ["path", "score", "reason", "checks"])
            let path = FilePath(try #require(row["path"] as? String))
            let checks = try #require(row["checks"] as? [[String: Any]])
            for check in checks {
                let value = try #require(check["value"] as? Double),
                    limit = try #require(check["limit"] as? Double)
                #expect(value != limit)
            }
            failures[try #require(path.stem)] = Set(checks.compactMap { $0["check"] as? String })
        }
        return failures
    }

    @Test func everyCheckFindsItsFaultAndNoOther() throws {
        let album = try album()
        let found = try failures(album, "")
        #expect(found["dark"] == ["dark"])
        #expect(found["light"]?.contains("light") == true)
        #expect(found["strip"] == ["odd-aspect"])
        #expect(found["flat"]?.isSuperset(of: ["blurry", "low-information"]) == true)
        #expect(found["huge"] == ["odd-size"])
        // Having no colours is no fault.
        #expect(found["grey"] == nil)
        #expect(found.keys.allSatisfy { !$0.hasPrefix("good") }, "\(found)")
    }

    @Test func checksCanBeChosenAndFoldersToo() throws {
        let album = try album()
        #expect(Set(try failures(album, "--check dark --check odd-size").keys) == ["dark", "huge"])
        #expect(try failures(album, "--check grey").keys.contains("grey"))
        #expect(try album.program.run("anomalies --quality --in pictures/good-1.ppm").status == 1)
        #expect(try album.program.run("anomalies --check dark").status == 2)
    }

    @Test func aBlurredCopyOfASharpPictureIsFound() throws {
        let album = try Album(count: 0)
        for name in ["red-car.jpg", "blue-gradient.jpg"] {
            try Album.copy(
                Fixtures.path("images/gallery").appending(name), to: album.pictures.appending(name))
        }
        #expect(try album.program.run("index pictures").status == 0)
        let paths = try album.program.run("anomalies --quality --check blurry --format paths").lines
        #expect(paths.map { FilePath($0).stem } == ["blue-gradient"])
    }
}
