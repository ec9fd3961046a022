#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import Synchronization

/// Whether the user asked the program to stop (SIGINT, SIGTERM); long loops look at it between items.
public enum Interruption {
    private static let requested = Atomic<Bool>(false)

    /// True once a stop was asked for.
    public static var isRequested: Bool { requested.load(ordering: .relaxed) }

    /// From now on the first SIGINT or SIGTERM only sets the flag; a second one ends the process at once.
    public static func catchSignals() {
        _ = requested.load(ordering: .relaxed)  // initialised before a handler can run
        for number in [SIGINT, SIGTERM] {
            signal(number) { received in
                if Interruption.requested.exchange(true, ordering: .relaxed) { _exit(128 + received) }
            }
        }
    }
}
