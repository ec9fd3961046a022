#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import Synchronization
public import SystemPackage

/// A mapped file that another program has cut short while it was in use.
public struct FileTruncated: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file.
    public let path: FilePath

    /// One line naming the file.
    public var description: String { "\(path): was cut short by another program while it was being used" }
}

/// Keeps a mapped file that shrinks from ending the process.
///
/// Reading a mapping behind the end of its file raises SIGBUS. Once installed, the guard puts zeros where the
/// file ended and remembers the file; whoever used the mapping asks `check` before trusting what it computed.
/// A program installs it at its start; as a library, imgvec leaves signals alone.
public enum TruncationGuard {
    /// One mapping. Written under `lock`, read by the signal handler without.
    private struct Slot: ~Copyable {
        let start = Atomic<UInt>(.max), end = Atomic<UInt>(0)
        let isHit = Atomic<Bool>(false)
    }

    // More mappings than these at once are not guarded.
    private static let capacity = 4096
    nonisolated(unsafe) private static let slots = {
        let slots = UnsafeMutablePointer<Slot>.allocate(capacity: capacity)
        for index in 0..<capacity { (slots + index).initialize(to: Slot()) }
        return slots
    }()
    private static let paths = Mutex<[Int: FilePath]>([:])
    private static let hits = Atomic<Int>(0)
    private static let pageSize = UInt(sysconf(Int32(_SC_PAGESIZE)))

    /// Begins to guard all mappings, those made already too.
    public static func install() {
        // Everything that the handler touches exists before it can run.
        _ = (slots, pageSize, hits.load(ordering: .relaxed))
        var action = sigaction()
        #if canImport(Glibc)
            action.__sigaction_handler.sa_sigaction = { _, info, _ in TruncationGuard.handle(info) }
        #else
            action.__sigaction_u.__sa_sigaction = { _, info, _ in TruncationGuard.handle(info) }
        #endif
        action.sa_flags = Int32(SA_SIGINFO)
        sigaction(SIGBUS, &action, nil)
    }

    /// Throws when a mapped file has been cut short and read since; costs nothing as long as none was.
    public static func check() throws(FileTruncated) {
        guard hits.load(ordering: .acquiring) > 0 else { return }
        let hit = paths.withLock { paths in
            paths.sorted { $0.key < $1.key }.first { slots[$0.key].isHit.load(ordering: .acquiring) }?.value
        }
        if let hit { throw FileTruncated(path: hit) }
    }

    /// Guards a mapping until it is dropped; nil when there are too many.
    static func add(_ bytes: UnsafeRawBufferPointer, path: FilePath) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        return paths.withLock { paths in
            guard let free = (0..<capacity).first(where: { paths[$0] == nil }) else { return nil }
            paths[free] = path
            slots[free].isHit.store(false, ordering: .relaxed)
            slots[free].end.store(UInt(bitPattern: base) + UInt(bytes.count), ordering: .releasing)
            slots[free].start.store(UInt(bitPattern: base), ordering: .releasing)
            return free
        }
    }

    /// Stops guarding a mapping, before it is unmapped. One that was hit stays on record.
    static func remove(_ index: Int) {
        paths.withLock { paths in
            slots[index].start.store(.max, ordering: .releasing)
            slots[index].end.store(0, ordering: .releasing)
            if !slots[index].isHit.load(ordering: .acquiring) { paths[index] = nil }
        }
    }

    // Runs on the thread that read behind the end, inside the read: atomics and system calls only.
    private static func handle(_ info: UnsafeMutablePointer<siginfo_t>?) {
        let before = errno
        #if canImport(Glibc)
            let address = UInt(bitPattern: info?.pointee._sifields._sigfault.si_addr)
        #else
            let address = UInt(bitPattern: info?.pointee.si_addr)
        #endif
        for index in 0..<capacity {
            let start = slots[index].start.load(ordering: .acquiring)
            let end = slots[index].end.load(ordering: .acquiring)
            guard start <= address, address < end else { continue }
            let page = address & ~(pageSize - 1)
            let zeros = mmap(
                UnsafeMutableRawPointer(bitPattern: page), Int(end - page), PROT_READ,
                MAP_PRIVATE | MAP_ANON | MAP_FIXED, -1, 0)
            if zeros == MAP_FAILED { break }
            slots[index].isHit.store(true, ordering: .releasing)
            hits.add(1, ordering: .acquiringAndReleasing)
            errno = before
            return
        }
        // Not one of ours: the read is tried again and ends the process, as it would have.
        var action = sigaction()
        action.sa_flags = 0
        #if canImport(Glibc)
            action.__sigaction_handler.sa_handler = SIG_DFL
        #else
            action.__sigaction_u.__sa_handler = SIG_DFL
        #endif
        sigaction(SIGBUS, &action, nil)
    }
}
