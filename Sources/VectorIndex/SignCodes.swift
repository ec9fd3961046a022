import CKernels
import SystemSupport

/// Some rows of a snapshot by the signs of their rotated coordinates.
///
/// Two vectors at an angle of θ differ in each sign with the probability θ/π (Goemans and Williamson, JACM 1995). The codes of
/// the segments do not serve for that: their signs are those of the difference from a segment's centre.
final class SignCodes: Sendable {
    /// A short rotation is followed by others until there are so many signs: few of them tell an angle poorly.
    private static let leastBits = 512

    /// The rows' numbers in the snapshot; nil when they are all rows.
    private let rows: [UInt32]?
    let count: Int
    /// Words of 64 signs to a code.
    let words: Int
    /// The codes, one after the other.
    let codes: ScratchMemory<UInt64>

    var bits: Int { 64 * words }

    /// Makes the codes of the rows that a filter leaves. Cost: reading all vectors and rotating them; 64 bytes a row, or
    /// more where vectors are longer than 512.
    init(_ snapshot: VectorSnapshot, filter: RowFilter?, threads: Int) {
        if let filter {
            rows = snapshot.parts.enumerated().flatMap { index, part in
                filter.parts[index].members.map { UInt32(part.snapshotRow(Int($0))) }
            }
        } else {
            rows = nil
        }
        let count = rows?.count ?? snapshot.count
        let length = snapshot.rotation.length
        let rotations = (0..<max(1, (Self.leastBits + length - 1) / length)).map {
            $0 == 0 ? snapshot.rotation : Rotation(length: length, seed: snapshot.rotation.seed &+ UInt64($0))
        }
        let words = rotations.count * length / 64
        let codes = ScratchMemory<UInt64>(count * words)
        (self.count, self.words, self.codes) = (count, words, codes)
        let slice = 1024, members = rows
        WorkerThreads.forEach((count + slice - 1) / slice, threads: threads) { number in
            if Interruption.isRequested { return }
            let vector = ScratchMemory<Float>(length), rotated = ScratchMemory<Float>(length)
            for member in number * slice..<min(count, (number + 1) * slice) {
                let place = snapshot.locate(members.map { Int($0[member]) } ?? member)
                let part = snapshot.parts[place.part]
                part.segment.copyVector(ofRow: place.row, to: vector.base)
                for (turn, rotation) in rotations.enumerated() {
                    rotated.base.update(from: vector.base, count: length)
                    rotation.rotateUnit(
                        rotated.base, dimension: snapshot.space.dimension,
                        inverseNorm: part.segment.inverseNorm[place.row])
                    let code = codes.base + member * words + turn * length / 64
                    for word in 0..<length / 64 {
                        var signs: UInt64 = 0
                        for bit in 0..<64 where rotated.base[64 * word + bit] < 0 {
                            signs |= 1 << UInt64(bit)
                        }
                        code[word] = signs
                    }
                }
            }
        }
    }

    /// The number in the snapshot of one of the rows.
    func snapshotRow(_ member: Int) -> Int { rows.map { Int($0[member]) } ?? member }

    /// The code of one of the rows.
    func code(_ member: Int) -> UnsafePointer<UInt64> { UnsafePointer(codes.base + member * words) }

    /// In how many bits some pairs of rows differ, of all pairs the same share everywhere: what strangers have in common.
    func distancesOfStrangers(_ wanted: Int) -> [Int] {
        guard count > 1 else { return [] }
        var random = SplitMix(state: 0x51C0_DE5A)
        return (0..<wanted).compactMap { _ in
            let a = Int(random.next() % UInt64(count)), b = Int(random.next() % UInt64(count))
            return a == b ? nil : Int(ck_code_distance(code(a), code(b), words))
        }
    }
}
