import Acting
import Imaging
import Synchronization
import SystemPackage
import SystemSupport

/// Makes the small pictures of a report, on all cores, in the order of the groups.
struct ReportThumbnails {
    /// What decoding may cost.
    let limits: DecodeLimits
    /// Threads to use.
    let threads: Int
    /// Bytes of the largest file that is read.
    private static let largestFile = 2 << 30
    private static let quality = 72

    /// Why a picture has no thumbnail, in words.
    struct Reason: Error { let text: String }

    /// The longer side of the thumbnails of a report on so many pictures: a page of a few pictures can afford large
    /// ones, a page of 30,000 has to stay a file that a browser opens (some 100 to 200 MB).
    static func longerSide(pictureCount: Int) -> Int {
        switch pictureCount {
        case ...2_000: 384
        case ...8_000: 256
        default: 176
        }
    }

    /// Hands each group over with its thumbnails, as JPEG files; pictures of equal bytes share one, and one that
    /// cannot be made has its reason instead.
    ///
    /// Costs reading and decoding every distinct file once. Throws `ExitStatus.interrupted` when the user stops it.
    func forEach(
        _ groups: [ReportGroup], _ body: (ReportGroupJSON, [[UInt8]]) throws -> Void
    ) throws {
        let side = Self.longerSide(pictureCount: groups.reduce(0) { $0 + $1.pictures.count })
        // Slices with enough work for every thread, small enough to hold.
        let sliceSize = 32 * max(1, threads)
        var start = 0
        var finder = CompanionFinder()
        while start < groups.count {
            if Interruption.isRequested { throw ExitStatus.interrupted }
            var end = start
            var works: [Work] = []
            while end < groups.count, works.count < sliceSize {
                works += Self.works(of: groups[end], place: end)
                end += 1
            }
            let slice = works
            let made = Mutex([Result<[UInt8], Reason>?](repeating: nil, count: slice.count))
            WorkerThreads.forEach(slice.count, threads: threads) { index in
                let result = thumbnail(slice[index], side: side)
                made.withLock { $0[index] = result }
            }
            var next = 0
            let results = made.withLock { $0 }
            for place in start..<end {
                var pictures: [[UInt8]] = []
                var places: [[UInt8]: Result<Int, Reason>] = [:]
                while next < slice.count, slice[next].place == place {
                    switch results[next] {
                    case .success(let bytes)?:
                        places[slice[next].hash] = .success(pictures.count)
                        pictures.append(bytes)
                    case .failure(let reason)?: places[slice[next].hash] = .failure(reason)
                    case nil: break
                    }
                    next += 1
                }
                try body(ReportGroupJSON(groups[place], thumbnails: places, finder: &finder), pictures)
            }
            start = end
        }
    }

    /// A thumbnail to make, for the group at a place, from any of the files that hold the picture.
    private struct Work: Sendable {
        let place: Int
        let hash: [UInt8]
        let files: [PlanLine]
    }

    private static func works(of group: ReportGroup, place: Int) -> [Work] {
        let files = Dictionary(grouping: group.pictures.map(\.line), by: \.sha256)
        var known: Set<[UInt8]> = []
        return group.pictures.map(\.line.sha256).filter { known.insert($0).inserted }
            .map { Work(place: place, hash: $0, files: files[$0] ?? []) }
    }

    private func thumbnail(_ work: Work, side: Int) -> Result<[UInt8], Reason> {
        var first: Result<[UInt8], Reason>?
        for file in work.files {
            let result = thumbnail(file, side: side)
            if case .success = result { return result }
            first = first ?? result
        }
        return first ?? .failure(Reason(text: "no file"))
    }

    private func thumbnail(_ file: PlanLine, side: Int) -> Result<[UInt8], Reason> {
        do {
            let (bytes, status) = try FileContents.read(file.path, limit: Self.largestFile)
            guard status.size == file.size, status.modifiedNanoseconds == file.modified
            else { return .failure(Reason(text: "changed since it was indexed")) }
            return .success(
                try bytes.withUnsafeBytes {
                    try Thumbnail(of: $0, longerSide: side, quality: Self.quality, limits: limits).jpeg
                })
        } catch let error as SystemError {
            return .failure(Reason(text: "\(error.errno)"))
        } catch {
            return .failure(Reason(text: "\(error)"))
        }
    }
}
