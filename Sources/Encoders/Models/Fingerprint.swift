import Crypto
import Inference

/// What tells one model's vectors from another's: equal fingerprints mean comparable vectors.
///
/// SHA-256 over all configuration and tokenizer files in full, and of each weight file its size, its header
/// in full (names, types, shapes, places), and up to 4 KiB from the middle of each tensor. Reading a file of
/// gigabytes in full would take seconds at each start; a model that was trained on, quantised or edited
/// differs in most tensors' every block. The definition is the same for installed, embedded and any other
/// model. (`models verify` compares the installed files' full SHA-256.)
enum Fingerprint {
    private static let texts = [
        "config.json", "preprocessor_config.json", "processor_config.json", "vocab.json", "merges.txt",
        "tokenizer.json",
    ]
    private static let sample = 4096

    /// The fingerprint as 64 hexadecimal digits; costs about 2 µs per tensor once the pages are in memory.
    ///
    /// `others` are a family's own files; those that are there count, with their names.
    static func compute(
        _ files: ModelFiles, _ weights: [SafeTensors], also others: [String] = []
    ) throws -> String {
        var hash = SHA256()
        add(Array("imgvec model fingerprint 1".utf8), to: &hash)
        for name in texts {
            let content = try files.content(name)
            add(content?.bytes.count ?? 0, to: &hash)
            if let content {
                withExtendedLifetime(content.owner) { hash.update(bufferPointer: content.bytes) }
            }
        }
        for name in others {
            guard let content = try files.content(name) else { continue }
            add(Array(name.utf8), to: &hash)
            add(content.bytes.count, to: &hash)
            withExtendedLifetime(content.owner) { hash.update(bufferPointer: content.bytes) }
        }
        for file in weights {
            add(file.bytes.count, to: &hash)
            hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: file.bytes[file.headerRange]))
            for (_, entry) in file.entries.sorted(by: {
                $0.value.range.lowerBound < $1.value.range.lowerBound
            }) {
                let length = min(sample, entry.range.count)
                let start = entry.range.lowerBound + (entry.range.count - length) / 2
                try file.copy(of: start..<start + length).withUnsafeBytes { hash.update(bufferPointer: $0) }
            }
        }
        return FileDigest.hexadecimal(hash.finalize())
    }

    /// The fingerprint of a model's other result: vectors of different layers are never compared.
    static func derived(from fingerprint: String, layer: OutputLayer) -> String {
        var hash = SHA256()
        add(Array("imgvec model layer 1 \(layer.rawValue) of \(fingerprint)".utf8), to: &hash)
        return FileDigest.hexadecimal(hash.finalize())
    }

    /// The fingerprint of a model whose image tower computes with other numbers than floats.
    static func derived(from fingerprint: String, numbers: Numbers) -> String {
        var hash = SHA256()
        add(Array("imgvec model numbers 1 \(numbers.rawValue) of \(fingerprint)".utf8), to: &hash)
        return FileDigest.hexadecimal(hash.finalize())
    }

    private static func add(_ bytes: [UInt8], to hash: inout SHA256) {
        bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
    }

    private static func add(_ number: Int, to hash: inout SHA256) {
        withUnsafeBytes(of: UInt64(number).littleEndian) { hash.update(bufferPointer: $0) }
    }
}
