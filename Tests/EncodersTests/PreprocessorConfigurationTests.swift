import Encoders
import Imaging
import Inference
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// Preprocessing as configured, against transformers' processors and OpenCLIP's transforms
/// (Fixtures/generate_clip_models.py).
@Suite struct PreprocessorConfigurationTests {
    static let side = 12

    private func preprocessing(_ entry: JSON) throws -> Preprocessing {
        if let json = entry["processor"] {
            return try Preprocessing(processor: json, side: Self.side, file: "preprocessor_config.json")
        }
        return try Preprocessing(
            openCLIP: try #require(entry["open_clip"]), side: Self.side, file: "open_clip_config.json")
    }

    @Test func tensorsAreThoseOfTheReference() throws {
        let golden = try Golden("preprocessing")
        let bytes = try FileContents.read(Fixtures.path("golden/models/preprocessing.json")).bytes
        let entries = try #require(try JSON.parse(bytes).array)
        #expect(entries.count >= 28)
        for (index, entry) in entries.enumerated() {
            let preprocessing = try preprocessing(entry)
            for number in 0..<3 {
                let values = try golden.tensor("picture.\(number)")
                let picture = PixelBuffer(
                    width: values.shape[1], height: values.shape[0], pixels: values.values.map { UInt8($0) })
                let tensor = preprocessing.tensor(from: picture)
                let expected = try golden.tensor("\(index).\(number)").values
                #expect(tensor.count == expected.count)
                let largest = zip(tensor, expected).map { abs($0 - $1) }.max() ?? .infinity
                #expect(largest <= 1e-5, "\(entry) picture \(number): \(largest)")
            }
        }
    }

    /// What is not done here is refused by its name, not done otherwise.
    @Test func refusesWhatItDoesNotDo() throws {
        func expectError(_ message: String, _ text: String, openCLIP: Bool = false) throws {
            let json = try JSON.parse(Array(text.utf8))
            let error = #expect(throws: ModelError.self) {
                _ =
                    openCLIP
                    ? try Preprocessing(openCLIP: json, side: Self.side, file: "f")
                    : try Preprocessing(processor: json, side: Self.side, file: "f")
            }
            #expect(error?.description.contains(message) == true, "\(error?.description ?? "none")")
        }
        try expectError("crop_size is not 12 x 12", #"{"crop_size": {"height": 12, "width": 13}}"#)
        try expectError("size is no shortest_edge", #"{"size": {"longest_edge": 12}}"#)
        try expectError("size is no shortest_edge", #"{"size": 0}"#)
        try expectError("size is no shortest_edge", #"{"size": 1e12}"#)
        try expectError("not cropped", #"{"size": 12, "do_center_crop": false}"#)
        try expectError(
            "size is 13 x 12", #"{"size": {"height": 12, "width": 13}, "do_center_crop": false}"#)
        try expectError("neither resized nor cropped", #"{"do_resize": false, "do_center_crop": false}"#)
        try expectError("do_resize is neither true nor false", #"{"do_resize": 1}"#)
        try expectError("do_pad is not supported", #"{"do_pad": true}"#)
        try expectError("resample is none", #"{"resample": 6}"#)
        try expectError("image_mean is not three numbers", #"{"image_mean": [1, 2]}"#)
        try expectError("image_std is not above 0", #"{"image_std": [1, 2, 0]}"#)
        try expectError("rescale_factor is 0", #"{"rescale_factor": 0}"#)
        try expectError("resize_mode is 'fit'", #"{"resize_mode": "fit"}"#, openCLIP: true)
        try expectError("interpolation is 'area'", #"{"interpolation": "area"}"#, openCLIP: true)
        try expectError("mode is 'L'", #"{"mode": "L"}"#, openCLIP: true)
        try expectError("fill_color is not 0", #"{"fill_color": 128}"#, openCLIP: true)
        try expectError("std is not above 0", #"{"std": 0}"#, openCLIP: true)
    }

    @Test func bluesComeFirstWhereAsked() throws {
        let json = try JSON.parse(Array(#"{"do_flip_channel_order": true, "do_normalize": false}"#.utf8))
        let preprocessing = try Preprocessing(processor: json, side: 1, file: "f")
        let tensor = preprocessing.tensor(from: PixelBuffer(width: 1, height: 1, pixels: [255, 51, 0]))
        #expect(tensor == [0, 0.2, 1])
    }
}
