import Acting
import Encoders
import Foundation
import ImageLibrary
import Imaging
import SystemPackage
import SystemSupport

/// A group of copies as the report page shows it: lines of a plan, with what is known of each file.
struct ReportGroup {
    /// The number it has in the plan.
    let number: Int
    /// Its pictures, in the plan's order.
    let pictures: [ReportPicture]

    /// The groups of a plan, in its order; facts come from the groups it was made of.
    static func groups(of plan: Plan, facts: [DuplicateGroup]) -> [ReportGroup] {
        let members = Dictionary(
            facts.flatMap(\.members).map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        let numbers = plan.entries.map(\.line.group)
        let lines = Dictionary(grouping: plan.entries.map(\.line), by: \.group)
        var known: Set<Int> = []
        return numbers.filter { known.insert($0).inserted }.map { number in
            ReportGroup(
                number: number,
                pictures: (lines[number] ?? []).map { ReportPicture(line: $0, member: members[$0.path]) })
        }
    }
}

/// A picture as the report page shows it.
struct ReportPicture: Sendable {
    /// Its line of the plan, which the page saves as it is unless the choice is changed.
    let line: PlanLine
    /// What else is known of the file.
    let member: DuplicateGroup.Member?
}

/// What the page's script reads of a group.
struct ReportGroupJSON: Encodable {
    let number: Int
    let members: [Member]

    struct Member: Encodable {
        /// The line of the plan.
        let line: String
        let width: Int?, height: Int?
        let format: String?
        let captured: String?
        /// Why it must not be removed, if so.
        let lock: String?
        /// What goes with it, should it be removed; none when there is nothing.
        let companions: [Companion]?
        /// Where the browser finds the file.
        let link: String
        /// Which of the group's thumbnails is its own; nil with the reason in `problem` when there is none.
        let picture: Int?
        let problem: String?
    }

    /// A sidecar, a Live Photo's film or a raw file.
    struct Companion: Encodable {
        let path: JSONPath
        let sha256: String
        /// Whether it is a picture of its own, which may only go where the kept file has the same beside it.
        let isOriginal: Bool
        /// Other pictures it belongs to as much; it stays while one of them does.
        let others: [JSONPath]?

        private enum Key: String, CodingKey { case sha256, isOriginal, others }

        func encode(to encoder: any Encoder) throws {
            try path.encode(to: encoder)
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(sha256, forKey: .sha256)
            try container.encode(isOriginal, forKey: .isOriginal)
            try container.encodeIfPresent(others, forKey: .others)
        }
    }

    /// A group whose thumbnails are known by the hashes of the files. Companions are looked up on the disk.
    init(
        _ group: ReportGroup, thumbnails: [[UInt8]: Result<Int, ReportThumbnails.Reason>],
        finder: inout CompanionFinder
    ) throws {
        let encoder = Plan.encoder
        var members: [Member] = []
        number = group.number
        for picture in group.pictures {
            let line = picture.line
            var place: Int?
            var problem: String?
            switch thumbnails[line.sha256] {
            case .success(let index)?: place = index
            case .failure(let reason)?: problem = reason.text
            case nil: break
            }
            var lock = picture.member?.isReference == true ? "it lies in a reference folder" : nil
            var companions: [Companion]?
            do { companions = try Self.companions(of: line, with: &finder) } catch {
                lock = lock ?? "what belongs to it cannot be read"
            }
            members.append(
                Member(
                    line: String(decoding: try encoder.encode(line), as: UTF8.self),
                    width: picture.member?.width, height: picture.member?.height,
                    format: picture.member?.format.name, captured: picture.member?.captured, lock: lock,
                    companions: companions, link: line.path.fileURL, picture: place, problem: problem))
        }
        self.members = members
    }

    private static func companions(
        of line: PlanLine, with finder: inout CompanionFinder
    ) throws -> [Companion]? {
        let found = try finder.companions(of: line.path)
        guard !found.isEmpty else { return nil }
        return try found.map { path, kind in
            let known = line.companions.first { $0.path == path }?.sha256
            let others = try finder.otherPictures(of: path, than: line.path).map { JSONPath(path: $0) }
            return Companion(
                path: JSONPath(path: path),
                sha256: FileDigest.hexadecimal(try known ?? FileDigest.sha256(of: path)),
                isOriginal: kind == .original, others: others.isEmpty ? nil : others)
        }
    }
}

extension FilePath {
    /// The path as a file: URL; every byte but the unreserved ones and slashes is escaped.
    fileprivate var fileURL: String {
        let digits = Array("0123456789ABCDEF".utf8)
        var url = Array("file://".utf8)
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "-"),
                UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                url.append(byte)
            default: url += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: url, as: UTF8.self)
    }
}
