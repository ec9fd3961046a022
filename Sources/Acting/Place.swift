import CFileActions
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
package import SystemPackage
package import SystemSupport

/// A folder held open, so that what is done to names in it is done in this very folder, whatever becomes of its path.
package final class OpenFolder: Sendable {
    /// The path it was opened by.
    package let path: FilePath
    /// The open folder.
    package let file: FileDescriptor

    /// Opens a folder.
    package init(_ path: FilePath) throws(SystemError) {
        self.path = path
        file = try naming("open the folder", path) {
            try FileDescriptor.open(path, .readOnly, options: [.directory, .closeOnExec])
        }
    }

    deinit { try? file.close() }

    /// The disk the folder is on.
    var mountedDisk: MountedDisk {
        get throws(SystemError) {
            MountedDisk(
                device: try FileStatus.of(file, path: path).device, mount: imgvec_mount(file.rawValue, ""))
        }
    }
}

/// A file system at one of the places where it is mounted: what a rename does not lead out of.
struct MountedDisk: Hashable {
    let device: UInt64, mount: UInt64

    init(device: UInt64, mount: UInt64) {
        self.device = device
        self.mount = mount
    }

    /// The disk a folder is on, links followed; the folder need not be readable.
    init(of folder: FilePath) throws(SystemError) {
        device = try FileStatus.of(folder).device
        mount = folder.withPlatformString { imgvec_mount(AT_FDCWD, $0) }
    }
}

/// A name in an open folder.
package struct Place: Sendable {
    /// The folder.
    package let folder: OpenFolder
    /// The name, which may be free.
    package let name: FilePath.Component

    /// Names a place in a folder.
    package init(_ folder: OpenFolder, _ name: FilePath.Component) {
        self.folder = folder
        self.name = name
    }

    /// The place of a path, whose folder must exist.
    package init(_ path: FilePath) throws(SystemError) {
        guard let name = path.lastComponent, name.kind == .regular else {
            throw SystemError("use", path: path, errno: .invalidArgument)
        }
        self.init(try OpenFolder(path.removingLastComponent()), name)
    }

    /// The path.
    package var path: FilePath { folder.path.appending(name) }

    /// What stands there; nil when nothing does. A symbolic link is not followed.
    package func status() throws(SystemError) -> FileStatus? {
        do { return try FileStatus.of(name, in: folder.file, path: path) } catch {
            if error.errno == .noSuchFileOrDirectory { return nil }
            throw error
        }
    }

    /// Opens the regular file that stands there for reading; a symbolic link is refused.
    package func open() throws(SystemError) -> FileDescriptor {
        let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC
        let opened = withName { openat(folder.file.rawValue, $0, flags) }
        guard opened >= 0 else { throw SystemError("open", path: path, errno: Errno(rawValue: errno)) }
        return FileDescriptor(rawValue: opened)
    }

    /// The target of the symbolic link that stands there; nil when it is none.
    package func linkTarget() -> FilePath? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let count = withName { readlinkat(folder.file.rawValue, $0, &buffer, Int(PATH_MAX)) }
        guard count > 0 else { return nil }
        return FilePath(bytes: buffer.prefix(count).map { UInt8(bitPattern: $0) })
    }

    func withName<T>(_ body: (UnsafePointer<CChar>) -> T) -> T {
        FilePath(root: nil, [name]).withPlatformString(body)
    }
}
