import Encoders
import Imaging
import Inference
import SystemPackage
import SystemSupport
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Vectors whose last part says how much a picture resembles texts in general.
@Suite struct QuerybankTests {
    private static let counts = [5, 3], rank = 4, meaning = 16
    private static let shares: [Float] = [0.6, 0.3, 0.1]

    /// What a file of tensors is made of.
    private struct Part {
        var type: String
        var shape: [Int]
        var bytes: [UInt8]

        init(_ type: String, _ shape: [Int], _ bytes: [UInt8]) {
            (self.type, self.shape, self.bytes) = (type, shape, bytes)
        }

        init(_ shape: [Int], _ values: [Float]) {
            self.init("F32", shape, values.withUnsafeBytes { Array($0) })
        }
    }

    private struct Banks {
        let basis: [Float], codes: [Int8], bias: [Float], gain: [Float]

        init(seed: UInt64) {
            var random = SeededRandom(seed: seed)
            basis = (0..<QuerybankTests.rank * QuerybankTests.meaning).map { _ in random.normal() * 0.02 }
            codes = (0..<8 * QuerybankTests.rank).map { _ in Int8.random(in: -127...127, using: &random) }
            bias = (0..<8).map { _ in random.normal() }
            gain = [0.2, 0.15]
        }

        /// The part of a vector for a unit meaning, computed in the plainest way.
        func part(of m: [Double]) -> [Double] {
            let (rank, meaning) = (QuerybankTests.rank, QuerybankTests.meaning)
            let coordinates = (0..<rank).map { r in
                (0..<meaning).reduce(0.0) { $0 + Double(basis[r * meaning + $1]) * m[$1] }
            }
            var start = 0, result: [Double] = []
            for (bank, count) in QuerybankTests.counts.enumerated() {
                let sum = (start..<start + count).reduce(0.0) { sum, text in
                    sum
                        + exp(
                            (0..<rank).reduce(Double(bias[text])) {
                                $0 + Double(codes[text * rank + $1]) * coordinates[$1]
                            })
                }
                result.append(min(max(log(sum) * Double(gain[bank]), -0.5.squareRoot()), 0.5.squareRoot()))
                start += count
            }
            return result + [max(0, 1 - result.reduce(0) { $0 + $1 * $1 }).squareRoot()]
        }
    }

    /// The dual model of the fixtures with query banks in place of its last three dimensions.
    private func makeModel(
        _ banks: Banks, in folder: FilePath, querybanks: String = "[5, 3]",
        change: (inout [String: Part]) -> Void = { _ in }
    ) throws {
        try copyModel(Fixtures.path("models/dual"), to: folder)
        let source = try SafeTensors(Fixtures.path("models/dual/model.safetensors"))
        var parts = source.entries.mapValues { Part($0.type, $0.shape, Array(source.bytes[$0.range])) }
        let visual = try #require(parts["visual_projection.weight"])
        parts["visual_projection.weight"] = Part(
            visual.type, [21, visual.shape[1]], Array(visual.bytes.prefix(visual.bytes.count / 24 * 21)))
        let total = Self.counts.reduce(0, +)
        parts["querybanks.basis"] = Part([Self.rank, Self.meaning], banks.basis)
        parts["querybanks.codes"] = Part(
            "I8", [total, Self.rank], banks.codes.map { UInt8(bitPattern: $0) })
        parts["querybanks.bias"] = Part([total], banks.bias)
        parts["querybanks.gain"] = Part([Self.counts.count], banks.gain)
        change(&parts)

        var header: [String] = [], data: [UInt8] = []
        for (name, part) in parts.sorted(by: { $0.key < $1.key }) {
            header.append(
                "\"\(name)\":{\"dtype\":\"\(part.type)\",\"shape\":\(part.shape),"
                    + "\"data_offsets\":[\(data.count),\(data.count + part.bytes.count)]}")
            data += part.bytes
        }
        let text = Array("{\(header.joined(separator: ","))}".utf8)
        let file = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text + data
        try file.withUnsafeBytes { try AtomicFile.write($0, to: folder.appending("model.safetensors")) }

        let configuration = folder.appending("config.json")
        let old = String(decoding: try FileContents.read(configuration).bytes, as: UTF8.self)
        try write(
            old.replacing(
                "\"projection_dim\": 24,",
                with: "\"projection_dim\": 24, \"querybanks\": \(querybanks), \"image_parts\": ["
                    + zip([16, 5, 3], Self.shares).map { "{\"dimension\": \($0), \"share\": \($1)}" }
                    .joined(separator: ", ") + "],"), to: configuration)
    }

    private func pictures(_ count: Int, seed: UInt64) -> [PixelBuffer] {
        var random = SeededRandom(seed: seed)
        return (0..<count).map { _ in
            let (r, g, b) = (
                UInt8.random(in: 0...255, using: &random), UInt8.random(in: 0...255, using: &random),
                UInt8.random(in: 0...255, using: &random)
            )
            return PixelBuffer(
                width: 50, height: 40,
                pixels: (0..<2000).flatMap { _ in [r, g, UInt8.random(in: 0...max(b, 1), using: &random)] })
        }
    }

    @Test(arguments: [Numbers.float32, .int8]) func lastPartSaysHowNearTextsAre(numbers: Numbers) throws {
        let folder = try TemporaryFolder(), banks = Banks(seed: 5)
        try makeModel(banks, in: folder.path)
        let banked = try Model.load(folder.path).computing(in: numbers)
        let plain = try Model.load(Fixtures.path("models/dual")).computing(in: numbers)
        let pictures = pictures(11, seed: 6)
        let vectors = try #require(try banked.imageEncoder).encode(pictures)
        let whole = try #require(try plain.imageEncoder).encode(pictures)
        var seen: Set<Float> = []
        for (vector, other) in zip(vectors, whole) {
            #expect(vector.dimension == 24)
            let before = other.values[..<Self.meaning].map(Double.init)
            let length = before.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let meaning = before.map { $0 / length }
            for index in 0..<Self.meaning {
                let expected = meaning[index] * Double(Self.shares[0]).squareRoot()
                #expect(abs(Double(vector.values[index]) - expected) < 1e-4)
            }
            for (index, value) in banks.part(of: meaning).enumerated() {
                let expected = value * Double(Self.shares[2]).squareRoot()
                #expect(abs(Double(vector.values[21 + index]) - expected) < 1e-4, "coordinate \(index)")
            }
            seen.insert(vector.values[21])
        }
        #expect(seen.count > 8, "pictures differ in it")
        // One by one they are what they are together.
        for (picture, vector) in zip(pictures, vectors) {
            #expect(try #require(try banked.imageEncoder).encode([picture])[0] == vector)
        }
    }

    @Test(arguments: [
        ("[5, 3]", "querybanks.basis", "'querybanks.basis' has shape [], expected rows of 16 numbers"),
        ("[5, 3]", "querybanks.codes", "'querybanks.codes' is missing"),
        ("[6, 2]", "", ""),
        ("[5, 4]", "", "'querybanks.codes' has shape [8, 4], expected [9, 4]"),
        ("[8]", "", "does not have the 2 dimensions of 1 querybanks"),
        ("[5, -3]", "", "querybanks is no list of numbers of texts"),
        ("[5, 9223372036854775807]", "", "querybanks is no list of numbers of texts"),
        ("\"two\"", "", "querybanks is no list of numbers of texts"),
    ])
    func namesWhatIsWrong(querybanks: String, without: String, message: String) throws {
        let folder = try TemporaryFolder()
        try makeModel(Banks(seed: 5), in: folder.path, querybanks: querybanks) { $0[without] = nil }
        do {
            _ = try #require(try Model.load(folder.path).imageEncoder)
            #expect(message.isEmpty, "no error for \(querybanks) without '\(without)'")
        } catch {
            #expect(!message.isEmpty && "\(error)".contains(message), "\(error)")
        }
    }

    /// A tower that says nothing gives no vector, as without banks.
    @Test func aVectorWithoutMeaningIsRefused() throws {
        let folder = try TemporaryFolder()
        try makeModel(Banks(seed: 5), in: folder.path) {
            for index in $0["visual_projection.weight"]?.bytes.indices ?? 0..<0 {
                $0["visual_projection.weight"]?.bytes[index] = 0
            }
        }
        let encoder = try #require(try Model.load(folder.path).imageEncoder)
        #expect(throws: EmbeddingError.self) { try encoder.encode(pictures(1, seed: 6)) }
    }

    @Test func codesThatAreNoBytesAreRefused() throws {
        let folder = try TemporaryFolder()
        try makeModel(Banks(seed: 5), in: folder.path) {
            $0["querybanks.codes"] = Part([8, 4], [Float](repeating: 1, count: 32))
        }
        #expect { _ = try Model.load(folder.path).imageEncoder } throws: {
            "\($0)".contains("'querybanks.codes' has type F32, expected I8")
        }
    }
}
