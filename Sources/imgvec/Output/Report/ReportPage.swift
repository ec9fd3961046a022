import Acting
import CReportPage
import Encoders
import Foundation
import ImageLibrary
import SystemPackage
import SystemSupport

/// The report of `dupes --html`: one page that holds its pictures, shows them side by side, and saves the plan as the
/// reader leaves it.
///
/// The page needs no network and is forbidden any: its policy allows this very script and style (by their hashes),
/// pictures inside the page, and files of the machine it is opened on. What comes from the disk, names above all,
/// reaches the page as JSON inside a script element and is shown as text.
struct ReportPage {
    /// What the page proposes, and saves as the reader leaves it.
    let plan: Plan
    /// What stands above the plan's lines.
    let head: Plan.Head
    /// Makes the small pictures.
    let thumbnails: ReportThumbnails

    /// Writes the page, whole or not at all; `facts` are the groups that the plan was made of.
    ///
    /// Groups are written as their thumbnails are made: memory holds those of a few groups only. A file that is
    /// there already is replaced only when it is such a report itself. Throws `ExitStatus.interrupted` when the user
    /// stops it.
    func write(to path: FilePath, facts: [DuplicateGroup], onProgress: (Int, Int) -> Void) throws {
        let (start, end) = try Self.frame()
        try Self.checkReplaceable(path, start: start)
        let comments = plan.headLines(head)
        let groups = ReportGroup.groups(of: plan, facts: facts)
        var done = 0
        try AtomicFile.write(to: path) { file in
            _ = try file.writeAll(start)
            _ = try file.writeAll(
                Self.element("id=\"plan\"", PlanJSON(id: identity(comments), comments: comments)))
            try thumbnails.forEach(groups) { group, pictures in
                _ = try file.writeAll(Self.element("class=\"group\"", group) + Self.element(pictures))
                done += group.members.count
                onProgress(done, plan.entries.count)
            }
            _ = try file.writeAll(end)
        }
    }

    /// What is wrong with the file a report was to be written to.
    enum Failure: Error, CustomStringConvertible {
        case notReplaced(FilePath)

        var description: String {
            switch self {
            case .notReplaced(let path):
                "\(path) is there and is no imgvec report; choose another name"
            }
        }
    }

    /// Every report begins with the same bytes, up to its policy.
    private static func checkReplaceable(_ path: FilePath, start: [UInt8]) throws {
        guard (try? FileStatus.of(path, followingLinks: false)) != nil else { return }
        guard let old = try? FileDescriptor.open(path, .readOnly, options: [.nonBlocking, .closeOnExec])
        else { throw Failure.notReplaced(path) }
        defer { try? old.close() }
        let mark = Array("content=\"imgvec".utf8)
        guard let place = start.indices.first(where: { start[$0...].starts(with: mark) })
        else { preconditionFailure("the page names its maker") }
        let wanted = start[..<(place + mark.count)]
        var found = [UInt8](repeating: 0, count: wanted.count)
        let count = (try? found.withUnsafeMutableBytes { try old.read(into: $0) }) ?? 0
        guard count == wanted.count, found.elementsEqual(wanted) else { throw Failure.notReplaced(path) }
    }

    private struct PlanJSON: Encodable {
        /// Tells reports apart in the browser's memory of choices.
        let id: String
        let comments: [String]
    }

    /// The page before and after its data.
    private static func frame() throws -> (head: [UInt8], tail: [UInt8]) {
        func text(_ bytes: UnsafePointer<CChar>, _ count: Int) -> String {
            String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
        }
        func source(_ text: String) -> String {
            var text = text
            let digest = text.withUTF8 { FileDigest.sha256(UnsafeRawBufferPointer($0)) }
            return "'sha256-\(Data(digest).base64EncodedString())'"
        }
        let style = text(crp_style(), crp_style_size()), script = text(crp_script(), crp_script_size())
        let policy =
            "default-src 'none'; script-src \(source(script)); style-src \(source(style)); "
            + "img-src data: file:; base-uri 'none'; form-action 'none'"
        var pieces = text(crp_html(), crp_html_size()).components(separatedBy: "{{data}}")
        guard pieces.count == 2 else { preconditionFailure("the page has one place for its data") }
        for index in pieces.indices {
            pieces[index] = pieces[index]
                .replacingOccurrences(of: "{{policy}}", with: policy)
                .replacingOccurrences(of: "{{style}}", with: style)
                .replacingOccurrences(of: "{{script}}", with: script)
        }
        return (Array(pieces[0].utf8), Array(pieces[1].utf8))
    }

    private func identity(_ comments: [String]) throws -> String {
        var bytes = Array(comments.joined(separator: "\n").utf8)
        for entry in plan.entries { bytes += entry.line.sha256 + entry.line.path.bytes }
        return FileDigest.hexadecimal(bytes.withUnsafeBytes { FileDigest.sha256($0) }.prefix(8))
    }

    /// JSON that the script finds by an attribute of its element. In JSON "<" stands in strings only, where it may be
    /// written as its code: no text can end the element or begin a comment.
    private static func element(_ attribute: String, _ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var bytes = Array("<script type=\"application/json\" \(attribute)>".utf8)
        for byte in try encoder.encode(value) {
            if byte == UInt8(ascii: "<") { bytes += Array("\\u003c".utf8) } else { bytes.append(byte) }
        }
        bytes += Array("</script>\n".utf8)
        return bytes
    }

    /// A group's thumbnails, one a line, right after the group.
    private static func element(_ pictures: [[UInt8]]) -> [UInt8] {
        let lines = pictures.map { Data($0).base64EncodedString() }.joined(separator: "\n")
        return Array("<script type=\"text/plain\">\(lines)</script>\n".utf8)
    }
}
