import CCodecs
import Imaging
import Testing

@Suite struct LibraryTests {
    @Test func aMissingLibraryIsNamed() {
        var failure = cc_failure()
        let opened = "libno-such-codec.so.9".withCString { name in
            [name, nil].withUnsafeBufferPointer { names in
                var address: UnsafeMutableRawPointer?
                return "f".withCString { symbolName in
                    withUnsafeMutablePointer(to: &address) { address in
                        var symbol = cc_symbol(name: symbolName, address: address)
                        guard let names = names.baseAddress else { return true }
                        return cc_library_open(names, &symbol, 1, &failure)
                    }
                }
            }
        }
        #expect(!opened)
        let reason = withUnsafePointer(to: failure) { String(cString: cc_failure_text($0)) }
        #expect(reason.contains("libno-such-codec"), "\(reason)")
    }

    @Test func errorsSayWhatToDo() {
        let error = ImagingError.libraryMissing(
            .heic, library: "libheif", remedy: "install the package libheif1")
        #expect(
            error.description == "HEIC needs libheif, which cannot be opened; install the package libheif1")
        #expect(
            ImagingError.tooLarge(.png, width: 60000, height: 60000, maxMegapixels: 300).description
                == "PNG of 60000 x 60000 pixels is larger than the limit of 300.0 megapixels")
    }
}
