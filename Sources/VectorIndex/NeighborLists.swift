import CKernels
import Synchronization
import SystemPackage
import SystemSupport

/// The neighbours of every row while a pass finds them, and afterwards: a list of fixed length for each row.
///
/// A pass goes over the rows in several steps, and each reads what the one before has left. So there are two sets of
/// lists, written in turn, in memory or in a file. In the file each block of rows carries a checksum that also
/// tells the step: a killed pass goes on with the step it was in.
final class NeighborLists: @unchecked Sendable {
    // Unchecked: threads write the lists of different blocks, and read those of the step before.

    /// Entries of a list; those beyond the neighbours that were found say so.
    let width: Int
    private let pass: AllRowsPass
    /// Where each row's list stands.
    private let slots: [UInt32]
    private var sets: [ScratchMemory<UInt32>?] = [nil, nil]
    private let file: File?
    private let failure = Mutex<IndexError?>(nil)

    private struct File {
        let path: FilePath
        let descriptor: FileDescriptor
        let map: MappedFile
    }

    /// A row number that stands for no neighbour.
    static let noRow = UInt32.max
    /// Bytes of a neighbour: a row number and a similarity.
    private static let entryBytes = 8

    /// Rows that have a list.
    var count: Int { slots.count }

    /// Bytes of the number of the last step and its checksum.
    private static let endBytes = 8

    private var listWords: Int { 2 * width }
    private var blockBytes: Int { AllRowsPass.blockRows * width * Self.entryBytes }

    /// Empty lists; with a path, those that the file there has, if it belongs to the same pass and the same `question`.
    init(_ pass: AllRowsPass, width: Int, question: UInt64, path: FilePath?) throws(IndexError) {
        self.pass = pass
        self.width = width
        slots = Self.slots(pass)
        guard let path else {
            file = nil
            return
        }
        let header = PassFile(
            path: path, content: .neighbors, identity: pass.identity ^ question, blocks: pass.blocks.count,
            width: width)
        let size =
            PassFile.headerBytes
            + 2 * pass.blocks.count * (AllRowsPass.blockRows * width * Self.entryBytes + 4)
            + Self.endBytes
        let descriptor = try header.open(size: size)
        do throws(IndexError) {
            file = try asIndexError(path) {
                // Whatever was cut off is missing blocks.
                if try descriptor.seek(offset: 0, from: .end) != Int64(size) {
                    try descriptor.resize(to: Int64(size))
                }
                return File(path: path, descriptor: descriptor, map: try MappedFile(path))
            }
        } catch {
            try? descriptor.close()
            throw error
        }
    }

    deinit { try? file?.descriptor.close() }

    /// Where each row's list stands: blocks follow each other, each with room for the positions of a full one.
    private static func slots(_ pass: AllRowsPass) -> [UInt32] {
        var slots = [UInt32](repeating: 0, count: pass.snapshot.count)
        for (number, block) in pass.blocks.enumerated() {
            let part = pass.snapshot.parts[block.part]
            for position in block.positions {
                guard let row = part.segment.row(atPosition: position), part.isLive(row) else { continue }
                slots[part.snapshotRow(row)] = UInt32(
                    number * AllRowsPass.blockRows + position - block.positions.lowerBound)
            }
        }
        return slots
    }

    /// Where the code of a row stands.
    func position(of row: Int) -> RowPosition {
        let slot = Int(slots[row]), block = pass.blocks[slot / AllRowsPass.blockRows]
        return RowPosition(
            part: block.part, position: block.positions.lowerBound + slot % AllRowsPass.blockRows)
    }

    /// Makes room for what a step is going to write.
    func begin(_ step: Int) {
        guard file == nil, sets[step % 2] == nil else { return }
        sets[step % 2] = ScratchMemory(pass.blocks.count * AllRowsPass.blockRows * listWords)
    }

    /// Takes note that a step was the last one, and gives up the lists of the one before.
    func end(_ step: Int) throws(IndexError) {
        sets[(step + 1) % 2] = nil
        guard let file else { return }
        try asIndexError(file.path) {
            var fields = FieldWriter()
            fields.append(UInt32(step))
            fields.append(Kernels.checksum(fields.bytes))
            _ = try file.descriptor.writeAll(toAbsoluteOffset: Int64(placeOfEnd), fields.bytes)
        }
    }

    /// The last step, if the file is that of a finished pass.
    var lastStep: Int? {
        guard let file else { return nil }
        var reader = ByteReader(file.map.bytes, offset: placeOfEnd)
        guard let step = reader.read(UInt32.self), let sum = reader.read(UInt32.self) else { return nil }
        var fields = FieldWriter()
        fields.append(step)
        return Kernels.checksum(fields.bytes) == sum ? Int(step) : nil
    }

    private func base(_ step: Int) -> UnsafePointer<UInt32>? {
        guard let file else { return sets[step % 2].map { UnsafePointer($0.base) } }
        let first = PassFile.headerBytes + step % 2 * pass.blocks.count * blockBytes
        return (file.map.bytes.baseAddress.map { $0 + first })?.assumingMemoryBound(to: UInt32.self)
    }

    /// The neighbour of a row with a rank as a step left it; nil when there is none.
    func entry(of row: Int, rank: Int, step: Int) -> (row: Int, similarity: Float)? {
        guard let base = base(step) else { return nil }
        let place = base + Int(slots[row]) * listWords + 2 * rank
        // Another program may write to the file: no number from it is ever out of bounds.
        let other = Int(UInt32(littleEndian: place[0]))
        guard other < slots.count else { return nil }
        return (other, Float(bitPattern: UInt32(littleEndian: place[1])))
    }

    /// The neighbours that a step left in a row's list, best first.
    func neighbors(of row: Int, step: Int) -> [Neighbor] {
        var found: [Neighbor] = []
        for rank in 0..<width {
            guard let entry = entry(of: row, rank: rank, step: step) else { break }
            found.append(
                Neighbor(
                    row: entry.row, id: pass.snapshot.id(ofRow: entry.row), similarity: entry.similarity))
        }
        return found
    }

    /// Calls `body` with the row of each neighbour that a step left in a row's list, best first.
    func forEachNeighbor(of row: Int, step: Int, _ body: (Int) -> Void) {
        guard let base = base(step) else { return }
        let list = base + Int(slots[row]) * listWords
        for rank in 0..<width {
            let other = Int(UInt32(littleEndian: list[2 * rank]))
            guard other < slots.count else { return }
            body(other)
        }
    }

    /// Asks for a row's list to be brought into the cache.
    func prefetch(_ row: Int, step: Int) {
        guard let base = base(step) else { return }
        ck_prefetch(base + Int(slots[row]) * listWords, listWords * MemoryLayout<UInt32>.stride)
    }

    /// Keeps the neighbours of a block's rows, each list at the place of its row's code; false when that fails.
    func write(block number: Int, step: Int, _ lists: [(position: Int, neighbors: [Neighbor])]) -> Bool {
        var fields = [UInt32](repeating: Self.noRow, count: blockBytes / 4)
        let first = pass.blocks[number].positions.lowerBound
        for (position, neighbors) in lists {
            for (rank, neighbor) in neighbors.prefix(width).enumerated() {
                let place = (position - first) * listWords + 2 * rank
                fields[place] = UInt32(neighbor.row).littleEndian
                fields[place + 1] = neighbor.similarity.bitPattern.littleEndian
            }
        }
        guard let file else {
            (sets[step % 2]?.base).map {
                ($0 + number * AllRowsPass.blockRows * listWords).update(from: fields, count: fields.count)
            }
            return true
        }
        do throws(IndexError) {
            try asIndexError(file.path) {
                let bytes = fields.withUnsafeBytes { Array($0) }
                _ = try file.descriptor.writeAll(
                    toAbsoluteOffset: Int64(place(ofBlock: number, step)), bytes)
                var sum = FieldWriter()
                sum.append(bytes.withUnsafeBytes { Self.sum($0, step) })
                _ = try file.descriptor.writeAll(
                    toAbsoluteOffset: Int64(place(ofSum: number, step)), sum.bytes)
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

    /// Whether the file has a block as a step left it, whole.
    func has(block number: Int, step: Int) -> Bool {
        guard let file else { return false }
        let start = place(ofBlock: number, step)
        var reader = ByteReader(file.map.bytes, offset: place(ofSum: number, step))
        guard let sum = reader.read(UInt32.self), sum != 0, start + blockBytes <= file.map.bytes.count
        else { return false }
        return Self.sum(
            UnsafeRawBufferPointer(rebasing: file.map.bytes[start..<start + blockBytes]), step) == sum
    }

    private func place(ofBlock number: Int, _ step: Int) -> Int {
        PassFile.headerBytes + (step % 2 * pass.blocks.count + number) * blockBytes
    }

    private var placeOfEnd: Int { place(ofSum: 0, 0) + 2 * 4 * pass.blocks.count }

    private func place(ofSum number: Int, _ step: Int) -> Int {
        place(ofBlock: 0, 0) + 2 * pass.blocks.count * blockBytes
            + 4 * (step % 2 * pass.blocks.count + number)
    }

    /// The checksum of a block after a step: never 0, which stands for a block that is not there.
    private static func sum(_ bytes: UnsafeRawBufferPointer, _ step: Int) -> UInt32 {
        ck_crc32c(UInt32(step), bytes.baseAddress, bytes.count) | 1
    }
}
