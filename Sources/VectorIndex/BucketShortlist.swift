import CKernels

/// The buckets that a query's results may be in, and which of them to scan next.
///
/// Similarities of a query to the rows of a bucket are taken as normally distributed around the product with the
/// bucket's mean. So each bucket holds some mass above the least similarity of the results found so far. How much
/// that is in all, the distribution tells poorly: rows near the query rather stand in the bucket nearest to it, so
/// that all buckets hold less, some ten times less for a query like the rows, about as much as the distribution says for
/// one that is far from them. How the mass is divided among the buckets it tells well. So what counts is the share
/// of the mass that has been scanned.
final class BucketShortlist {
    /// Rows so many standard deviations from their bucket's mean are still looked for.
    private static let reach: Float = 6
    /// The mass left may be this part of what the asked recall allows: buckets scanned first hold rather more results
    /// for their mass than those left.
    private static let caution: Float = 0.5
    /// Fewer buckets than this are not worth a round of their own.
    private static let fewestBuckets = 8

    private let numbers: ScratchMemory<UInt32>
    private let products: ScratchMemory<Float>
    private let variances: ScratchMemory<Float>
    /// Rows of each bucket; negative once they are scanned.
    private let sizes: ScratchMemory<Float>
    private let shares: ScratchMemory<Float>
    private let chosen: ScratchMemory<UInt32>
    private var count = 0
    private var masses = MassesByShare()

    /// A list with room for so many buckets in so many parts.
    init(buckets: Int, parts: Int) {
        // Kernels write up to 15 entries more than they tell.
        let room = buckets + 16 * parts
        numbers = ScratchMemory(room)
        products = ScratchMemory(room)
        variances = ScratchMemory(room)
        sizes = ScratchMemory(room)
        shares = ScratchMemory(room)
        chosen = ScratchMemory(room)
    }

    /// Forgets all buckets.
    func removeAll() { count = 0 }

    /// Adds those of some buckets that may hold a row above a similarity; they come in the order of their numbers.
    func add(
        _ buckets: RankedBuckets, firstNumber: Int, products: UnsafePointer<Float>, similarity: Float,
        deviation: Float, noise: Float
    ) {
        var terms = ck_expectation(
            similarity: similarity, deviation: deviation, noise: buckets.codes == nil ? 0 : noise,
            reach: Self.reach)
        var target = ck_reached_buckets(
            numbers: numbers.base + count, products: self.products.base + count,
            variances: variances.base + count, sizes: sizes.base + count)
        let found = Kernels.table.reach(
            &terms, products, buckets.spreads, buckets.codes?.error ?? buckets.spreads, buckets.starts,
            buckets.count, &target)
        for index in count..<count + found { numbers.base[index] += UInt32(firstNumber) }
        count += found
    }

    /// Takes note that the bucket with a number has been scanned.
    func markScanned(_ number: Int) {
        var low = 0, high = count
        while low < high {
            let middle = (low + high) / 2
            if Int(numbers.base[middle]) < number { low = middle + 1 } else { high = middle }
        }
        if low < count, Int(numbers.base[low]) == number { sizes.base[low] = -abs(sizes.base[low]) }
    }

    /// The numbers of the buckets to scan next, in order, which count as scanned from now on; none when those that
    /// were scanned hold the `wanted` share of the mass above a similarity.
    ///
    /// `most` is how many results there can be, if rows that do not count make masses no measure of each other.
    ///
    /// The closest are chosen first, and no more than half of what seems to be missing: what they hold may raise the
    /// similarity, and then less is missing.
    func next(above similarity: Float, wanted: Float, most: Int?) -> UnsafeBufferPointer<UInt32> {
        var mass = ck_masses()
        Kernels.table.shares(
            similarity, products.base, variances.base, sizes.base, count, shares.base, &mass)
        let results = min(mass.scanned + mass.left, most.map { Float($0) } ?? .infinity)
        let missable = Self.caution * (1 - wanted) * results
        guard mass.left > missable else { return UnsafeBufferPointer(start: chosen.base, count: 0) }
        // Most buckets are so far that all of them together hold next to nothing.
        let negligible = missable / 64
        let close = Kernels.table.select(shares.base, count, negligible / mass.rows, chosen.base)
        masses.begin()
        for index in 0..<close {
            let place = Int(chosen.base[index])
            let size = sizes.base[place], share = shares.base[place]
            if size > 0 { masses.add(share * size, share: share) }
        }
        var found = choose(leaving: (mass.left + missable) / 2 - negligible)
        if found < Self.fewestBuckets { found = choose(leaving: missable - negligible) }
        for index in 0..<found {
            let place = Int(chosen.base[index])
            sizes.base[place] = -sizes.base[place]
            chosen.base[index] = numbers.base[place]
        }
        return UnsafeBufferPointer(start: chosen.base, count: found)
    }

    /// The numbers of the buckets, in order, of whose rows a share above `least` seems to be above a similarity.
    func all(above similarity: Float, share least: Float) -> UnsafeBufferPointer<UInt32> {
        var mass = ck_masses()
        Kernels.table.shares(
            similarity, products.base, variances.base, sizes.base, count, shares.base, &mass)
        let found = Kernels.table.select(shares.base, count, least, chosen.base)
        for index in 0..<found { chosen.base[index] = numbers.base[Int(chosen.base[index])] }
        return UnsafeBufferPointer(start: chosen.base, count: found)
    }

    /// Puts the places of the closest buckets that are not scanned yet into `chosen`, so many that the others hold no
    /// more than a mass.
    private func choose(leaving mass: Float) -> Int {
        let close = Kernels.table.select(shares.base, count, masses.leastShare(leaving: mass), chosen.base)
        var found = 0
        for index in 0..<close where sizes.base[Int(chosen.base[index])] > 0 {
            chosen.base[found] = chosen.base[index]
            found += 1
        }
        return found
    }
}

/// How much mass there is in buckets by the share of their rows.
///
/// Sums are kept by magnitude instead of sorting: four classes to each power of two.
private struct MassesByShare {
    /// Exponent and two bits of the fraction of a Float between 0 and 1.
    private static let classes = 1 << 9
    private static let shift: UInt32 = 21
    private var sums = [Float](repeating: 0, count: MassesByShare.classes)

    /// Forgets everything.
    mutating func begin() {
        for index in sums.indices { sums[index] = 0 }
    }

    /// Takes note of a mass.
    mutating func add(_ mass: Float, share: Float) {
        sums[min(Self.classes - 1, Int(max(0, share).bitPattern >> Self.shift))] += mass
    }

    /// The share below which the masses sum up to `mass` at most.
    func leastShare(leaving mass: Float) -> Float {
        var sum: Float = 0
        for (index, value) in sums.enumerated() {
            sum += value
            if sum > mass { return Float(bitPattern: UInt32(index) << Self.shift) }
        }
        return .infinity
    }
}
