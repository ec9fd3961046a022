#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
import SystemPackage
import SystemSupport

/// A trash folder: on Linux as the FreeDesktop.org Trash specification 1.0 lays it out, with `files/` and notes in
/// `info/`; on macOS the user's `.Trash` and other volumes' `.Trashes/$uid`, which hold the files themselves.
///
/// Files are renamed into it by ourselves, on macOS too: the journal must have the new place before the file goes
/// there, and `NSFileManager.trashItem` tells it only afterwards.
struct Trash: Sendable {
    #if os(macOS)
        private static let hasNotes = false
        private static let sharedName: FilePath.Component = ".Trashes"
    #else
        private static let hasNotes = true
        private static let sharedName: FilePath.Component = ".Trash"
    #endif

    /// The trash's folder.
    let folder: FilePath
    /// The top folder of the file system, which the notes' paths are relative to; nil in the home trash.
    let top: FilePath?

    /// The trash of the file system that a file stands on: the home trash when it is the same one, else
    /// `$top/.Trash/$uid` when an administrator has made `$top/.Trash` with the sticky bit, else `$top/.Trash-$uid`.
    ///
    /// Folders that are missing are made, readable for their owner only; on a dry run they are only named.
    static func forFile(at place: Place, home: FilePath?, disk: any Disk, isDryRun: Bool) throws -> Trash {
        let here = try place.folder.mountedDisk
        if let home, try MountedDisk(of: nearestFolder(home)) == here {
            let trash = Trash(folder: home, top: nil)
            if !isDryRun { try trash.createFolders(disk) }
            return trash
        }
        let top = try topFolder(of: place.folder.path, on: here)
        let user = getuid()
        let shared = top.appending(sharedName)
        if let found = try? FileStatus.of(shared, followingLinks: false), found.kind == .directory,
            found.permissions & 0o1000 != 0
        {
            let trash = Trash(folder: shared.appending("\(user)"), top: top)
            // The specification asks for the other place when this one cannot be used.
            if isDryRun || (try? trash.createFolders(disk)) != nil { return trash }
        }
        let trash = Trash(folder: top.appending("\(sharedName)-\(user)"), top: top)
        if !isDryRun { try trash.createFolders(disk) }
        return trash
    }

    /// A folder, or the first one above it that is there.
    private static func nearestFolder(_ path: FilePath) -> FilePath {
        var folder = path
        while folder.lastComponent != nil, (try? FileStatus.of(folder)) == nil {
            folder.removeLastComponent()
        }
        return folder
    }

    private var files: FilePath { Self.hasNotes ? folder.appending("files") : folder }
    private var notes: FilePath? { Self.hasNotes ? folder.appending("info") : nil }

    /// The user's own trash: `$XDG_DATA_HOME/Trash`, else `~/.local/share/Trash`, on macOS `~/.Trash`; nil when there is no home.
    static var home: FilePath? {
        #if os(macOS)
            return try? UserFolders.home().appending(".Trash")
        #else
            if let data = Platform.environment("XDG_DATA_HOME"), data.hasPrefix("/") {
                return FilePath(data).appending("Trash")
            }
            return try? UserFolders.home().pushing(".local/share/Trash")
        #endif
    }

    /// The highest folder above a file that is on the same disk.
    private static func topFolder(of folder: FilePath, on disk: MountedDisk) throws(SystemError) -> FilePath {
        var top = try Folders.resolve(folder)
        while true {
            let parent = top.removingLastComponent()
            guard parent != top, !parent.isEmpty, try MountedDisk(of: parent) == disk else { return top }
            top = parent
        }
    }

    private func createFolders(_ disk: any Disk) throws(SystemError) {
        for path in [folder, files] + (notes.map { [$0] } ?? []) {
            try disk.createFolder(path, permissions: 0o700)
            // A link at the top of a disk could lead anybody's files anywhere; the user's own trash may be one.
            let status = try FileStatus.of(path, followingLinks: top == nil && path == folder)
            guard status.kind == .directory, status.owner == getuid() else {
                throw SystemError("use as a trash folder", path: path, errno: .permissionDenied)
            }
        }
    }

    /// A name that is free both among the files and among the notes: the file's own, or with a number, and shorter
    /// where the note's name would be too long.
    func freePlaces(for name: FilePath.Component) throws -> (file: FilePath, note: FilePath?) {
        let ending = ".trashinfo"
        for number in 1...100_000 {
            guard
                let candidate = name.numbered(
                    number, longest: FilePath.Component.longest - ending.utf8.count),
                let note = candidate.adding(ending)
            else { break }
            let places = (file: files.appending(candidate), note: notes?.appending(note))
            let isNoteFree = try places.note.map { try Standing.status($0) == nil } ?? true
            if isNoteFree, try Standing.status(places.file) == nil { return places }
        }
        throw SystemError(
            "find a free name in the trash for", path: folder.appending(name), errno: .fileExists)
    }

    /// The note that tells where a file came from and when it was trashed.
    func note(about path: FilePath, at time: time_t) -> [UInt8] {
        var shown = path
        if let top { _ = shown.removePrefix(top) }
        var clock = time
        var parts = tm()
        localtime_r(&clock, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let date =
            "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
            + "T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        return Array(
            "[Trash Info]\nPath=\(Self.percentEncoded(shown.bytes))\nDeletionDate=\(date)\n".utf8)
    }

    /// Bytes as RFC 2396 has them in a path: letters, digits and `-_.!~*'()/` as they are, all others as `%XX`.
    static func percentEncoded(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789ABCDEF")
        let plain = Set("-_.!~*'()/".utf8)
        var text = ""
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            case _ where plain.contains(byte): text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
        return text
    }
}

extension FilePath.Component {
    /// Bytes of the longest name that the file systems of our days take.
    static let longest = 255

    /// The name with a number before its extension: `a.jpg`, `a 2.jpg`, `a 3.jpg`, its stem cut where it would be
    /// too long; nil when it cannot be a name.
    func numbered(_ number: Int, longest: Int = longest) -> FilePath.Component? {
        let text = number > 1 ? " \(number)" : ""
        let excess = bytes.count + text.utf8.count - longest
        return excess > 0 || number > 1 ? inserting(text, after: stemLength, cutting: excess) : self
    }

    /// Bytes before the last dot that is not the first byte.
    var stemLength: Int {
        let bytes = bytes
        guard let dot = bytes.lastIndex(of: UInt8(ascii: ".")), dot > 0 else { return bytes.count }
        return dot
    }

    /// The name with a text after its first bytes, of which some are cut: at least `excess`, and no part of a
    /// character. Nil when nothing would be left of them.
    func inserting(_ text: String, after count: Int, cutting excess: Int) -> FilePath.Component? {
        let bytes = bytes
        var end = count - max(0, excess)
        if excess > 0 { while end > 0, bytes[end] & 0xC0 == 0x80 { end -= 1 } }
        guard end > 0 else { return nil }
        return Self.make(Array(bytes[..<end]) + Array(text.utf8) + Array(bytes[count...]))
    }

    func adding(_ text: String) -> FilePath.Component? { Self.make(bytes + Array(text.utf8)) }

    static func make(_ bytes: [UInt8]) -> FilePath.Component? {
        guard let path = FilePath(bytes: bytes), path.components.count == 1, !path.isAbsolute,
            let name = path.lastComponent, name.kind == .regular
        else { return nil }
        return name
    }
}
