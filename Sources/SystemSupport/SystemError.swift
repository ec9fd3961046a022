public import SystemPackage

/// A failed system call: what was being done, to which file, and the system's own reason.
public struct SystemError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was being done, as a verb phrase ("open", "map", "rename").
    public let operation: String
    /// The file concerned, if any.
    public let path: FilePath?
    /// The system's reason.
    public let errno: Errno

    /// Creates an error for an operation that failed on a path with a reason.
    public init(_ operation: String, path: FilePath? = nil, errno: Errno) {
        self.operation = operation
        self.path = path
        self.errno = errno
    }

    /// The error as one line: `cannot open /x/y: No such file or directory`.
    public var description: String {
        guard let path else { return "cannot \(operation): \(errno)" }
        return "cannot \(operation) \(path): \(errno)"
    }
}

/// Runs a throwing system call and turns its `Errno` into a `SystemError` that names operation and path.
@inline(__always)
package func naming<T>(
    _ operation: String, _ path: FilePath?, _ body: () throws -> T
) throws(SystemError) -> T {
    do {
        return try body()
    } catch let error as Errno {
        throw SystemError(operation, path: path, errno: error)
    } catch let error as SystemError {
        throw error
    } catch {
        throw SystemError(operation, path: path, errno: .ioError)
    }
}
