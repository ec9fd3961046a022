#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import SystemPackage
import SystemSupport

/// A regular file that was opened, locked, and found to be what a plan says of it.
///
/// The lock (advisory, between imgvec's own runs and whoever else asks) lasts as long as the object: two plans that
/// are carried out at once cannot each rely on the copy that the other one takes away.
final class CheckedFile {
    enum Lock { case none, shared, exclusive }

    let place: Place
    let file: FileDescriptor
    let status: FileStatus
    let sha256: [UInt8]

    var path: FilePath { place.path }
    var number: FileNumber { FileNumber(status) }
    var identity: FileIdentity { FileIdentity(status, sha256: sha256) }

    /// Opens a file and compares size, time and content with what is expected; a symbolic link is refused.
    init(
        _ path: FilePath, size: Int64?, modified: Int64?, sha256: [UInt8], lock: Lock, digests: DigestCache
    ) throws(SkipReason) {
        do { place = try Place(path) } catch { throw Self.reason(error, path) }
        let file: FileDescriptor
        do {
            // Asked before opening, so that a device or a pipe is never opened.
            guard let found = try place.status() else { throw SkipReason.gone(path) }
            guard found.kind == .regular else { throw SkipReason.notAFile(path) }
            file = try place.open()
        } catch let error as SystemError { throw Self.reason(error, path) } catch let error as SkipReason {
            throw error
        } catch { throw .gone(path) }
        self.file = file
        do {
            status = try FileStatus.of(file, path: path)
            self.sha256 = try Self.check(
                status, file, path, size: size, modified: modified, sha256: sha256, lock: lock,
                digests: digests)
        } catch {
            try? file.close()
            if let error = error as? SystemError { throw .system(error) }
            throw error as? SkipReason ?? .gone(path)
        }
    }

    deinit { try? file.close() }

    private static func check(
        _ status: FileStatus, _ file: FileDescriptor, _ path: FilePath, size: Int64?, modified: Int64?,
        sha256: [UInt8], lock: Lock, digests: DigestCache
    ) throws -> [UInt8] {
        guard status.kind == .regular else { throw SkipReason.notAFile(path) }
        if let size, status.size != size { throw SkipReason.changed(path, what: "size") }
        if let modified, status.modifiedNanoseconds != modified {
            throw SkipReason.changed(path, what: "modification time")
        }
        if lock != .none,
            flock(file.rawValue, (lock == .shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0, errno == EWOULDBLOCK
        {
            throw SkipReason.inUse(path)
        }
        let found = try digests.sha256(of: file, status: status, path: path)
        guard found == sha256 else { throw SkipReason.changed(path, what: "content") }
        return found
    }

    private static func reason(_ error: SystemError, _ path: FilePath) -> SkipReason {
        switch error.errno {
        case .noSuchFileOrDirectory, .notDirectory: .gone(path)
        case .tooManySymbolicLinkLevels: .notAFile(path)
        default: .system(error)
        }
    }

    /// Whether the bytes are still the ones that were checked, as far as size and time can tell.
    func isUnchanged() throws(SystemError) -> Bool {
        let now = try FileStatus.of(file, path: path)
        return now.size == status.size && now.modifiedNanoseconds == status.modifiedNanoseconds
    }

    /// Whether the name that was checked still leads to the file, with the bytes that were checked.
    func isAsChecked() throws(SystemError) -> Bool {
        guard try isUnchanged() else { return false }
        return try stands(at: place)
    }

    /// Whether a name leads to this very file.
    func stands(at place: Place) throws(SystemError) -> Bool {
        try place.status().map(FileNumber.init) == number
    }
}

/// Digests of files that were read in this run: a kept file with a thousand copies is read once, not a thousand
/// times. A digest counts only while size, time and the time of the last change, which nobody can set, stay.
final class DigestCache {
    private var known: [FileNumber: (status: FileStatus, sha256: [UInt8])] = [:]

    func sha256(of file: FileDescriptor, status: FileStatus, path: FilePath) throws(SystemError) -> [UInt8] {
        let number = FileNumber(status)
        if let known = known[number], known.status.size == status.size,
            known.status.modifiedNanoseconds == status.modifiedNanoseconds,
            known.status.changedNanoseconds == status.changedNanoseconds
        {
            return known.sha256
        }
        let digest = try ContentDigest.sha256(of: file, path: path)
        // Bytes written while they were read belong to no status.
        let after = try FileStatus.of(file, path: path)
        if after.changedNanoseconds == status.changedNanoseconds { known[number] = (status, digest) }
        return digest
    }
}
