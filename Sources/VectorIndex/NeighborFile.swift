import Synchronization
import SystemPackage
import SystemSupport

/// The neighbours of every row in a file, written while they are found, and read from there as they are needed.
///
/// Each block of rows has its place in the file; a table behind the blocks has the CRC of each finished one.
final class NeighborFile: @unchecked Sendable {
    // Unchecked: threads write different parts of the file, and the slots are made before they start.
    private let pass: AllRowsPass
    private let file: PassFile
    private let descriptor: FileDescriptor
    private let width: Int
    private let failure = Mutex<IndexError?>(nil)

    /// A row number that stands for no neighbour.
    static let noRow = UInt32.max
    /// Bytes of a neighbour: a row number and a similarity.
    static let entryBytes = 8

    private var blockBytes: Int { AllRowsPass.blockRows * width * Self.entryBytes }
    private var table: Int { PassFile.headerBytes + pass.blocks.count * blockBytes }

    init(_ path: FilePath, pass: AllRowsPass, width: Int) throws(IndexError) {
        self.pass = pass
        self.width = width
        file = PassFile(
            path: path, content: .neighbors, identity: pass.identity, blocks: pass.blocks.count, width: width)
        let bytes =
            PassFile.headerBytes + pass.blocks.count * (AllRowsPass.blockRows * width * Self.entryBytes + 4)
        descriptor = try file.open(size: bytes)
    }

    deinit { try? descriptor.close() }

    /// Which blocks are in the file, whole.
    func finishedBlocks() throws(IndexError) -> Set<Int> {
        try asIndexError(file.path) {
            let sums = try PassFile.read(descriptor, at: table, count: 4 * pass.blocks.count)
            return try sums.withUnsafeBytes { bytes in
                var reader = ByteReader(bytes), finished: Set<Int> = []
                for number in pass.blocks.indices {
                    guard let sum = reader.read(UInt32.self), sum != 0 else { continue }
                    let block = try PassFile.read(
                        descriptor, at: PassFile.headerBytes + number * blockBytes, count: blockBytes)
                    if block.count == blockBytes, Self.sum(block) == sum { finished.insert(number) }
                }
                return finished
            }
        }
    }

    /// Writes the neighbours of a block's rows, each list at the place of its row's code; false when that fails.
    func write(block number: Int, _ lists: [(position: Int, neighbors: [Neighbor])]) -> Bool {
        var fields = [UInt32](repeating: Self.noRow, count: blockBytes / 4)
        let first = pass.blocks[number].positions.lowerBound
        for (position, neighbors) in lists {
            for (rank, neighbor) in neighbors.prefix(width).enumerated() {
                let place = 2 * ((position - first) * width + rank)
                fields[place] = UInt32(neighbor.row).littleEndian
                fields[place + 1] = neighbor.similarity.bitPattern.littleEndian
            }
        }
        do throws(IndexError) {
            try asIndexError(file.path) {
                let bytes = fields.withUnsafeBytes { Array($0) }
                _ = try descriptor.writeAll(
                    toAbsoluteOffset: Int64(PassFile.headerBytes + number * blockBytes), bytes)
                var sum = FieldWriter()
                sum.append(Self.sum(bytes))
                _ = try descriptor.writeAll(toAbsoluteOffset: Int64(table + 4 * number), sum.bytes)
            }
            return true
        } catch {
            failure.withLock { $0 = $0 ?? error }
            return false
        }
    }

    /// Throws what kept a block from being written.
    func check() throws(IndexError) {
        if let error = failure.withLock({ $0 }) { throw error }
    }

    /// The finished file as a graph. Its memory is 12 bytes a row; the neighbours stay in the file.
    func graph() throws(IndexError) -> NeighborGraph {
        let map = try asIndexError(file.path) { try MappedFile(file.path) }
        guard map.bytes.count >= table else { throw .damaged(file.path, "it was cut short") }
        var slots = [UInt32](repeating: 0, count: pass.snapshot.count)
        for (number, block) in pass.blocks.enumerated() {
            let part = pass.snapshot.parts[block.part]
            for position in block.positions {
                guard let row = part.segment.row(atPosition: position), part.isLive(row) else { continue }
                slots[part.snapshotRow(row)] = UInt32(
                    number * AllRowsPass.blockRows + position - block.positions.lowerBound)
            }
        }
        return NeighborGraph(ids: pass.snapshot.allIDs(), width: width, map: map, slots: slots)
    }

    /// The CRC of a block as the table has it: never 0, which stands for a block that is not there.
    private static func sum(_ bytes: [UInt8]) -> UInt32 { Kernels.checksum(bytes) | 1 }
}
