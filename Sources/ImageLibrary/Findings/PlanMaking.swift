public import Acting
import Encoders
public import SystemPackage
import SystemSupport

/// What a plan asks for the copies that are not kept.
public struct PlanIntention: Sendable, Equatable {
    /// The action.
    public let action: PlanAction
    /// The folder that a `move` goes to.
    public let destination: FilePath?

    /// An action, with the folder it needs if it is `move`.
    public init(_ action: PlanAction, destination: FilePath? = nil) {
        self.action = action
        self.destination = destination
    }
}

extension Plan {
    /// A plan for groups of copies: the first of each group and all references are kept, the others acted on.
    ///
    /// Sidecars, Live Photo films and raw files are looked up beside each picture and read; what belongs to several
    /// pictures goes with the last of them, and stays while one of them does. What must not be acted on is left alone
    /// with the reason: files of other bytes when links are asked for, and pictures to which an original belongs that
    /// has no copy beside the kept one.
    public init(_ groups: [DuplicateGroup], intention: PlanIntention) {
        var finder = CompanionFinder()
        var going: Set<FilePath> = []
        var lines: [PlanLine] = []
        for (index, group) in groups.enumerated() {
            guard let keeper = group.members.first else { continue }
            lines.append(PlanLine(keeper, group: index + 1, action: .keep))
            let besideKeeper = Belonging.list(of: keeper.path, with: &finder) ?? []
            for member in group.members.dropFirst() {
                var line = PlanLine(member, group: index + 1, action: intention.action)
                line.keeper = keeper.path
                line.level = member.level.name
                line.score = member.score
                line.evidence = member.evidence
                if let reason = line.leave(
                    member, intention, beside: besideKeeper, going: going, with: &finder)
                {
                    line.action = member.isReference ? .keep : .skip
                    line.reason = reason
                    line.companions = []
                } else {
                    if intention.action == .move { line.destination = intention.destination }
                    if !intention.action.isLink { going.insert(member.path) }
                }
                lines.append(line)
            }
        }
        self.init(lines)
    }
}

/// A file that belongs to a picture, with its content.
private struct Belonging {
    let path: FilePath
    let kind: Companions.Kind
    let sha256: [UInt8]

    /// What belongs to a picture; nil when it cannot be read.
    static func list(of picture: FilePath, with finder: inout CompanionFinder) -> [Belonging]? {
        guard let found = try? finder.companions(of: picture) else { return nil }
        var list: [Belonging] = []
        for (path, kind) in found {
            guard let sha256 = try? FileDigest.sha256(of: path) else { return nil }
            list.append(Belonging(path: path, kind: kind, sha256: sha256))
        }
        return list
    }
}

extension PlanLine {
    fileprivate init(_ member: DuplicateGroup.Member, group: Int, action: PlanAction) {
        self.init(
            action: action, group: group, path: member.path, size: member.size, modified: member.modified,
            sha256: member.contentHash, reason: member.reason, isReference: member.isReference)
    }

    /// Fills in what belongs to the picture; gives a reason when it must be left alone.
    fileprivate mutating func leave(
        _ member: DuplicateGroup.Member, _ intention: PlanIntention, beside keeper: [Belonging],
        going: Set<FilePath>, with finder: inout CompanionFinder
    ) -> String? {
        if member.isReference { return "reference" }
        if intention.action.isLink {
            return member.level == .bytes ? nil : "its bytes differ; links are for equal files only"
        }
        guard var own = Belonging.list(of: member.path, with: &finder) else {
            return "what belongs to it cannot be read"
        }
        own.removeAll { companion in
            let others = try? finder.otherPictures(of: companion.path, than: member.path)
            return !(others ?? []).allSatisfy(going.contains)
        }
        let alone = own.first { companion in
            (companion.kind == .original || intention.action == .delete)
                && !keeper.contains { $0.sha256 == companion.sha256 }
        }
        if let alone {
            let name = alone.path.lastComponent.map { String(decoding: $0.bytes, as: UTF8.self) } ?? ""
            return "\(name) belongs to it and has no copy beside the file that is kept"
        }
        companions = own.map { PlanLine.Companion(path: $0.path, sha256: $0.sha256) }
        return nil
    }
}
