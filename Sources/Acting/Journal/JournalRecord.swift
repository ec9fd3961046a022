import Foundation
public import SystemPackage

/// One line of a journal; exactly one of the fields is set.
struct JournalRecord: Codable {
    /// The first line: which run this is.
    struct Head: Codable {
        let version: Int
        let run: String
        let program: String
        let time: String
        let plan: JournalPath
    }

    struct Outcome: Codable {
        let step: Int
        let reason: String
    }

    /// How a run, or the undoing of one, came to its end.
    enum End: String, Codable { case finished, interrupted, stopped, undone }

    var journal: Head?
    /// A step is about to be taken.
    var intent: Step?
    /// It was taken.
    var done: Int?
    /// It was not, and everything is as before.
    var failed: Outcome?
    /// It is about to be taken back.
    var undoing: Int?
    /// It was taken back.
    var undone: Int?
    /// It could not be taken back.
    var kept: Outcome?
    var end: End?
}

/// What a journal says of a run.
package struct JournalContents: Sendable {
    /// What has become of a step, as far as the journal knows.
    package enum State: Sendable, Equatable { case intended, done, failed, undoing, undone }

    /// A step and its state.
    package struct Entry: Sendable {
        package let step: Step
        package var state: State
    }

    /// The name of the run, part of the temporary names it makes.
    package let run: String
    /// When it began, ISO 8601.
    package let time: String
    /// The plan it carried out.
    package let plan: FilePath
    /// The steps in the order they were taken.
    package private(set) var entries: [Entry] = []
    /// Whether the run, or what undid it, came to its end.
    package private(set) var hasEnded = false
    /// Whether somebody has already undone it, as far as that was possible.
    package private(set) var wasUndone = false
    /// Bytes up to the end of the last whole line.
    let length: Int

    /// Reads a journal. A last line that a crash cut short is passed over; anything else that is not understood
    /// is refused.
    init(text: [UInt8], path: FilePath) throws {
        guard let end = text.lastIndex(of: UInt8(ascii: "\n")) else { throw JournalError.empty(path) }
        length = end + 1
        let decoder = JSONDecoder()
        let records = try text[..<end].split(
            separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
        ).enumerated().map { index, line in
            do { return try decoder.decode(JournalRecord.self, from: Data(line)) } catch {
                throw JournalError.damaged(path, line: index + 1)
            }
        }
        guard let head = records.first?.journal else { throw JournalError.damaged(path, line: 1) }
        guard head.version <= JournalWriter.version else {
            throw JournalError.newer(path, version: head.version)
        }
        run = head.run
        time = head.time
        plan = head.plan.path
        for (index, record) in records.enumerated().dropFirst() where !take(record) {
            throw JournalError.damaged(path, line: index + 1)
        }
    }

    private mutating func take(_ record: JournalRecord) -> Bool {
        func set(_ state: State, _ step: Int) -> Bool {
            guard entries.indices.contains(step - 1) else { return false }
            entries[step - 1].state = state
            return true
        }
        if let step = record.intent {
            guard step.number == entries.count + 1, !step.files.isEmpty else { return false }
            entries.append(Entry(step: step, state: .intended))
            hasEnded = false
        }
        if let end = record.end {
            hasEnded = true
            if end == .undone { wasUndone = true }
        }
        if let step = record.undoing { hasEnded = false; return set(.undoing, step) }
        if let step = record.done { return set(.done, step) }
        if let outcome = record.failed { return set(.failed, outcome.step) }
        if let step = record.undone { return set(.undone, step) }
        if let outcome = record.kept { return set(.done, outcome.step) }
        return true
    }

    /// Whether a step was begun and not brought to an end: something has to be looked at on the disk.
    package var isHalfDone: Bool { entries.contains { $0.state == .intended || $0.state == .undoing } }
}

/// Why a journal cannot be used.
public enum JournalError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Nothing whole stands in it: the run was stopped before its first action.
    case empty(FilePath)
    /// A line is not one of a journal.
    case damaged(FilePath, line: Int)
    /// A newer imgvec wrote it.
    case newer(FilePath, version: Int)
    /// Another `apply` or `undo` is at work.
    case busy(FilePath)
    /// A half-done step could not be brought to an end.
    case unfinished(FilePath, String)

    /// The error as one line that names the file and the remedy.
    public var description: String {
        switch self {
        case .empty(let path): "\(path) is no journal, or of a run that was stopped before its first action"
        case .damaged(let path, let line): "\(path):\(line): this is no line of a journal"
        case .newer(let path, let version):
            "\(path) has format \(version), this imgvec reads up to \(JournalWriter.version); use a newer imgvec"
        case .busy(let path): "another imgvec apply or undo is at work (\(path)); wait for it"
        case .unfinished(let path, let reason):
            "a step of the run in \(path) was left half done and cannot be brought to an end: \(reason)"
        }
    }
}
