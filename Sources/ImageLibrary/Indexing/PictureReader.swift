import Encoders
package import Imaging
package import SystemPackage
package import SystemSupport

/// What a file was when it was read: the system's word on it, and the SHA-256 of its bytes.
package struct FileContentIdentity: Sendable {
    package let status: FileStatus
    package let hash: [UInt8]
}

/// Everything that is computed from a picture's bytes but its vector.
package struct PictureDescription: Sendable {
    package let info: ImageInfo
    package let pdq: PDQHash
    package let pdqQuality: Int
    package let quality: QualityMeasures
}

/// Reads a file and turns it into hash, pixels and description; one call does one file, on the caller's thread.
package struct PictureReader: Sendable {
    /// The largest file that is read: nobody's photograph is larger, and the bytes are held in memory.
    package static let largestFile = 2 << 30
    /// The shorter side, in pixels, that hashes and quality measures want to see.
    private static let smallestSide = 256

    package let limits: DecodeLimits
    private let minimumSide: Int

    package init(preprocessing: Preprocessing?, limits: DecodeLimits) {
        self.limits = limits
        minimumSide = max(Self.smallestSide, preprocessing?.minimumSide ?? 0)
    }

    /// Reads a file whole: its bytes, and what they were when read. A file that changes while it is read throws `FileChanged`.
    package func contents(of path: FilePath) throws -> (bytes: [UInt8], identity: FileContentIdentity) {
        let (bytes, status) = try FileContents.read(path, limit: Self.largestFile)
        let after = try FileStatus.of(path)
        guard bytes.count == status.size, after.size == status.size,
            after.modifiedNanoseconds == status.modifiedNanoseconds, after.inode == status.inode
        else { throw FileChanged() }
        return (
            bytes, FileContentIdentity(status: status, hash: bytes.withUnsafeBytes { FileDigest.sha256($0) })
        )
    }

    /// Decodes a picture, as small as tower and hashes allow.
    package func decoded(_ bytes: [UInt8]) throws(ImagingError) -> DecodedImage {
        let result = bytes.withUnsafeBytes { buffer in
            Result { () throws(ImagingError) in
                try ImageDecoder.decode(buffer, minimumSide: minimumSide, limits: limits)
            }
        }
        return try result.get()
    }

    /// Decodes a picture and describes it. The bytes' memory serves what is computed of the pixels.
    package func picture(
        in bytes: consuming [UInt8]
    ) throws(ImagingError) -> (PixelBuffer, PictureDescription) {
        let decoded = try decoded(bytes)
        _ = consume bytes
        let (pdq, pdqQuality) = PDQHash.compute(decoded.pixels)
        return (
            decoded.pixels,
            PictureDescription(
                info: decoded.info, pdq: pdq, pdqQuality: pdqQuality,
                quality: QualityMeasures(decoded.pixels))
        )
    }
}

/// The file's size or time changed between opening it and having read it.
package struct FileChanged: Error {
    package init() {}
}
