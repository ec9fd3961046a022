import SystemPackage
import SystemSupport

/// A file in which a pass over all rows keeps what it has finished, block by block, so that a killed pass goes on.
///
/// It begins with a header that tells which pass it belongs to; what belongs to another one is overwritten. Nothing
/// is flushed: each block carries a checksum, and one that did not reach the disk is computed again.
/// Docs/IndexFormat.md has the bytes.
struct PassFile: Sendable {
    /// What the file holds.
    enum Content: String, Sendable {
        case neighbors = "imgvnbr"
        case pairs = "imgvprs"
    }

    static let version: UInt32 = 2
    static let headerBytes = 64

    let path: FilePath
    let content: Content
    let identity: UInt64
    let blocks: Int
    /// Neighbours per row; 0 for pairs.
    let width: Int

    /// The first bytes; the last four are the CRC of those before.
    private var header: [UInt8] {
        var fields = FieldWriter()
        fields.append(Array(content.rawValue.utf8) + [0x1A])
        fields.append(Self.version)
        fields.append(UInt32(Self.headerBytes))
        fields.append(identity)
        fields.append(UInt64(blocks))
        fields.append(UInt32(width))
        fields.append(UInt32(AllRowsPass.blockRows))
        fields.pad(to: Self.headerBytes - 4)
        fields.append(Kernels.checksum(fields.bytes))
        return fields.bytes
    }

    /// Opens the file, anew when it is not there or belongs to another pass; `size` is how long a new one is made.
    ///
    /// A file that does not begin as one of these is not touched: it is an error.
    func open(size: Int) throws(IndexError) -> FileDescriptor {
        try asIndexError(path) {
            let file = try FileDescriptor.open(
                path, .readWrite, options: [.create, .closeOnExec],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
            do {
                let header = header
                let start = try Self.read(file, at: 0, count: Self.headerBytes)
                if start == header { return file }
                let kinds = [Content.neighbors, .pairs].map { Array($0.rawValue.utf8) }
                guard start.isEmpty || kinds.contains(where: { start.starts(with: $0) }) else {
                    throw IndexError.damaged(path, "it is no file of an unfinished pass")
                }
                try file.resize(to: 0)
                try file.resize(to: Int64(size))
                try file.writeAll(toAbsoluteOffset: 0, header)
                return file
            } catch {
                try? file.close()
                throw error
            }
        }
    }

    /// Up to `count` bytes from an offset; fewer at the end of the file.
    static func read(_ file: FileDescriptor, at offset: Int, count: Int) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let rest = UnsafeMutableRawBufferPointer(
                    rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...])
                let more = try file.read(fromAbsoluteOffset: Int64(offset + filled), into: rest)
                if more == 0 { return }
                filled += more
            }
        }
    }
}
