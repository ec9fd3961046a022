#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import ArgumentParser

/// How the program ends; thrown by commands to end with something other than 0.
enum ExitStatus: Int32, Error {
    /// Found something, or did what was asked.
    case success = 0
    /// Nothing was found.
    case nothingFound = 1
    /// Could not do what was asked.
    case failure = 2
    /// Did it, but some files could not be read.
    case someUnreadable = 3
    /// Stopped by the user; finished work is kept.
    case interrupted = 130

    func exit() -> Never { Self.end(rawValue) }

    static func end(_ status: Int32) -> Never {
        #if canImport(Glibc)
            Glibc.exit(status)
        #else
            Darwin.exit(status)
        #endif
    }
}

/// The one place where an error becomes words and an exit status.
enum Failure {
    static func report(_ error: any Error) -> Never {
        // The parser throws help and version texts too; those go to standard output and are no failure.
        if Imgvec.exitCode(for: error).isSuccess {
            StandardOutput.shared.write(Imgvec.fullMessage(for: error) + "\n")
            try? StandardOutput.shared.flush()
            ExitStatus.success.exit()
        }
        let isUsage = Imgvec.exitCode(for: error) == .validationFailure
        if isUsage {
            StandardError.write(text: Imgvec.fullMessage(for: error))
        } else {
            StandardError.write("imgvec: \(error)")
        }
        ExitStatus.failure.exit()
    }
}
