import GRDB
import Imaging
public import SystemPackage
import SystemSupport

/// Something a picture can be short of, told from its size and the measures taken when it was indexed.
///
/// The checks and, where the measures allow, the limits are CleanVision's (cleanlab/cleanvision,
/// image_property_issue_manager.py). It judges dark and light by percentiles of the brightness; here they are
/// estimated from mean and standard deviation, as if brightness were normally distributed. Its limit for blur belongs
/// to another edge filter; ours is from photographs: below 30 lie none of 99 sharp ones, 24 of 100 blurred by a
/// Gaussian of 0.4 % of the longer side, 98 of 100 at 0.8 %.
public enum QualityCheck: String, Sendable, CaseIterable {
    /// The estimated 99th percentile of the brightness is below 0.32.
    case dark
    /// The estimated 5th percentile of the brightness is above 0.95.
    case light
    /// The variance of the Laplacian is below 30.
    case blurry
    /// The shorter side is less than 0.35 of the longer one.
    case oddAspect = "odd-aspect"
    /// The brightness histogram holds less than 1.5 bits; CleanVision's 3 bits over three channels, for a grey picture.
    case lowInformation = "low-information"
    /// The square root of the pixel count lies more than 3 interquartile ranges outside the collection's quartiles.
    case oddSize = "odd-size"
    /// Colourfulness below 3: no colours. A style as often as a fault.
    case grey

    /// The checks that find faults: all but `grey`.
    public static let faults = Set(allCases).subtracting([.grey])
}

/// A picture that fails checks of its quality.
public struct QualityFinding: Sendable {
    /// A check that failed.
    public struct Failure: Sendable {
        /// Which one.
        public let check: QualityCheck
        /// The picture's value and the limit it lies beyond.
        public let value: Double, limit: Double
        /// How far beyond, from 0 (at the limit) to 1.
        public let severity: Double
    }

    /// Where it stands; of several copies, the first by name.
    public let path: FilePath
    /// The checks it fails, worst first; at least one.
    public let failures: [Failure]
    /// The severity of the worst.
    public var score: Double { failures.first?.severity ?? 0 }
}

extension LibraryReader {
    /// The pictures that fail any of the checks, worst first; distinct pictures once, however many files hold them.
    ///
    /// Reads the catalog only: no file is opened and no model needed. `folders` restricts the pictures, and the
    /// collection that sizes are judged by.
    public func qualityFindings(folders: [FilePath], checks: Set<QualityCheck>) throws -> [QualityFinding] {
        let catalog = catalog
        var pictures = try catalog.read { try catalog.presentContents($0) }
        if !folders.isEmpty {
            let allowed = try folders.reduce(into: Set<UInt64>()) { $0.formUnion(try contents(below: $1)) }
            pictures.removeAll { !allowed.contains($0.id) }
        }
        let places = try folders.map { try LibraryPaths.absolute($0) }
        let sizes = UsualSizes(pictures)
        return try catalog.read { database in
            try pictures.compactMap { picture -> QualityFinding? in
                let failures = checks.compactMap { $0.failure(of: picture, sizes: sizes) }
                    .sorted { ($1.severity, $0.check.rawValue) < ($0.severity, $1.check.rawValue) }
                guard !failures.isEmpty else { return nil }
                let path = try catalog.files(content: picture.id, in: database).map { self.path(of: $0) }
                    .first { path in places.isEmpty || places.contains { path.starts(with: $0) } }
                return path.map { QualityFinding(path: $0, failures: failures) }
            }
        }.sorted {
            $0.score == $1.score
                ? $0.path.bytes.lexicographicallyPrecedes($1.path.bytes) : $0.score > $1.score
        }
    }
}

/// The range of sizes that are not odd in a collection.
struct UsualSizes {
    let smallest: Double, largest: Double

    init(_ pictures: [ContentRecord]) { self.init(sides: pictures.map(Self.side)) }

    /// From the quartiles of the sides, interpolated as numpy does.
    init(sides: [Double]) {
        let sorted = sides.sorted()
        guard let last = sorted.indices.last else {
            (smallest, largest) = (0, .infinity)
            return
        }
        func quantile(_ share: Double) -> Double {
            let place = share * Double(last)
            let below = Int(place)
            let above = min(below + 1, last)
            return sorted[below] + (place - Double(below)) * (sorted[above] - sorted[below])
        }
        let (first, third) = (quantile(0.25), quantile(0.75))
        smallest = max(0, first - 3 * (third - first))
        largest = third + 3 * (third - first)
    }

    /// The side of a square of as many pixels.
    static func side(_ picture: ContentRecord) -> Double {
        (Double(picture.width) * Double(picture.height)).squareRoot()
    }
}

extension QualityCheck {
    func failure(of picture: ContentRecord, sizes: UsualSizes) -> QualityFinding.Failure? {
        let quality = picture.quality
        switch self {
        case .dark: return below(0.32, quality.brightness + 2.33 * quality.contrast)
        case .light: return above(0.95, quality.brightness - 1.64 * quality.contrast, most: 1)
        case .blurry: return below(30, quality.sharpness)
        case .oddAspect:
            let (shorter, longer) = (
                min(picture.width, picture.height), max(picture.width, picture.height, 1)
            )
            return below(0.35, Double(shorter) / Double(longer))
        case .lowInformation: return below(1.5, quality.entropy)
        case .oddSize:
            let side = UsualSizes.side(picture)
            if let small = below(sizes.smallest, side) { return small }
            guard side > sizes.largest else { return nil }
            return QualityFinding.Failure(
                check: self, value: side, limit: sizes.largest, severity: 1 - sizes.largest / side)
        case .grey: return below(3, quality.colorfulness)
        }
    }

    private func below(_ limit: Double, _ value: Double) -> QualityFinding.Failure? {
        guard value < limit else { return nil }
        return QualityFinding.Failure(
            check: self, value: value, limit: limit, severity: min(1, (limit - value) / limit))
    }

    private func above(_ limit: Double, _ value: Double, most: Double) -> QualityFinding.Failure? {
        guard value > limit else { return nil }
        return QualityFinding.Failure(
            check: self, value: value, limit: limit, severity: min(1, (value - limit) / (most - limit)))
    }
}
