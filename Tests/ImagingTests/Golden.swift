import Foundation
import Imaging
import SystemPackage
import SystemSupport
import TestSupport

/// A picture file of Fixtures/images.
struct Picture {
    let bytes: [UInt8]

    init(_ name: String) throws { bytes = try contents("images/\(name)") }

    init(bytes: [UInt8]) { self.bytes = bytes }

    var format: ImageFormat? { bytes.withUnsafeBytes { ImageFormat.sniff($0) } }

    func info() throws(ImagingError) -> ImageInfo {
        try result { bytes throws(ImagingError) in try ImageDecoder.info(of: bytes) }
    }

    func decoded(minimumSide: Int? = nil, limits: DecodeLimits = .init()) throws(ImagingError) -> DecodedImage
    {
        try result { bytes throws(ImagingError) in
            try ImageDecoder.decode(bytes, minimumSide: minimumSide, limits: limits)
        }
    }

    private func result<T>(
        _ body: (UnsafeRawBufferPointer) throws(ImagingError) -> T
    ) throws(ImagingError) -> T {
        let result: Result<T, ImagingError> = bytes.withUnsafeBytes { bytes in
            do throws(ImagingError) { return .success(try body(bytes)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    /// All files of a folder of Fixtures/images, by name.
    static func names(in folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: Fixtures.path("images/\(folder)").string).sorted()
    }
}

/// Values of the reference programs, as Fixtures/generate_images.py wrote them.
struct Golden<Entry: Decodable> {
    let entries: [Entry]
    private let data: [UInt8]

    init(_ name: String) throws {
        entries = try JSONDecoder().decode([Entry].self, from: Data(contents("golden/imaging/\(name).json")))
        data = (try? contents("golden/imaging/\(name).bin")) ?? []
    }

    func bytes(at offset: Int, count: Int) -> [UInt8] { Array(data.dropFirst(offset).prefix(count)) }

    func floats(at offset: Int, count: Int) -> [Float] {
        bytes(at: offset, count: 4 * count).withUnsafeBytes { raw in
            (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
    }
}

/// The bytes of a file under Fixtures.
private func contents(_ name: String) throws -> [UInt8] {
    let file = try MappedFile(Fixtures.path(name))
    return withExtendedLifetime(file) { Array(file.bytes) }
}

/// Largest and mean difference of two byte strings of the same length; nil when the lengths differ.
func difference(_ a: [UInt8], _ b: [UInt8]) -> (largest: Int, mean: Double)? {
    guard a.count == b.count, !a.isEmpty else { return nil }
    var (largest, sum) = (0, 0)
    for (x, y) in zip(a, b) {
        let step = abs(Int(x) - Int(y))
        largest = max(largest, step)
        sum += step
    }
    return (largest, Double(sum) / Double(a.count))
}

extension PixelBuffer {
    /// Random pixels.
    static func random(width: Int, height: Int, using random: inout SeededRandom) -> PixelBuffer {
        PixelBuffer(
            width: width, height: height,
            pixels: (0..<3 * width * height).map { _ in UInt8.random(in: 0...255, using: &random) })
    }
}
