import Encoders
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// Any tokenizer against numbers that the reference wrote, outside CI:
///
///     python Fixtures/generate_tokenizers.py check tokenizer.json numbers.txt
///     IMGVEC_TOKENIZER=tokenizer.json IMGVEC_TOKENIZER_NUMBERS=numbers.txt swift test --filter TokenizerCheckTests
///
/// prints the time it takes to read the tokenizer and the texts a second.
@Suite struct TokenizerCheckTests {
    private static let file = Platform.environment("IMGVEC_TOKENIZER")
    private static let numbers = Platform.environment("IMGVEC_TOKENIZER_NUMBERS")

    @Test(.enabled(if: file != nil && numbers != nil)) func agreesWithGivenNumbers() throws {
        let file = try #require(TokenizerCheckTests.file), numbers = try #require(TokenizerCheckTests.numbers)
        let texts = TokenizerParityTests.texts
        let before = Platform.monotonicSeconds()
        let tokenizer = try Tokenizer.open(FilePath(file))
        let start = Platform.monotonicSeconds()
        let rows = try texts.map { try tokenizer.encode($0, padding: true) }
        let end = Platform.monotonicSeconds()
        let words = try TokenizerTexts()
        let captions = (0..<20_000).map { words.captionText($0) }
        let captionStart = Platform.monotonicSeconds()
        var count = 0
        for caption in captions { count += try tokenizer.encode(caption).count }
        let captionEnd = Platform.monotonicSeconds()
        print(
            "read in \((start - before) * 1000) ms; \(Double(texts.count) / (end - start)) texts/s;",
            "20,000 captions, \(count) tokens: \(20_000 / (captionEnd - captionStart)) captions/s")
        let lines = String(decoding: try FileContents.read(FilePath(numbers)).bytes, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == texts.count + 1)
        for (index, line) in lines.dropLast().enumerated() {
            let expected = line.split(separator: " ").compactMap { Int32($0) }
            let text = String(decoding: texts[index], as: UTF8.self)
            #expect(rows[index] == expected, "text \(index): \(text.debugDescription)")
        }
    }
}
