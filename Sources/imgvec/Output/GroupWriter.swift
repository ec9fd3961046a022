import Foundation
import ImageLibrary
import SystemSupport

/// Writes groups of copies in the chosen format.
struct GroupWriter {
    let output: OutputOptions

    func write(_ groups: [DuplicateGroup]) throws {
        let stdout = StandardOutput.shared
        switch output.chosen {
        case .json: try JSONText.writeArray(groups.map(GroupJSON.init))
        case .jsonl: for group in groups { try JSONText.writeLine(GroupJSON(group: group)) }
        case .csv:
            stdout.write("group,path,level,score,size,width,height\n")
            for (number, group) in groups.enumerated() {
                for member in group.members {
                    stdout.write("\(number + 1),")
                    stdout.write(PathText.forCSV(member.path.bytes))
                    stdout.write(
                        ",\(member.level.name),\(NumberText.fixed(member.score, 6)),\(member.size),"
                            + "\(member.width),\(member.height)\n")
                }
            }
        case .tsv, .paths:
            for (number, group) in groups.enumerated() {
                if number > 0 { stdout.write([output.pathEnd]) }
                for member in group.members {
                    stdout.write(member.path.bytes)
                    stdout.write([output.pathEnd])
                }
            }
        case .table:
            for (number, group) in groups.enumerated() {
                if number > 0 { stdout.write("\n") }
                Table.write(
                    header: [],
                    rows: group.members.enumerated().map { index, member in
                        [
                            index == 0 ? "keep" : member.level.name,
                            index == 0 ? "" : NumberText.fixed(member.score, 3),
                            "\(member.width)×\(member.height)", NumberText.bytes(member.size),
                            PathText.forTerminal(member.path),
                        ]
                    })
            }
        }
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
        private enum Key: String, CodingKey { case level, score, size, width, height }

        func encode(to encoder: any Encoder) throws {
            try JSONPath(path: member.path).encode(to: encoder)
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(member.level.name, forKey: .level)
            try container.encode(member.score, forKey: .score)
            try container.encode(member.size, forKey: .size)
            try container.encode(member.width, forKey: .width)
            try container.encode(member.height, forKey: .height)
        }
    }
}
