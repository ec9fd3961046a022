#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// A bounded queue between threads: senders wait while it is full, the receiver while it is empty.
public final class Mailbox<Message: Sendable>: @unchecked Sendable {
    // Unchecked: every access to `messages` and `openSenders` happens under the mutex.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    private let capacity: Int
    private var messages: [Message] = []
    private var openSenders: Int

    /// Makes a mailbox for a number of senders, each of which calls `close` when it has no more.
    public init(capacity: Int, senders: Int) {
        self.capacity = max(1, capacity)
        openSenders = senders
        mutex = .allocate(capacity: 1)
        changed = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(changed, nil)
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Puts a message in; waits while the mailbox is full.
    public func send(_ message: Message) {
        pthread_mutex_lock(mutex)
        while messages.count >= capacity { pthread_cond_wait(changed, mutex) }
        messages.append(message)
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
    }

    /// Says that one sender is done.
    public func close() {
        pthread_mutex_lock(mutex)
        openSenders -= 1
        pthread_cond_broadcast(changed)
        pthread_mutex_unlock(mutex)
    }

    /// Takes everything that is there, waiting for something to come; nil when all senders are done and the
    /// mailbox is empty.
    public func receive() -> [Message]? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while messages.isEmpty {
            if openSenders <= 0 { return nil }
            pthread_cond_wait(changed, mutex)
        }
        let taken = messages
        messages.removeAll(keepingCapacity: true)
        pthread_cond_broadcast(changed)
        return taken
    }
}
