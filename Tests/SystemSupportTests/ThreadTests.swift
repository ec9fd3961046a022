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
