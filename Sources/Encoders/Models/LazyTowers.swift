#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import Imaging
import Inference
import Synchronization

/// A model's two encoders, each built once, by the first thread that asks for it.
final class LazyTowers: Sendable {
    let configuration: ModelConfiguration
    private let files: ModelFiles
    private let reader: WeightReader
    private let imageEncoder = Mutex<(any ImageEncoder)?>(nil)
    private let textEncoder = Mutex<(any TextEncoder)?>(nil)

    init(_ files: ModelFiles, _ reader: WeightReader, _ configuration: ModelConfiguration) {
        self.files = files
        self.reader = reader
        self.configuration = configuration
    }

    func image() throws -> (any ImageEncoder)? {
        guard let vision = configuration.vision else { return nil }
        return try imageEncoder.withLock { encoder in
            if let encoder { return encoder }
            let side = configuration.imageSide
            let preprocessing = try Preprocessing.read(files, side: side) ?? .usual(for: vision, side: side)
            let made = TowerImageEncoder(
                tower: try LazyTowers.tower(vision, reader), preprocessing: preprocessing)
            encoder = made
            return made
        }
    }

    private static func tower(_ vision: ModelConfiguration.Vision, _ reader: WeightReader) throws
        -> any ImageTower
    {
        switch vision {
        case .transformer(let configuration): return try VisionTransformer(reader, configuration)
        case .resNet(let prefix, let projection):
            let network = prefix.isEmpty ? reader : reader.under(prefix)
            guard let projection else { return try ResNet(network) }
            let width = try ResNet.pooledWidth(network)
            return try ResNet(
                network,
                projection: try reader.linear(
                    "visual_projection", inputs: width, outputs: projection, bias: false))
        }
    }

    func text() throws -> (any TextEncoder)? {
        guard let text = configuration.text else { return nil }
        return try textEncoder.withLock { encoder in
            if let encoder { return encoder }
            let tokenizer = try LazyTowers.tokenizer(files, maximumLength: text.positions)
            if let end = text.endToken, end != tokenizer.endToken {
                throw ModelError.file(
                    files.label,
                    "config.json reads texts at token \(end), but the tokenizer ends them with "
                        + "\(tokenizer.endToken)"
                )
            }
            let made = TowerTextEncoder(tower: try TextTransformer(reader, text), tokenizer: tokenizer)
            encoder = made
            return made
        }
    }

    private static func tokenizer(_ files: ModelFiles, maximumLength: Int) throws -> BytePairTokenizer {
        if let vocabulary = try files.content("vocab.json"), let merges = try files.content("merges.txt") {
            return try withExtendedLifetime((vocabulary.owner, merges.owner)) {
                try BytePairTokenizer(
                    vocabulary: vocabulary.bytes, merges: merges.bytes, maximumLength: maximumLength,
                    name: vocabulary.label)
            }
        }
        guard let file = try files.content("tokenizer.json") else {
            throw ModelError.file(
                files.label, "has no tokenizer: neither vocab.json and merges.txt nor tokenizer.json")
        }
        return try withExtendedLifetime(file.owner) {
            try BytePairTokenizer(tokenizer: file.bytes, maximumLength: maximumLength, name: file.label)
        }
    }
}

/// e to the power of x.
func exponential(_ x: Float) -> Float { exp(x) }
