import Synchronization
import SystemSupport
import Testing

@Suite struct ThreadTests {
    @Test func everyIndexIsVisitedOnce() {
        for threads in [1, 2, 7] {
            let visits = Mutex([Int](repeating: 0, count: 1000))
            WorkerThreads.forEach(1000, threads: threads) { index in visits.withLock { $0[index] += 1 } }
            #expect(visits.withLock { $0.allSatisfy { $0 == 1 } })
        }
    }

    /// Whichever thread is the slower, the parts that are left when one finds no more are its last items alone.
    @Test func partsCoverEverythingAndGetSmallerTowardsTheEnd() {
        for (count, threads) in [(0, 2), (1, 2), (7, 1), (8, 3), (96, 2), (1000, 1), (1001, 2), (997, 16)] {
            let parts = WorkerThreads.parts(of: count, threads: threads, most: 8)
            #expect(parts.flatMap(Array.init) == Array(0..<count))
            #expect(parts.allSatisfy { !$0.isEmpty && $0.count <= 8 })
            if threads > 1 {
                let sizes = parts.map(\.count)
                #expect(sizes.first ?? 1 == 1 && sizes.suffix(threads).allSatisfy { $0 == 1 })
                #expect(Array(sizes.dropFirst()) == sizes.dropFirst().sorted(by: >))
            }
        }
        #expect(WorkerThreads.parts(of: 20, threads: 1, most: 8) == [0..<8, 8..<16, 16..<20])
    }

    @Test func mailboxDeliversEverythingInEachSendersOrder() throws {
        let mailbox = Mailbox<(Int, Int)>(capacity: 3, senders: 4)
        let next = Atomic<Int>(0)
        let group = try WorkerThreads.start(4) {
            let sender = next.wrappingAdd(1, ordering: .relaxed).oldValue
            for number in 0..<200 { mailbox.send((sender, number)) }
            mailbox.close()
        }
        var received: [Int: [Int]] = [:]
        while let messages = mailbox.receive() {
            #expect(!messages.isEmpty && messages.count <= 3)
            for (sender, number) in messages { received[sender, default: []].append(number) }
        }
        group.join()
        #expect(received.count == 4)
        #expect(received.values.allSatisfy { $0 == Array(0..<200) })
    }
}
