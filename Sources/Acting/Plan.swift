public import Foundation
public import SystemPackage
import SystemSupport

/// What is to be done with groups of copies, as a text that people read and edit.
///
/// JSON Lines between comments; Docs/Duplicates.md describes the format.
public struct Plan: Sendable, Equatable {
    /// A line with its number in the file, for messages.
    public struct Entry: Sendable, Equatable {
        /// The number, from 1.
        public let number: Int
        /// The line.
        public let line: PlanLine

        /// Numbers a line.
        public init(number: Int, line: PlanLine) {
            self.number = number
            self.line = line
        }
    }

    /// The format's version.
    public static let version = 1
    static let firstLine = "# imgvec plan \(version)"
    /// The largest plan that is read; a million files take about 400 MB.
    private static let largestFile = 1 << 31

    /// The lines that are actions, in their order.
    public var entries: [Entry]

    /// A plan of lines, numbered from 1.
    public init(_ lines: [PlanLine]) {
        entries = lines.enumerated().map { Entry(number: $0 + 1, line: $1) }
    }

    /// Reads a plan; throws `PlanError` with the number of the line that cannot be understood.
    public init(contentsOf path: FilePath) throws {
        try self.init(text: FileContents.read(path, limit: Self.largestFile).bytes, path: path)
    }

    /// Reads a plan's text; `path` is what errors call it.
    public init(text: [UInt8], path: FilePath) throws {
        var entries: [Entry] = []
        let decoder = JSONDecoder()
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        try Self.checkFirstLine(lines.first.map { Self.trimmed($0) } ?? [], path: path)
        for (index, raw) in lines.enumerated() {
            let line = Self.trimmed(raw)
            guard let first = line.first, first != UInt8(ascii: "#") else { continue }
            do {
                entries.append(
                    Entry(number: index + 1, line: try decoder.decode(PlanLine.self, from: Data(line))))
            } catch let error as DecodingError {
                throw PlanError.line(path, index + 1, Self.reason(error))
            }
        }
        self.entries = entries
    }

    private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var line = line
        while let last = line.last, last == 0x20 || last == 0x09 || last == 0x0D { line.removeLast() }
        while let first = line.first, first == 0x20 || first == 0x09 { line.removeFirst() }
        return line
    }

    private static func checkFirstLine(_ line: ArraySlice<UInt8>, path: FilePath) throws {
        let start = Array("# imgvec plan ".utf8)
        guard line.starts(with: start) else { throw PlanError.notAPlan(path) }
        let version = String(decoding: line.dropFirst(start.count), as: UTF8.self)
        guard version == "\(Self.version)" else { throw PlanError.newer(path, version: version) }
    }

    private static func reason(_ error: DecodingError) -> String {
        switch error {
        case .keyNotFound(let key, _): "\"\(key.stringValue)\" is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            context.codingPath.last.map { "\"\($0.stringValue)\" is of the wrong kind" }
                ?? "it is no JSON object"
        case .dataCorrupted(let context):
            context.codingPath.isEmpty ? "it is no JSON object" : context.debugDescription
        @unknown default: "it cannot be read"
        }
    }
}

extension Plan {
    /// What a plan's head says, for people.
    public struct Head: Sendable {
        /// The program that wrote it.
        public let program: String
        /// When, ISO 8601.
        public let time: String
        /// The command line.
        public let command: String
        /// The index it came from.
        public let index: FilePath

        /// What is written above the lines.
        public init(program: String, time: String, command: String, index: FilePath) {
            self.program = program
            self.time = time
            self.command = command
            self.index = index
        }
    }

    /// The comment lines above a plan's actions, the first of which names the format.
    public func headLines(_ head: Head) -> [String] {
        let acting = entries.filter { !$0.line.action.leavesAlone }
        // Sizes may come from a plan that was read: no sum of them may overflow.
        let bytes = acting.reduce(Int64(0)) {
            $0.addingReportingOverflow(max(0, $1.line.size)).overflow ? .max : $0 + max(0, $1.line.size)
        }
        let groups = Set(entries.map(\.line.group)).count
        return [
            Self.firstLine, "# \(head.program), \(head.time)", "# command: \(head.command)",
            "# index: \(String(decoding: head.index.bytes, as: UTF8.self))",
            "# \(groups) groups, \(acting.count) files to act on, \(bytes) bytes",
            "# Change an action (\(PlanAction.allCases.map(\.rawValue).joined(separator: ", "))) or delete a line,",
            "# then: imgvec apply --dry-run FILE",
        ].map(Self.onOneLine)
    }

    /// The plan as text, a comment above each group.
    public func text(_ head: Head) throws -> [UInt8] {
        var text = Array((headLines(head).joined(separator: "\n") + "\n").utf8)
        let encoder = Self.encoder
        var group: Int?
        for entry in entries {
            if entry.line.group != group { text += Array("\n# group \(entry.line.group)\n".utf8) }
            group = entry.line.group
            text += try encoder.encode(entry.line)
            text.append(UInt8(ascii: "\n"))
        }
        return text
    }

    /// Writes the plan. A file that is there already is replaced only when it is an imgvec plan itself.
    public func write(to path: FilePath, head: Head) throws {
        if (try? FileStatus.of(path, followingLinks: false)) != nil {
            guard let old = try? FileDescriptor.open(path, .readOnly, options: [.nonBlocking, .closeOnExec])
            else { throw PlanError.notReplaced(path) }
            defer { try? old.close() }
            let wanted = Array("# imgvec plan ".utf8)
            var start = [UInt8](repeating: 0, count: wanted.count)
            let count = (try? start.withUnsafeMutableBytes { try old.read(into: $0) }) ?? 0
            guard count == wanted.count, start == wanted else { throw PlanError.notReplaced(path) }
        }
        try text(head).withUnsafeBytes { try AtomicFile.write($0, to: path) }
    }

    /// The encoder of plan lines: one line each, fields in a fixed order, slashes as they are.
    public static var encoder: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return encoder
    }

    private static func onOneLine(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "\u{FFFD}" : $0 }))
    }
}
