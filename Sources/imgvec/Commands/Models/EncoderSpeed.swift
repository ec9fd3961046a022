import Encoders
import Imaging
import Synchronization
import SystemSupport

/// How many pictures or texts a tower encodes per second on all cores, measured briefly.
enum EncoderSpeed {
    private static let seconds = 2.0
    /// As many as indexing hands a tower at a time.
    private static let batch = 8

    static func pictures(_ encoder: any ImageEncoder) throws -> Double {
        let (width, height) = (encoder.preprocessing.width, encoder.preprocessing.height)
        var noise = SystemRandomNumberGenerator()
        let buffers = (0..<batch).map { _ in
            let pixels = (0..<3 * width * height).map { _ in UInt8.random(in: 0...255, using: &noise) }
            return PixelBuffer(width: width, height: height, pixels: pixels)
        }
        return try perSecond { _ = try encoder.encode(buffers) }
    }

    static func texts(_ encoder: any TextEncoder) throws -> Double {
        let texts = (1...batch).map { "a photo of \($0) dogs playing in the snow" }
        return try perSecond { _ = try encoder.encode(texts) }
    }

    private static func perSecond(_ work: @escaping @Sendable () throws -> Void) throws -> Double {
        try work()  // the first call packs the weights
        let failure = Mutex<(any Error)?>(nil)
        let count = Atomic<Int>(0)
        let start = Platform.monotonicSeconds()
        WorkerThreads.run(threads: Platform.coreCount) { _ in
            while Platform.monotonicSeconds() - start < seconds, !Interruption.isRequested {
                do { try work() } catch {
                    failure.withLock { $0 = error }
                    return
                }
                count.wrappingAdd(batch, ordering: .relaxed)
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        return Double(count.load(ordering: .relaxed)) / (Platform.monotonicSeconds() - start)
    }
}
