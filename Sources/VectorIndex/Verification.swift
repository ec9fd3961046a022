import CKernels
public import SystemPackage
import SystemSupport

/// Something wrong with a store's files.
public struct IndexProblem: Sendable, Equatable, CustomStringConvertible {
    /// The file.
    public let path: FilePath
    /// Where in the file, in bytes, when that is known.
    public let offset: Int?
    /// What is wrong.
    public let what: String

    /// The problem as one line.
    public var description: String { offset.map { "\(path) at byte \($0): \(what)" } ?? "\(path): \(what)" }
}

extension VectorStore {
    /// Checks everything there is to check in a folder, and reports all that is wrong.
    ///
    /// Reads every file once. A damaged file does not keep the others from being checked.
    public static func verify(folder: FilePath, space: VectorSpace) -> [IndexProblem] {
        var problems: [IndexProblem] = []
        do throws(IndexError) {
            guard let manifest = try Manifest.read(in: folder) else { return [] }
            guard manifest.space == space else {
                throw IndexError.otherSpace(
                    StoreFiles.manifest(in: folder), found: manifest.space, wanted: space)
            }
            var segments: [LiveSegment] = []
            for entry in manifest.entries {
                do {
                    segments.append(try LiveSegment(entry, in: folder, of: manifest))
                } catch {
                    problems.append(IndexProblem(error, file: StoreFiles.segment(entry.segment, in: folder)))
                }
            }
            for segment in segments { problems += segment.segment.problems() }
            problems += sharedIDs(segments, manifest, folder)
        } catch {
            problems.append(IndexProblem(error, file: StoreFiles.manifest(in: folder)))
        }
        return problems
    }

    /// Ids that are live in two segments, or above the manifest's highest one.
    private static func sharedIDs(
        _ segments: [LiveSegment], _ manifest: Manifest, _ folder: FilePath
    ) -> [IndexProblem] {
        let path = StoreFiles.manifest(in: folder)
        var problems: [IndexProblem] = []
        var seen: Set<UInt64> = []
        for segment in segments {
            segment.forEachLiveRow { row in
                let id = segment.segment.ids[row]
                if !seen.insert(id).inserted {
                    problems.append(
                        IndexProblem(path: path, offset: nil, what: "id \(id) is in two segments"))
                }
            }
            if segment.segment.header.lastID > manifest.highestID {
                let what = "id \(segment.segment.header.lastID) is above the highest, \(manifest.highestID)"
                problems.append(IndexProblem(path: path, offset: nil, what: what))
            }
        }
        return problems
    }
}

extension VectorSnapshot {
    /// Checks the files of this snapshot, and reports all that is wrong. Reads every byte of them.
    public func verify() -> [IndexProblem] { parts.flatMap { $0.segment.problems() } }
}

extension IndexProblem {
    init(_ error: IndexError, file: FilePath) {
        switch error {
        case .damaged(let path, let what): self.init(path: path, offset: nil, what: what)
        case .system(let error): self.init(path: error.path ?? file, offset: nil, what: error.description)
        default: self.init(path: file, offset: nil, what: error.description)
        }
    }
}

extension Segment {
    /// Everything that is wrong with this segment's body.
    func problems() -> [IndexProblem] {
        var problems: [IndexProblem] = []
        func report(_ offset: Int, _ what: String) {
            problems.append(IndexProblem(path: file.path, offset: offset, what: what))
        }
        expectEverything()
        let bytes = file.bytes
        let sums = UnsafeRawBufferPointer(rebasing: bytes[layout.checksums...])
        if Kernels.checksum(sums) != header.checksumsChecksum {
            report(layout.checksums, "the checksums' own checksum does not match")
        }
        var reader = ByteReader(sums)
        for block in layout.blocks {
            if reader.read(UInt32.self) != Kernels.checksum(UnsafeRawBufferPointer(rebasing: bytes[block])) {
                let section = layout.section(at: block.lowerBound)
                report(
                    block.lowerBound,
                    "the checksum of the block of \(block.count) bytes (\(section)) does not match")
            }
        }
        if ids[0] != header.firstID || ids[rows - 1] != header.lastID {
            report(layout.ids, "the first or last id is not the one in the header")
        }
        for row in 1..<max(1, rows) where ids[row] <= ids[row - 1] {
            report(layout.ids + 8 * row, "id \(ids[row]) follows \(ids[row - 1])")
        }
        if let partition {
            var seen = RowBitmap(rows: rows)
            for position in 0..<rows {
                let row = Int(partition.order[position])
                if row < rows { seen.insert(row) }
            }
            if seen.count != rows {
                report(layout.order, "\(rows - seen.count) rows have no code, or two")
            }
        }
        var vector = [Float](repeating: 0, count: layout.dimension)
        vector.withUnsafeMutableBufferPointer { vector in
            guard let vector = vector.baseAddress else { return }
            for row in 0..<rows {
                copyVector(ofRow: row, to: vector)
                let inverse = Kernels.inverseNorm(vector, layout.dimension)
                // float16 rounds a component by at most 1/2048 of itself.
                if !(abs(inverse - 1) < 0.002) {
                    report(
                        layout.vectors + row * layout.rowBytes,
                        "the vector of id \(ids[row]) has no unit length")
                } else if !(abs(inverseNorm[row] - inverse) < 1e-4) {
                    report(
                        layout.factors + 3 * layout.factorStride + 4 * row,
                        "the factors of id \(ids[row]) do not belong to its vector")
                }
            }
        }
        return problems
    }
}
