import Synchronization
import SystemPackage
import SystemSupport

/// The pairs that a pass has found so far, in a file that grows by one record for each finished block.
final class PairFile: Sendable {
    private struct State {
        var end: Int
        var failure: IndexError?
    }

    private let file: PassFile
    private let descriptor: FileDescriptor
    private let state: Mutex<State>
    /// The blocks that were in the file when it was opened.
    let finishedBlocks: Set<Int>
    /// Their pairs.
    let pairs: [SimilarPair]

    /// Bytes before a record's pairs: number of the block, number of pairs, CRC, zero.
    private static let recordHeaderBytes = 16
    private static let pairBytes = 12

    /// The file of a pass over so many rows in so many blocks.
    init(_ path: FilePath, identity: UInt64, blocks: Int, rows: Int, most: Int) throws(IndexError) {
        file = PassFile(path: path, content: .pairs, identity: identity, blocks: blocks, width: 0)
        let descriptor = try file.open(size: PassFile.headerBytes)
        self.descriptor = descriptor
        var finished: Set<Int> = [], pairs: [SimilarPair] = [], end = PassFile.headerBytes
        try asIndexError(path) {
            while true {
                let head = try PassFile.read(descriptor, at: end, count: Self.recordHeaderBytes)
                let fields = head.withUnsafeBytes { bytes in
                    var reader = ByteReader(bytes)
                    return (0..<4).compactMap { _ in reader.read(UInt32.self) }
                }
                guard fields.count == 4, fields[3] == 0, Int(fields[0]) < blocks,
                    pairs.count + Int(fields[1]) <= most
                else { break }
                let bytes = Int(fields[1]) * Self.pairBytes
                let size = try Int(descriptor.seek(offset: 0, from: .end))
                guard size - end - Self.recordHeaderBytes >= bytes else { break }
                let body = try PassFile.read(
                    descriptor, at: end + Self.recordHeaderBytes, count: bytes)
                guard Self.sum(head.prefix(8), body) == fields[2],
                    let found = Self.decoded(body, rows: rows)
                else { break }
                if finished.insert(Int(fields[0])).inserted { pairs += found }
                end += Self.recordHeaderBytes + bytes
            }
            try descriptor.resize(to: Int64(end))
        }
        finishedBlocks = finished
        self.pairs = pairs
        state = Mutex(State(end: end))
    }

    deinit { try? descriptor.close() }

    /// Adds the pairs of a finished block; false when that fails.
    func write(block number: Int, _ found: [SimilarPair]) -> Bool {
        var body = FieldWriter()
        for pair in found {
            body.append(UInt32(pair.a))
            body.append(UInt32(pair.b))
            body.append(pair.similarity.bitPattern)
        }
        var head = FieldWriter()
        head.append(UInt32(number))
        head.append(UInt32(found.count))
        head.append(Self.sum(head.bytes, body.bytes))
        head.append(UInt32(0))
        let record = head.bytes + body.bytes
        return state.withLock { state in
            do throws(IndexError) {
                try asIndexError(file.path) {
                    _ = try descriptor.writeAll(toAbsoluteOffset: Int64(state.end), record)
                }
                state.end += record.count
                return true
            } catch {
                state.failure = state.failure ?? error
                return false
            }
        }
    }

    /// Throws what kept a block from being written.
    func check() throws(IndexError) {
        if let error = state.withLock({ $0.failure }) { throw error }
    }

    private static func sum(_ head: some Collection<UInt8>, _ body: [UInt8]) -> UInt32 {
        Kernels.checksum(Array(head) + body)
    }

    private static func decoded(_ body: [UInt8], rows: Int) -> [SimilarPair]? {
        body.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes), pairs: [SimilarPair] = []
            pairs.reserveCapacity(bytes.count / pairBytes)
            while let a = reader.read(UInt32.self), let b = reader.read(UInt32.self),
                let similarity = reader.read(UInt32.self)
            {
                guard a < b, Int(b) < rows else { return nil }
                pairs.append(
                    SimilarPair(a: Int(a), b: Int(b), similarity: Float(bitPattern: similarity)))
            }
            return pairs
        }
    }
}
