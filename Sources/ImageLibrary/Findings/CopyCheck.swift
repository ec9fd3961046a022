import Imaging
import SystemSupport
import Synchronization

/// Decides about candidates by comparing the pictures themselves.
struct CopyCheck: Sendable {
    /// The shorter side pictures are decoded to at least: features want to see some 500 pixels of the longer one.
    private static let decodedSide = 340
    /// Vectors this near, of pictures taken within so many seconds of each other, are of one scene.
    private static let burstCosine: Float = 0.85
    private static let burstSeconds = 10
    /// Vectors this near are of one scene when corners agree on how the pictures lie on each other.
    private static let sceneCosine: Float = 0.80
    private static let sceneSupport = 40

    private let search: CopySearch
    private let sketches: PictureCache<PictureSketch>
    private let planes: PictureCache<PicturePlanes>

    init(search: CopySearch, store: SketchStore?) {
        self.search = search
        sketches = PictureCache(capacity: 8192) { index in
            store?.sketch(of: search.contents[index])
                ?? Self.decode(index, search, minimumSide: Self.decodedSide).map {
                    PictureSketch($0.pixels).stored
                }
        }
        planes = PictureCache(capacity: 2048) { index in
            Self.decode(index, search, minimumSide: Self.decodedSide).map { PicturePlanes($0) }
        }
    }

    /// The sketch of a picture; nil when none of its files can be read.
    func sketch(_ index: Int) -> PictureSketch? { sketches[index] }

    /// Sketches the pictures that have none yet, and keeps the sketches in the store every few hundred pictures.
    func makeSketches(in store: SketchStore, onProgress: (Int, Int) -> Void) {
        let missing = store.missing(among: search.contents)
        let slice = 256
        for start in stride(from: 0, to: missing.count, by: slice) where !Interruption.isRequested {
            let indices = missing[start..<min(start + slice, missing.count)]
            let made = Mutex([(content: ContentRecord, sketch: PictureSketch)]())
            WorkerThreads.forEach(indices.count, threads: search.options.threads) { offset in
                let index = indices[start + offset]
                guard let picture = Self.decode(index, search, minimumSide: Self.decodedSide) else { return }
                let sketch = PictureSketch(picture.pixels)
                made.withLock { $0.append((search.contents[index], sketch)) }
            }
            store.keep(made.withLock { $0 }.sorted { $0.content.id < $1.content.id })
            onProgress(indices.endIndex, missing.count)
        }
    }

    /// The matches among candidates; `done` pairs have been told of before.
    func matches(
        among candidates: [CopyCandidate], done: Int, onProgress: (Int, Int) -> Void
    ) -> [CopyMatch] {
        var matches: [CopyMatch] = []
        // In slices, so that progress can be told between them on the caller's thread.
        let slice = 256
        for start in stride(from: 0, to: candidates.count, by: slice) where !Interruption.isRequested {
            let end = min(start + slice, candidates.count)
            let found = Mutex([CopyMatch?](repeating: nil, count: end - start))
            WorkerThreads.forEach(end - start, threads: search.options.threads) { offset in
                if let match = match(of: candidates[start + offset]) {
                    found.withLock { $0[offset] = match }
                }
            }
            matches += found.withLock { $0 }.compactMap { $0 }
            onProgress(done + end, done + candidates.count)
        }
        return matches
    }

    private func match(of pair: CopyCandidate) -> CopyMatch? {
        func match(
            _ level: CopyLevel, _ agreement: Float, _ evidence: String = "", framed: Int? = nil,
            marked: Int? = nil
        ) -> CopyMatch {
            CopyMatch(
                first: pair.first, second: pair.second, level: level, agreement: agreement,
                evidence: evidence, framed: framed, marked: marked)
        }
        let first = search.contents[pair.first], second = search.contents[pair.second]
        // The hash may come from a picture that was decoded smaller: equal pixels need not give equal hashes.
        let distance = first.pdq.distance(to: second.pdq)
        let isHashReliable = min(first.pdqQuality, second.pdqQuality) >= CopySearch.hashQuality
        if distance <= CopySearch.hashDistance || !isHashReliable, first.width == second.width,
            first.height == second.height, first.isTruncated == second.isTruncated,
            havePixelsInCommon(pair.first, pair.second)
        {
            return match(.pixels, 1)
        }
        let level = search.options.level
        // Whole photographs look alike to their hashes: most pairs need not be read from the disk for that.
        if level == .copies, isHashReliable, distance > Self.slightDistance { return nil }
        guard level >= .copies, let a = sketches[pair.first], let b = sketches[pair.second] else {
            return nil
        }
        // A copy that is no edit is not mirrored.
        let alignments = a.alignments(of: b, ways: level >= .edits ? pair.ways : .plain)
        if let verdict = verdict(of: pair, a, b, alignments) {
            let found: CopyLevel = verdict.isSlight ? .copies : .edits
            if found <= level {
                let framed = verdict.framing.flatMap { position(ofFramed: $0, in: pair) }
                let marked = verdict.marking.map { $0.isFirst ? pair.first : pair.second }
                return match(found, verdict.agreement, verdict.evidence, framed: framed, marked: marked)
            }
        }
        guard level >= .similar, let similarity = pair.similarity else { return nil }
        if let seconds = first.secondsBetween(second), seconds <= Self.burstSeconds,
            similarity >= Self.burstCosine
        {
            return match(.similar, similarity, seconds == 0 ? "same second" : "taken \(seconds) s apart")
        }
        if similarity >= Self.sceneCosine, let likelier = alignments.first,
            likelier.support >= Self.sceneSupport
        {
            return match(.similar, similarity, "same scene")
        }
        return nil
    }

    /// Which of two pictures is the other in a frame and has, of the photograph, no more pixels than the other.
    private func position(ofFramed framing: Framing, in pair: CopyCandidate) -> Int? {
        let (framed, bare) = framing.isFirst ? (pair.first, pair.second) : (pair.second, pair.first)
        func pixels(_ index: Int) -> Double {
            Double(search.contents[index].width) * Double(search.contents[index].height)
        }
        // Where the photograph ends in the frame is known to a hundredth or two of its sides.
        return pixels(bare) >= 0.92 * framing.filled * pixels(framed) ? framed : nil
    }

    private func verdict(
        of pair: CopyCandidate, _ a: PictureSketch, _ b: PictureSketch, _ alignments: [FeatureAlignment]
    ) -> CopyVerdict? {
        // Pixels are looked at only where something speaks for it; a photograph has been decoded by then, or two.
        var found: CopyVerdict?
        for alignment in alignments where a.mayMatch(b, laid: alignment) {
            guard let first = planes[pair.first], let second = planes[pair.second] else { continue }
            found = first.verdict(on: second, laid: alignment)
            if found != nil { break }
        }
        if let found, found.isSlight { return found }
        // Few corners, or spoilt ones: the pictures may still lie on each other whole; and what corners say of a very small copy is
        // less than its pixels do.
        let isHashReliable = min(a.hashQuality, b.hashQuality) >= CopySearch.hashQuality
        let orientations = search.options.level >= .edits && found == nil ? Orientation.allCases : [.up]
        for orientation in orientations {
            let turned = b.hashes[Int(orientation.rawValue) - 1]
            let distance = a.hashes[0].distance(to: turned)
            guard distance <= Self.wholeDistance, let first = planes[pair.first],
                let second = planes[pair.second],
                let verdict = first.verdict(
                    on: second, shownAs: orientation, hashDistance: distance, isHashReliable: isHashReliable),
                found == nil || verdict.isSlight
            else { continue }
            return verdict
        }
        return found
    }

    /// Hashes of a picture and one that is slightly changed, a tenth of its area cut away at most, are not further apart;
    /// those of different pictures differ in 128 bits, give or take 8.
    private static let slightDistance = 110
    /// Hashes of pictures that show the same, whole, are hardly ever further apart.
    private static let wholeDistance = 72

    private func havePixelsInCommon(_ a: Int, _ b: Int) -> Bool {
        guard let first = Self.decode(a, search, minimumSide: nil),
            let second = Self.decode(b, search, minimumSide: nil)
        else { return false }
        return first.pixels == second.pixels
    }

    /// Decodes a picture from any of its files that is still as it was indexed; nil when there is none.
    private static func decode(_ index: Int, _ search: CopySearch, minimumSide: Int?) -> DecodedImage? {
        for file in search.files[index] {
            guard
                let (bytes, status) = try? FileContents.read(
                    search.reader.path(of: file), limit: PictureReader.largestFile),
                file.isUnchanged(status)
            else { continue }
            let decoded = bytes.withUnsafeBytes {
                try? ImageDecoder.decode($0, minimumSide: minimumSide, limits: search.options.limits)
            }
            if let decoded { return decoded }
        }
        return nil
    }
}

extension ContentRecord {
    /// The seconds between the moments two pictures were taken at, within one day; nil when one does not say.
    func secondsBetween(_ other: ContentRecord) -> Int? {
        guard let mine = captured?.utf8, let others = other.captured?.utf8, mine.count == 19,
            others.count == 19,
            mine.prefix(10).elementsEqual(others.prefix(10))
        else { return nil }
        func seconds(_ text: String.UTF8View) -> Int? {
            let parts = text.dropFirst(11).split(separator: UInt8(ascii: ":")).compactMap {
                Int(String(decoding: $0, as: UTF8.self))
            }
            return parts.count == 3 ? 3600 * parts[0] + 60 * parts[1] + parts[2] : nil
        }
        guard let a = seconds(mine), let b = seconds(others) else { return nil }
        return abs(a - b)
    }
}
