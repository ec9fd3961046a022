// Every `#if os` of the package that concerns the C library stands in this file and in FileStatus.swift.
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// What the running system offers: cores, environment, standard streams.
public enum Platform {
    /// Cores that are online, at least 1.
    public static var coreCount: Int {
        return max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    }

    /// The number of this process.
    public static var processID: Int { Int(getpid()) }

    /// The value of an environment variable, or nil when it is unset or empty.
    public static func environment(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        let text = String(cString: value)
        return text.isEmpty ? nil : text
    }

    /// Whether a standard stream (0, 1, 2) is a terminal.
    public static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// Columns of the terminal behind a stream, 80 when unknown.
    public static func terminalWidth(_ descriptor: Int32 = 2) -> Int {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Sleeps for a time; a signal may end it early.
    public static func sleep(seconds: Double) {
        let whole = max(0, min(seconds, 86_400))
        var time = timespec()
        time.tv_sec = Int(whole)
        time.tv_nsec = Int((whole - whole.rounded(.down)) * 1e9)
        nanosleep(&time, nil)
    }

    /// Seconds of a monotonic clock.
    public static func monotonicSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    /// Asks the system to bring the first bytes of an open file into its cache, without waiting for them.
    static func willRead(_ descriptor: Int32, first byteCount: Int32) {
        #if canImport(Glibc)
            posix_fadvise(descriptor, 0, off_t(byteCount), POSIX_FADV_WILLNEED)
        #elseif canImport(Darwin)
            var range = radvisory(ra_offset: 0, ra_count: byteCount)
            _ = withUnsafeMutablePointer(to: &range) { fcntl(descriptor, F_RDADVISE, $0) }
        #endif
    }
}
