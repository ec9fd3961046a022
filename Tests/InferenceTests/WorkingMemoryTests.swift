import SystemSupport
import TestSupport
import Testing

@testable import Inference

/// Memory that large tensors leave to each other.
@Suite struct WorkingMemoryTests {
    private let large = WorkingMemory.smallest / 4 + 1000

    @Test func tensorsNeverShareMemoryWhileTheyLive() {
        var random = SeededRandom(seed: 5)
        var living: [(tensor: Tensor, mark: Float)] = []
        for step in 0..<400 {
            if living.count > 8 || (living.count > 2 && Bool.random(using: &random)) {
                let (tensor, mark) = living.remove(at: Int.random(in: 0..<living.count, using: &random))
                #expect(tensor.read { elements in (0..<tensor.count).allSatisfy { elements[$0] == mark } })
            }
            let count = large + Int.random(in: 0..<large, using: &random)
            let mark = Float(step)
            living.append((Tensor([count], repeating: mark), mark))
        }
        for (tensor, mark) in living {
            #expect(tensor.read { elements in (0..<tensor.count).allSatisfy { elements[$0] == mark } })
        }
    }

    @Test func blocksAreTakenAgainAndForgottenInTheEnd() throws {
        let memory = WorkingMemory(), size = 3 << 20
        let first = try #require(memory.take(size))
        #expect(first.byteCount >= size && UInt(bitPattern: first.base) % 64 == 0)
        first.base.storeBytes(of: 7, as: UInt8.self)
        memory.give(first)
        let again = try #require(memory.take(size - size / 8))
        #expect(again.base == first.base, "a little smaller fits")
        memory.give(again)
        let small = try #require(memory.take(size / 2))
        #expect(small.base != first.base, "half the size would waste it")
        memory.give(small)
        for _ in 0..<2 * WorkingMemory.patience {
            let other = try #require(memory.take(WorkingMemory.smallest))
            memory.give(other)
        }
        let late = try #require(memory.take(size))
        defer { memory.give(late) }
        // Fresh memory from the system is zeros; the first block's was written.
        #expect(late.base.load(as: UInt8.self) == 0, "the first block went back")
    }

    @Test func borrowedElementsAreNotWritten() {
        final class Owner: Sendable {}
        let owner = Owner()
        var elements: [Float] = [1, 2, 3]
        elements.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return }
            var tensor = Tensor(borrowing: base, [3], from: owner)
            #expect(tensor.values == [1, 2, 3] && tensor.read { $0 } == UnsafePointer(base))
            tensor.write { $0[0] = 9 }
            #expect(tensor.values == [9, 2, 3])
        }
        #expect(elements == [1, 2, 3])
    }
}
