import Acting
import Imaging
import Synchronization
import SystemPackage
import SystemSupport

/// What the files themselves and the folders around them say; each file is looked at once.
final class DiskFacts: KeepFacts, Sendable {
    private struct Known {
        var metadata: [FilePath: MetadataMeasure] = [:]
        var hasRaw: [FilePath: Bool] = [:]
        var finder = CompanionFinder()
    }

    private let known = Mutex(Known())

    func metadata(of candidate: KeepCandidate) -> MetadataMeasure {
        if let measure = known.withLock({ $0.metadata[candidate.path] }) { return measure }
        var measure = MetadataMeasure()
        if let (bytes, _) = try? FileContents.read(candidate.path, limit: PictureReader.largestFile) {
            measure = bytes.withUnsafeBytes { MetadataMeasure($0, format: candidate.format) }
        }
        known.withLock { $0.metadata[candidate.path] = measure }
        return measure
    }

    func hasRaw(_ candidate: KeepCandidate) -> Bool {
        known.withLock { known in
            if let answer = known.hasRaw[candidate.path] { return answer }
            let companions = (try? known.finder.companions(of: candidate.path)) ?? []
            let answer = companions.contains { companion in
                companion.path.lastComponent.map(Companions.isRaw) ?? false
            }
            known.hasRaw[candidate.path] = answer
            return answer
        }
    }
}
