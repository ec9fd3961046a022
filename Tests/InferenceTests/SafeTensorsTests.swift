import Inference
import SystemPackage
import SystemSupport
import TestSupport
import Testing

@Suite struct SafeTensorsTests {
    private func file(_ header: String, data: Int = 0, declared: UInt64? = nil) -> [UInt8] {
        withUnsafeBytes(of: (declared ?? UInt64(header.utf8.count)).littleEndian, Array.init)
            + Array(header.utf8)
            + (0..<data).map { UInt8(truncatingIfNeeded: $0) }
    }

    private func problem(_ bytes: [UInt8]) -> SafeTensorsError.Problem? {
        bytes.withUnsafeBytes { bytes in
            do throws(SafeTensorsError) {
                _ = try SafeTensors(bytes, name: "x")
                return nil
            } catch {
                #expect(error.description.hasPrefix("x: "))
                return error.problem
            }
        }
    }

    @Test func readsTensorsInPlace() throws {
        let bytes = file(
            #"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"#
                + #""b":{"dtype":"I64","shape":[],"data_offsets":[8,16]}}"#,
            data: 16)
        try bytes.withUnsafeBytes { bytes in
            let file = try SafeTensors(bytes, name: "x")
            #expect(Set(file.entries.keys) == ["a", "b"])
            let a = try file.weights("a")
            #expect(
                a.shape == [2, 1]
                    && a.tensor().values == [Float(bitPattern: 0x0302_0100), Float(bitPattern: 0x0706_0504)])
            let reader = WeightReader([file])
            #expect(throws: SafeTensorsError("x", .tensor("b", "has type I64, expected F32, F16 or BF16"))) {
                try file.weights("b")
            }
            #expect(throws: SafeTensorsError("x", .tensor("c", "is missing"))) { try reader.weights("c") }
            #expect(throws: SafeTensorsError("x", .tensor("a", "has shape [2, 1], expected [1, 2]"))) {
                try reader.weights("a", [1, 2])
            }
            #expect(throws: SafeTensorsError("x", .tensor("p.a", "is missing"))) {
                try reader.under("p").weights("a")
            }
        }
    }

    @Test func refusesDamagedFiles() {
        func tensor(_ rest: String) -> String { #"{"a":{"dtype":"F32",\#(rest)}}"# }
        let good = tensor(#""shape":[2],"data_offsets":[0,8]"#)
        #expect(problem(file(good, data: 8)) == nil)
        #expect(problem([]) == .truncatedHeader(have: 0, need: 8))
        #expect(
            problem(Array(file(good, data: 8).prefix(20)))
                == .truncatedHeader(have: 20, need: 8 + good.utf8.count))
        #expect(problem(file(good, data: 8, declared: 1 << 40)) == .headerTooLong(1 << 40))
        #expect(problem(file(good, data: 8, declared: .max)) == .headerTooLong(.max))
        #expect(
            problem(file(good, data: 8, declared: 99_999_999))
                == .truncatedHeader(have: good.utf8.count + 16, need: 100_000_007))
        #expect(problem(file(good, data: 7)) == .tensor("a", "is at bytes 0 to 8 of 7"))
        #expect(
            problem(file(tensor(#""shape":[2],"data_offsets":[8,0]"#), data: 8))
                == .tensor("a", "is at bytes 8 to 0 of 8"))
        #expect(
            problem(file(tensor(#""shape":[2],"data_offsets":[-8,0]"#), data: 8))
                == .tensor("a", "is at bytes -8 to 0 of 8"))
        #expect(
            problem(file(tensor(#""shape":[3],"data_offsets":[0,8]"#), data: 8))
                == .tensor("a", "of shape [3] and type F32 has 8 bytes"))
        #expect(
            problem(file(tensor(#""shape":[-2],"data_offsets":[0,8]"#), data: 8))
                == .tensor("a", "has a dimension that is no size"))
        #expect(
            problem(file(tensor(#""shape":[1.5],"data_offsets":[0,8]"#), data: 8))
                == .tensor("a", "has a dimension that is no size"))
        #expect(
            problem(file(tensor(#""shape":[4e9,4e9,4e9],"data_offsets":[0,8]"#), data: 8))
                == .tensor("a", "has more elements than there can be"))
        #expect(problem(file(tensor(#""shape":[2]"#), data: 8)) == .tensor("a", "has no data_offsets"))
        #expect(
            problem(file(#"{"a":{"shape":[2],"data_offsets":[0,8]}}"#, data: 8))
                == .tensor("a", "has no dtype"))
        #expect(problem(file("[]")) == .header("no JSON object"))
        let two =
            #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"#
            + #""b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#
        #expect(problem(file(two, data: 8)) == .tensor("b", "overlaps 'a'"))
        let apart = two.replacing("[4,8]", with: "[9,13]")
        #expect(
            problem(file(apart, data: 13))
                == .tensor("b", "starts at byte 9, expected 8: no tensor may be preceded by a gap"))
        #expect(problem(file(good, data: 9)) == .surplus(1))
        #expect(
            problem(file(good.replacing("F32", with: "F31"), data: 8))
                == .tensor("a", "has type 'F31', which safetensors does not know"))
        if case .header(let reason)? = problem(file(two.replacing("\"b\"", with: "\"a\""), data: 8)) {
            #expect(reason.contains("the name 'a' only once"))
        } else {
            Issue.record("a name may stand twice")
        }
        if case .header? = problem(file("{\"a\":", data: 3)) {
        } else {
            Issue.record("half a header is accepted")
        }
    }

    /// A tensor's name must not break the one line of an error, nor act on a terminal.
    @Test func errorsAreOneLine() {
        let header = #"{"a\n\u001b[31m":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#
        file(header, data: 4).withUnsafeBytes { bytes in
            let error = #expect(throws: SafeTensorsError.self) { try SafeTensors(bytes, name: "x") }
            #expect(error?.description.unicodeScalars.allSatisfy { $0.value >= 0x20 } == true)
        }
    }

    /// Two tensors of a type whose size was not checked added up to more weights than a number holds.
    @Test func elementCountsAreBoundByTheFile() {
        let huge = #"{"dtype":"ODD","shape":[4611686018427387904],"data_offsets":[0,0]}"#
        #expect(
            problem(file("{\"a\":\(huge),\"b\":\(huge)}"))
                == .tensor("a", "has type 'ODD', which safetensors does not know"))
    }

    /// Whatever bytes are changed, the reader answers or throws, and what it answers lies within the file.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func survivesMutations(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let original = try FileContents.read(Fixtures.path("models/resnet-basic.safetensors")).bytes
        let header = 8 + Int(original.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
        let small = Array(original.prefix(header + 4000))
        for _ in 0..<50 {
            var bytes = Bool.random(using: &random) ? small : Array(original.prefix(header))
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let index = min(
                    bytes.count - 1,
                    Int.random(in: 0..<(Bool.random(using: &random) ? 8 : header), using: &random))
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1:
                    bytes[index] = Array("0123456789[]{},:\"\\-e.".utf8).randomElement(using: &random) ?? 0
                default:
                    bytes.removeSubrange(
                        index..<min(bytes.count, index + Int.random(in: 1...9, using: &random)))
                }
            }
            bytes.withUnsafeBytes { bytes in
                guard let file = try? SafeTensors(bytes, name: "seed \(seed)") else { return }
                for (name, entry) in file.entries {
                    #expect(
                        entry.range.lowerBound >= 0 && entry.range.upperBound <= bytes.count, "seed \(seed)")
                    _ = try? file.weights(name).tensor()
                }
            }
        }
    }
}
