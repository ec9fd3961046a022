import COneDNN
import SystemSupport

/// What multiplies matrices: imgvec's own kernels where the processor has AVX-512, else oneDNN where it is installed,
/// else plain kernels (Accelerate's on macOS).
public enum MathBackend: String, Sendable, CaseIterable {
    /// imgvec's own kernels for AVX-512.
    case avx512
    /// Intel's oneDNN, loaded when the first large product is needed.
    case oneDNN = "onednn"
    /// The kernels that come with imgvec.
    case portable
}

/// The choice of backend, and how many threads it may use.
public enum MathLibrary {
    /// Overrides the backend for layers built inside `MathLibrary.$override.withValue(...)`; for tests.
    @TaskLocal package static var override: MathBackend?

    /// The backend that layers built now will use.
    ///
    /// `IMGVEC_MATH=portable` (or `onednn`, `avx512`) forces one. Without AVX-512 asking loads oneDNN if that has not
    /// been tried yet, which costs some milliseconds; small models never ask.
    public static var backend: MathBackend { override ?? preferred }

    /// The backend for what is too small for a library: nothing is loaded.
    static var backendWithoutLibrary: MathBackend {
        wanted ?? (cdnn_floats_are_fast() != 0 ? .avx512 : .portable)
    }

    // One that is asked for by name is used, or fails when it is not there.
    private static let wanted = Platform.environment("IMGVEC_MATH").flatMap { MathBackend(rawValue: $0) }

    private static let preferred: MathBackend = {
        if let wanted { return wanted }
        if cdnn_floats_are_fast() != 0 { return .avx512 }
        return cdnn_available() != 0 ? .oneDNN : .portable
    }()

    /// The backends that can be used here, for tests.
    package static var present: [MathBackend] {
        MathBackend.allCases.filter {
            switch $0 {
            case .avx512: cdnn_floats_are_fast() != 0
            case .oneDNN: cdnn_available() != 0
            case .portable: true
            }
        }
    }

    /// The version of the loaded oneDNN ("2.6.3"), or nil when it is not there.
    public static var oneDNNVersion: String? {
        let version = cdnn_version()
        return version == 0 ? nil : "\(version / 10000).\(version / 100 % 100).\(version % 100)"
    }

    /// Runs `body` with up to `count` threads inside each product called from this thread; else it is one.
    ///
    /// For a caller who has a single picture to encode and idle cores. Workers that run side by side leave it
    /// at one. The portable backend always uses one thread.
    public static func withThreads<T>(_ count: Int, _ body: () throws -> T) rethrows -> T {
        let before = cdnn_threads()
        cdnn_set_threads(Int32(clamping: count))
        defer { cdnn_set_threads(before) }
        return try body()
    }

    static func check(_ status: cdnn_status, _ operation: @autoclosure () -> String) throws(InferenceError) {
        switch status {
        case CDNN_OK: return
        case CDNN_UNAVAILABLE: throw InferenceError(.noLibrary, operation())
        case CDNN_OUT_OF_MEMORY: throw InferenceError(.outOfMemory, operation())
        default: throw InferenceError(.mathLibrary(status: Int(cdnn_last_failure())), operation())
        }
    }
}

/// A product or convolution that could not be computed.
public struct InferenceError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Why it failed.
    public enum Reason: Sendable, Equatable {
        /// Memory ran out.
        case outOfMemory
        /// oneDNN is not installed or has no code for it, or the processor has no AVX-512.
        case noLibrary
        /// oneDNN refused, with this status number.
        case mathLibrary(status: Int)
    }

    /// Why it failed.
    public let reason: Reason
    /// What was being computed, with its sizes.
    public let operation: String

    init(_ reason: Reason, _ operation: String) {
        self.reason = reason
        self.operation = operation
    }

    /// One line naming the operation, the reason and a way around it.
    public var description: String {
        switch reason {
        case .outOfMemory: "not enough memory for \(operation)"
        case .noLibrary:
            "what IMGVEC_MATH asks for is not there for \(operation): oneDNN is not installed, or the processor has no "
                + "AVX-512; IMGVEC_MATH=portable does without"
        case .mathLibrary(let status):
            "oneDNN failed (status \(status)) in \(operation); IMGVEC_MATH=portable does without it"
        }
    }
}

/// The function applied to each element at the end of a layer.
public enum Activation: String, Sendable, CaseIterable {
    /// None.
    case identity
    /// max(0, x)
    case relu
    /// x Φ(x), with the exact error function (Hendrycks and Gimpel, 2016).
    case gelu
    /// x sigmoid(1.702 x), as OpenAI's CLIP uses.
    case quickGELU = "quick_gelu"
    /// GELU with its tanh approximation, as SigLIP 2 uses.
    case tanhGELU = "gelu_pytorch_tanh"

    var native: cdnn_activation {
        switch self {
        case .identity: CDNN_IDENTITY
        case .relu: CDNN_RELU
        case .gelu: CDNN_GELU
        case .quickGELU: CDNN_QUICK_GELU
        case .tanhGELU: CDNN_GELU_TANH
        }
    }
}
