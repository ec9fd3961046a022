import SystemPackage
import SystemSupport

/// A segment as a store sees it: the file and which of its rows are deleted.
struct LiveSegment: Sendable {
    let number: UInt64
    let segment: Segment
    /// The deleted rows; nil when there are none.
    var deleted: RowBitmap?

    var liveCount: Int { segment.rows - (deleted?.count ?? 0) }

    /// Opens the files that a manifest's entry names and checks them against it.
    init(_ entry: Manifest.Entry, in folder: FilePath, of manifest: Manifest) throws(IndexError) {
        let path = StoreFiles.segment(entry.segment, in: folder)
        segment = try Segment(path)
        number = entry.segment
        guard segment.header.space == manifest.space, segment.layout.precision == manifest.precision else {
            throw .otherSpace(path, found: segment.header.space, wanted: manifest.space)
        }
        guard segment.rows == entry.rows, segment.headerChecksum == entry.headerChecksum,
            segment.header.rotationSeed == manifest.rotationSeed
        else { throw .damaged(path, "it is not the file that the manifest names") }
        guard entry.deletions != 0 else { return }
        let list = StoreFiles.deletions(entry.deletions, in: folder)
        let (deleted, checksum) = try Deletions.read(list, segment: entry.segment, rows: entry.rows)
        guard checksum == entry.deletionsChecksum, deleted.count == entry.deletedRows else {
            throw .damaged(list, "it is not the file that the manifest names")
        }
        self.deleted = deleted
    }

    /// Opens everything that a manifest names; a file that is not there is damage.
    static func all(of manifest: Manifest, in folder: FilePath) throws(IndexError) -> [LiveSegment] {
        do throws(IndexError) {
            var segments: [LiveSegment] = []
            for entry in manifest.entries {
                segments.append(try LiveSegment(entry, in: folder, of: manifest))
            }
            return segments
        } catch {
            guard case .system(let cause) = error, cause.errno == .noSuchFileOrDirectory else { throw error }
            throw .damaged(cause.path ?? folder, Self.missing)
        }
    }

    /// What is wrong with a named file that is not there.
    static let missing = "the manifest names it, but it is missing"

    init(number: UInt64, segment: Segment) {
        self.number = number
        self.segment = segment
    }

    /// Whether a row was not deleted.
    func isLive(_ row: Int) -> Bool { deleted.map { !$0.contains(row) } ?? true }

    /// The row of a live id.
    func liveRow(ofID id: UInt64) -> Int? {
        segment.row(ofID: id).flatMap { isLive($0) ? $0 : nil }
    }

    /// Calls `body` with every live row in increasing order.
    func forEachLiveRow(_ body: (Int) -> Void) {
        for row in 0..<segment.rows where isLive(row) { body(row) }
    }
}
