#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import Synchronization
import SystemPackage

/// Blocking work on threads of our own, so that slow disks and C libraries never occupy the concurrency pool.
public enum WorkerThreads {
    /// Runs `body` for every index below `count` on up to `threads` threads and waits for all of them.
    ///
    /// Indices are handed out in order, one at a time: items should be worth more than a microsecond. With one
    /// thread everything runs on the caller. `body` must not throw; collect failures as results.
    public static func forEach(_ count: Int, threads: Int, _ body: @Sendable (Int) -> Void) {
        let wanted = min(threads, count)
        guard wanted > 1 else {
            for index in 0..<max(0, count) { body(index) }
            return
        }
        let next = Atomic<Int>(0)
        run(threads: wanted) { _ in
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                if index >= count { return }
                body(index)
            }
        }
    }

    /// Runs `body` once on each of `threads` threads (told its number), the caller's among them, and waits for all.
    public static func run(threads: Int, _ body: @Sendable (Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            var started: [pthread_t] = []
            for number in 1..<max(1, threads) {
                if let thread = spawn({ body(number) }) {
                    started.append(thread)
                } else {
                    // No thread to be had (a process limit): the work is done here instead.
                    body(number)
                }
            }
            body(0)
            for thread in started { pthread_join(thread, nil) }
        }
    }

    /// The parts in which threads take `count` items, in order, so that all of them end at nearly the same time: at
    /// most `most` items a part, and, of several threads, for none more than half of its share of what is left.
    ///
    /// The first of several threads gets one item: what the first to be there has to prepare is ready when the others
    /// come, instead of all waiting for it. "Guided self-scheduling" (Polychronopoulos and Kuck, 1987).
    public static func parts(of count: Int, threads: Int, most: Int) -> [Range<Int>] {
        var parts: [Range<Int>] = []
        var next = 0
        while next < count {
            let left = count - next, share = next == 0 ? 1 : left / (2 * threads)
            let size = max(1, min(most, threads > 1 ? share : left))
            parts.append(next..<next + size)
            next += size
        }
        return parts
    }

    /// Threads that were started together.
    public struct Group {
        fileprivate let threads: [pthread_t]

        /// Waits until all have ended; to be called once.
        public func join() { for thread in threads { pthread_join(thread, nil) } }
    }

    /// Starts `count` threads that each run `body` once, and returns at once.
    ///
    /// Throws when the system gives no further thread; the ones already started then run to their end.
    public static func start(_ count: Int, _ body: @escaping @Sendable () -> Void) throws(SystemError)
        -> Group
    {
        var threads: [pthread_t] = []
        for _ in 0..<count {
            guard let thread = spawn(body) else {
                throw SystemError("start a thread", errno: .resourceTemporarilyUnavailable)
            }
            threads.append(thread)
        }
        return Group(threads: threads)
    }

    private final class Work {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }

    private static func spawn(_ body: @escaping @Sendable () -> Void) -> pthread_t? {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        // Codecs recurse and keep rows on the stack; the 512 KiB that macOS gives a thread is too little.
        pthread_attr_setstacksize(&attributes, 8 << 20)
        let work = Unmanaged.passRetained(Work(body))
        #if os(Linux)
            var thread = pthread_t()
            let entry: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { pointer in
                guard let pointer else { return nil }
                Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().body()
                return nil
            }
            let result = pthread_create(&thread, &attributes, entry, work.toOpaque())
            if result == 0 { return thread }
        #else
            var thread: pthread_t?
            let entry: @convention(c) (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? = { pointer in
                Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().body()
                return nil
            }
            if pthread_create(&thread, &attributes, entry, work.toOpaque()) == 0 { return thread }
        #endif
        work.release()
        return nil
    }
}
