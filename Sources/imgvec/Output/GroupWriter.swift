import Foundation
import ImageLibrary
import Imaging
import SystemPackage
import SystemSupport

/// Writes groups of copies in the chosen format.
struct GroupWriter {
    let output: OutputOptions

    func write(_ groups: [DuplicateGroup]) throws {
        switch output.chosen {
        case .json: try JSONText.writeArray(groups.map(GroupJSON.init))
        case .jsonl: for group in groups { try JSONText.writeLine(GroupJSON(group: group)) }
        case .csv: writeCSV(groups)
        case .tsv, .paths: writeBlocks(groups)
        case .table: writeTable(groups)
        }
    }

    private func writeCSV(_ groups: [DuplicateGroup]) {
        let stdout = StandardOutput.shared
        stdout.write("group,path,level,score,size,width,height,evidence,format,modified,captured,reason\n")
        for (number, group) in groups.enumerated() {
            for member in group.members {
                let columns: [[UInt8]] =
                    [Array("\(number + 1)".utf8), member.path.bytes]
                    + [
                        member.level.name, NumberText.fixed(member.score, 6), "\(member.size)",
                        "\(member.width)", "\(member.height)", member.evidence, member.format.rawValue,
                        NumberText.time(member.modified), member.captured ?? "", member.reason,
                    ].map { Array($0.utf8) }
                stdout.write(columns.map(PathText.forCSV).joined(separator: [UInt8(ascii: ",")]))
                stdout.write("\n")
            }
        }
    }

    /// One path a line and an empty line between groups, as fdupes does; with -0, NUL bytes for line ends.
    private func writeBlocks(_ groups: [DuplicateGroup]) {
        let stdout = StandardOutput.shared
        for (number, group) in groups.enumerated() {
            if number > 0 { stdout.write([output.pathEnd]) }
            for member in group.members {
                stdout.write(member.path.bytes)
                stdout.write([output.pathEnd])
            }
        }
    }

    private func writeTable(_ groups: [DuplicateGroup]) {
        Table.write(
            blocks: groups.map { group in
                group.members.enumerated().map { index, member in
                    [
                        index == 0 ? "keep" : member.level.name,
                        index == 0 ? "" : NumberText.fixed(member.score, 3),
                        "\(member.width)×\(member.height)", NumberText.bytes(member.size), member.evidence,
                        PathText.forTerminal(member.path),
                    ]
                }
            })
    }

    private struct GroupJSON: Encodable {
        let group: DuplicateGroup
        private enum Key: String, CodingKey { case keep, members }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: Key.self)
            if let kept = group.members.first {
                // The lossy form is enough here: the first member has the exact bytes.
                try container.encode(String(decoding: kept.path.bytes, as: UTF8.self), forKey: .keep)
            }
            try container.encode(group.members.map(MemberJSON.init), forKey: .members)
        }
    }

    private struct MemberJSON: Encodable {
        let member: DuplicateGroup.Member
        private enum Key: String, CodingKey {
            case level, score, size, width, height, evidence, format, modified, captured, reason
        }

        func encode(to encoder: any Encoder) throws {
            try JSONPath(path: member.path).encode(to: encoder)
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(member.level.name, forKey: .level)
            try container.encode(member.score, forKey: .score)
            try container.encode(member.size, forKey: .size)
            try container.encode(member.width, forKey: .width)
            try container.encode(member.height, forKey: .height)
            try container.encode(member.evidence, forKey: .evidence)
            try container.encode(member.format.rawValue, forKey: .format)
            try container.encode(NumberText.time(member.modified), forKey: .modified)
            try container.encode(member.captured, forKey: .captured)
            try container.encode(member.reason, forKey: .reason)
        }
    }
}
