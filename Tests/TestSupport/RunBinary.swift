#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import Foundation
public import SystemPackage
import SystemSupport

/// The built program, run as a user would run it: in a folder of its own, with an environment of its own.
public struct Program: Sendable {
    /// What a run gave back.
    public struct Output: Sendable {
        /// The exit status, or 128 + the signal that ended the process.
        public let status: Int32
        /// Everything on standard output.
        public let bytes: [UInt8]
        /// Everything on standard error.
        public let errors: String

        /// Standard output as text.
        public var text: String { String(decoding: bytes, as: UTF8.self) }
        /// Standard output's lines.
        public var lines: [String] { text.split(separator: "\n").map(String.init) }
    }

    /// The folder commands run in; home, data folder and temporary files lie in it too.
    public let folder: FilePath

    /// Runs commands in a folder.
    public init(in folder: FilePath) { self.folder = folder }

    /// Where the built program stands: beside the test bundle.
    public static let binary: FilePath = {
        var path = FilePath(CommandLine.arguments[0])
        #if os(Linux)
            path = (try? Folders.resolve("/proc/self/exe")) ?? path
        #endif
        while path.removeLastComponent(), !path.isEmpty {
            let candidate = path.appending("imgvec")
            if (try? FileStatus.of(candidate))?.kind == .regular { return candidate }
        }
        return "imgvec"
    }()

    /// Runs `imgvec` with arguments (as bytes of UTF-8 text) and waits for its end.
    public func run(
        _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:]
    ) throws -> Output {
        try run(arguments.map { Array($0.utf8) }, input: input, environment: environment)
    }

    /// Runs `imgvec` with a command line split at blanks.
    public func run(_ line: String, input: [UInt8] = [], environment: [String: String] = [:]) throws -> Output
    {
        try run(line.split(separator: " ").map(String.init), input: input, environment: environment)
    }

    /// Runs `imgvec` with arguments given as bytes.
    public func run(
        _ arguments: [[UInt8]], input: [UInt8] = [], environment: [String: String] = [:]
    ) throws -> Output {
        let running = try start(arguments, input: input, environment: environment)
        return try running.wait()
    }

    /// A started process.
    public struct Running {
        /// Its process number.
        public let process: Int32
        fileprivate let scratch: TemporaryFolder

        /// Sends a signal.
        public func signal(_ number: Int32) { kill(process, number) }

        /// Waits for the end and gives what was written.
        public func wait() throws -> Output {
            var raw: Int32 = 0
            while waitpid(process, &raw, 0) < 0, errno == EINTR {}
            let ended = raw & 0x7F
            return Output(
                status: ended == 0 ? (raw >> 8) & 0xFF : 128 + ended,
                bytes: try FileContents.read(scratch.path.appending("out")).bytes,
                errors: String(
                    decoding: try FileContents.read(scratch.path.appending("err")).bytes, as: UTF8.self))
        }
    }

    /// Starts `imgvec` without waiting for it.
    public func start(
        _ arguments: [[UInt8]], input: [UInt8] = [], environment extra: [String: String] = [:]
    ) throws -> Running {
        let scratch = try TemporaryFolder()
        try input.withUnsafeBytes { try AtomicFile.write($0, to: scratch.path.appending("in")) }
        var environment = [
            "HOME": folder.string, "XDG_DATA_HOME": folder.appending("data").string,
            "PATH": Platform.environment("PATH") ?? "/usr/bin:/bin",
        ]
        for name in ["LD_LIBRARY_PATH", "IMGVEC_SIMD", "IMGVEC_MATH"] {
            if let value = Platform.environment(name) { environment[name] = value }
        }
        environment.merge(extra) { _, new in new }
        #if os(Linux)
            var actions = posix_spawn_file_actions_t()
        #else
            var actions: posix_spawn_file_actions_t?
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, scratch.path.appending("in").string, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(
            &actions, 1, scratch.path.appending("out").string, O_WRONLY | O_CREAT, 0o600)
        posix_spawn_file_actions_addopen(
            &actions, 2, scratch.path.appending("err").string, O_WRONLY | O_CREAT, 0o600)
        // Test threads block signals, and a child would inherit that: it could not be interrupted.
        #if os(Linux)
            var attributes = posix_spawnattr_t()
        #else
            var attributes: posix_spawnattr_t?
        #endif
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t(), interrupting = sigset_t()
        sigemptyset(&none)
        sigemptyset(&interrupting)
        sigaddset(&interrupting, SIGINT)
        sigaddset(&interrupting, SIGTERM)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &interrupting)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        // The shell changes the folder and becomes the program; arguments pass through it as bytes.
        let shell = ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\""].map { Array($0.utf8) }
        var argv: [UnsafeMutablePointer<CChar>?] =
            (shell + [folder.bytes, Self.binary.bytes] + arguments).map { bytes in
                (bytes + [0]).withUnsafeBytes {
                    $0.bindMemory(to: CChar.self).baseAddress.flatMap { strdup($0) }
                }
            } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { (argv + envp).forEach { free($0) } }
        var process: pid_t = 0
        let result = posix_spawn(&process, "/bin/sh", &actions, &attributes, &argv, &envp)
        guard result == 0 else {
            throw SystemError("start", path: Self.binary, errno: Errno(rawValue: result))
        }
        return Running(process: process, scratch: scratch)
    }
}
