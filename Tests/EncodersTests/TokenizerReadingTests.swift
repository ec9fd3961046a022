import Encoders
import SystemPackage
import SystemSupport
import TestSupport
import Testing

/// What wrong and unusual tokenizer files lead to.
@Suite struct TokenizerReadingTests {
    private func tokenizer(_ json: String) throws -> Tokenizer {
        try Array(json.utf8).withUnsafeBytes { try Tokenizer(json: $0) }
    }

    private func problem(_ body: () throws -> Tokenizer) -> String {
        do {
            _ = try body()
            return "read"
        } catch {
            return "\(error)"
        }
    }

    private static let model =
        #""model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"<s>":3},"merges":["a b"]}"#

    @Test(arguments: [
        (#"{"model":{"type":"Neural","vocab":{"a":0}}}"#, "tokenizer.json: model: unknown type 'Neural'"),
        (#"{"version":"1.0"}"#, "tokenizer.json: model: no vocabulary as WordLevel has it"),
        (
            #"{"model":{"type":"BPE","vocab":{"a":0},"merges":["a b"]}}"#,
            "tokenizer.json: the vocabulary lacks the piece 'b' that a merge needs"
        ),
        (
            #"{"model":{"type":"BPE","vocab":{"a":0,"b":1},"merges":[["a","b"]]}}"#,
            "tokenizer.json: the vocabulary lacks the piece 'ab' that a merge needs"
        ),
        (
            #"{"model":{"type":"BPE","dropout":0.5,"vocab":{"a":0},"merges":[]}}"#,
            "tokenizer.json: model: dropout 0.5 makes tokens random; only 0 is read"
        ),
        (
            #"{"model":{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}}"#,
            "tokenizer.json: token 0 has two pieces"
        ),
        (
            #"{"model":{"type":"WordPiece","vocab":{"a":0},"unk_token":"[UNK]"}}"#,
            "tokenizer.json: the vocabulary lacks '[UNK]'"
        ),
        (
            #"{"model":{"type":"Unigram","unk_id":7,"vocab":[["a",-1.0]]}}"#,
            "tokenizer.json: unk_id 7 is outside the vocabulary of 1"
        ),
        (
            #"{"normalizer":{"type":"Sequence","normalizers":[{"type":"Rot13"}]},"# + model + "}",
            "tokenizer.json: normalizer: unknown type 'Rot13'"
        ),
        (
            #"{"normalizer":{"type":"Precompiled","precompiled_charsmap":"AAAA"},"# + model + "}",
            "tokenizer.json: normalizer: Precompiled: precompiled_charsmap is not a character map"
        ),
        (
            #"{"pre_tokenizer":{"type":"UnicodeScripts"},"# + model + "}",
            "tokenizer.json: pre_tokenizer: unknown type 'UnicodeScripts'"
        ),
        (
            #"{"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(a"},"behavior":"Isolated"},"# + model
                + "}",
            "tokenizer.json: pre_tokenizer: Split: a missing ')' at character 2 of the regular expression"
        ),
        (
            #"{"pre_tokenizer":{"type":"Split","pattern":{"Regex":"a"},"behavior":"Shuffled"},"# + model
                + "}",
            "tokenizer.json: pre_tokenizer: Split: unknown behavior 'Shuffled'"
        ),
        (
            #"{"decoder":{"type":"Morse"},"# + model + "}", "tokenizer.json: decoder: unknown type 'Morse'"
        ),
        (
            #"{"post_processor":{"type":"Chat"},"# + model + "}",
            "tokenizer.json: post_processor: unknown type 'Chat'"
        ),
        (
            #"{"truncation":{"max_length":1},"post_processor":{"type":"BertProcessing","sep":["b",1],"cls":["a",0]},"#
                + model + "}",
            "tokenizer.json: truncation: max_length 1 has no room for the special tokens"
        ),
        (
            #"{"model":{"type":"BPE","vocab":{"a":0}"#,
            "tokenizer.json: not valid JSON: expected ',' or '}' at byte 38"
        ),
    ])
    func namesWhatIsWrong(json: String, expected: String) {
        #expect(problem { try tokenizer(json) } == expected)
    }

    /// An expression that backtracks without end is an error of the text, not an endless search.
    @Test func patternsHaveABound() throws {
        let tokenizer = try tokenizer(
            #"{"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(a|aa)+$b"},"behavior":"Isolated"},"#
                + TokenizerReadingTests.model + "}")
        #expect(
            throws: TokenizerError.file(
                "tokenizer.json", "pre_tokenizer: a regular expression that backtracks without end")
        ) {
            try tokenizer.encode(String(repeating: "a", count: 2000))
        }
        #expect(try tokenizer.encode("ab") == [2])
    }

    /// A loop whose body takes nothing ends.
    @Test(arguments: ["(?:a*)*b", "(?:a*)+", "(?:|a)+b", "(?:(?=a))*ab", "(a?){3,}b", "(?:b?){2,5}+"])
    func emptyLoopsEnd(pattern: String) throws {
        let tokenizer = try tokenizer(
            #"{"pre_tokenizer":{"type":"Split","pattern":{"Regex":"\#(pattern)"},"behavior":"Isolated"},"#
                + TokenizerReadingTests.model + "}")
        #expect(try tokenizer.encode("aab").count >= 2)
    }

    /// A word of 60,000 characters takes n log n steps.
    @Test(arguments: ["gpt2", "llama2", "siglip", "bert-uncased", "tiktoken-cl100k"])
    func longWordsAreNoTrouble(name: String) throws {
        var tokenizer = try TokenizerParityTests.tokenizer(name)
        tokenizer.maximumLength = 40
        for part in ["photograph", "<", "漢", "\u{301}", " ", "\n"] {
            let text = String(repeating: part, count: 6_000)
            #expect(try tokenizer.encode(text).count <= 40)
        }
    }

    @Test func cutsAndFillsAsTheFileSays() throws {
        let json =
            #"{"truncation":{"max_length":4,"direction":"Left","strategy":"LongestFirst","stride":0},"#
            + #""padding":{"strategy":{"Fixed":6},"direction":"Left","pad_id":9},"#
            + #""post_processor":{"type":"RobertaProcessing","sep":["</s>",8],"cls":["<s>",7]},"#
            + #""model":{"type":"WordLevel","vocab":{"a":0,"b":1,"c":2,"?":3},"unk_token":"?"},"#
            + #""pre_tokenizer":{"type":"Whitespace"}}"#
        let tokenizer = try tokenizer(json)
        #expect(try tokenizer.encode("a b c") == [7, 1, 2, 8])
        #expect(try tokenizer.encode("a", padding: true) == [9, 9, 9, 7, 0, 8])
        #expect(tokenizer.startToken == 7 && tokenizer.endToken == 8 && tokenizer.paddingToken == 9)
        #expect(tokenizer.token("c") == 2 && tokenizer.piece(2) == "c" && tokenizer.piece(77) == nil)
    }

    @Test func opensFilesAndFolders() throws {
        let folder = try TemporaryFolder()
        func write(_ text: String, _ name: String) throws {
            try Array(text.utf8).withUnsafeBytes { try AtomicFile.write($0, to: folder.path.appending(name)) }
        }
        #expect(problem { try Tokenizer.open(folder.path) }.contains("no tokenizer: none of tokenizer.json"))
        try write(#"{"a":0}"#, "vocab.json")
        #expect(
            problem { try Tokenizer.open(folder.path) }.hasSuffix(
                "vocab.json: there is no merges.txt beside it"))
        try Folders.removeTree(folder.path.appending("vocab.json"))
        try write("binary", "tokenizer.model")
        #expect(problem { try Tokenizer.open(folder.path) }.contains("SentencePiece's own format"))
        try write("IQ== 0\nx 1\n", "a.tiktoken")
        #expect(
            problem { try Tokenizer.open(folder.path) }.hasSuffix(
                "line 2 is not a piece in base64 and its rank"))
        try write("IQ== 0\n", "a.tiktoken")
        #expect(problem { try Tokenizer.open(folder.path) }.hasSuffix("the ranks lack the byte 0"))
        try write("[UNK]\n[CLS]\n", "vocab.txt")
        #expect(problem { try Tokenizer.open(folder.path) }.hasSuffix("the vocabulary lacks '[SEP]'"))
        try write("[UNK]\n[CLS]\n[SEP]\na\n##b\n", "vocab.txt")
        #expect(try Tokenizer.open(folder.path).encode("AB x") == [1, 3, 4, 0, 2])
        try write(#"{"tokenizer_class":"XLMTokenizer"}"#, "tokenizer_config.json")
        try write(#"{"a":0,"b":1,"ab":2,"<|endoftext|>":3}"#, "vocab.json")
        try write("a b\n", "merges.txt")
        #expect(
            problem { try Tokenizer.open(folder.path) }.hasSuffix(
                "the tokenizer_class 'XLMTokenizer' is not known for vocab.json"))
        try write(#"{"tokenizer_class":"GPT2Tokenizer"}"#, "tokenizer_config.json")
        let tokenizer = try Tokenizer.open(folder.path)
        #expect(try tokenizer.encode("abb<|endoftext|>") == [2, 1, 3])
        #expect(try tokenizer.decode([2, 1, 3]) == "abb")
        try write("{" + TokenizerReadingTests.model + "}", "tokenizer.json")
        #expect(try Tokenizer.open(folder.path).encode("ab<s>") == [2])
    }
}
