import COneDNN
import Synchronization

/// Memory of large tensors, which comes and goes with every layer: kept for the next one instead of given back.
///
/// The allocator would cut such blocks from each thread's arena, where they leave holes that nothing fills; and pages
/// that are given back have to be cleared by the system when they come again. Blocks that nobody wanted for some
/// batches' time are given back. Any thread may give what another has taken.
final class WorkingMemory: Sendable {
    /// Memory of at least as many bytes as were asked for, aligned to 64.
    struct Block: @unchecked Sendable {
        // Unchecked: whoever has taken it owns it.
        let base: UnsafeMutableRawPointer
        let byteCount: Int
        /// How many blocks had been taken when this one was given back.
        fileprivate var idleSince = 0
    }

    /// That of all tensors.
    static let shared = WorkingMemory()
    /// Smaller tensors are the allocator's, in bytes.
    static let smallest = 1 << 16
    /// So many blocks are taken before one that nobody wanted goes back: some batches of a ResNet-50 on two threads.
    static let patience = 1024
    private static let mostIdle = 256 << 20

    private struct Idle {
        var blocks: [Block] = []
        var taken = 0
    }

    private let idle = Mutex(Idle())

    /// A block whose contents are undefined; nil when memory ran out.
    func take(_ wanted: Int) -> Block? {
        let byteCount = Self.sizeClass(wanted)
        let kept = idle.withLock { idle -> Block? in
            idle.taken += 1
            // One that is more than half as large again may wait for something of its size.
            let fits = idle.blocks.indices.filter {
                (byteCount...byteCount + byteCount / 2).contains(idle.blocks[$0].byteCount)
            }
            return fits.min { idle.blocks[$0].byteCount < idle.blocks[$1].byteCount }.map {
                idle.blocks.remove(at: $0)
            }
        }
        return kept ?? Self.map(byteCount)
    }

    /// Takes a block back.
    func give(_ block: Block) {
        let forgotten = idle.withLock { idle -> [Block] in
            var block = block
            block.idleSince = idle.taken
            idle.blocks.append(block)
            var bytes = 0, kept: [Block] = [], forgotten: [Block] = []
            for block in idle.blocks.reversed() {
                bytes += block.byteCount
                let isWanted = idle.taken - block.idleSince <= Self.patience && bytes <= Self.mostIdle
                if isWanted { kept.append(block) } else { forgotten.append(block) }
            }
            idle.blocks = kept.reversed()
            return forgotten
        }
        for block in forgotten { Self.unmap(block) }
    }

    /// The next of eight sizes between two powers of two: layers that differ a little can follow each other. What is
    /// added is not touched, and so takes no memory.
    private static func sizeClass(_ byteCount: Int) -> Int {
        let step = max(1, (1 << (Int.bitWidth - byteCount.leadingZeroBitCount - 1)) / 8)
        return (byteCount + step - 1) / step * step
    }

    /// Memory from the system; nil when it has none.
    static func map(_ byteCount: Int) -> Block? {
        cdnn_block(byteCount).map { Block(base: $0, byteCount: byteCount) }
    }

    /// Memory back to the system.
    static func unmap(_ block: Block) { cdnn_block_free(block.base) }

    deinit { for block in idle.withLock({ $0.blocks }) { Self.unmap(block) } }
}
