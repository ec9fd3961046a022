"""Small random BERT-like text encoders and classifiers, with inputs and the reference's outputs.

    pip install -r Fixtures/requirements-models.txt -r Fixtures/requirements-text-models.txt
    python Fixtures/generate_text_models.py

writes its folders under Fixtures/models (as transformers, sentence-transformers and timm save them) and their files
under Fixtures/golden/models, and leaves all others alone. The same versions give the same bytes.
"""
import json
import os
import random
import shutil

import numpy
import torch

import generate_models as small  # first: it prepares the import of torchvision
import timm
from PIL import Image
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules
from timm.models.resnet import BasicBlock, Bottleneck, ResNet
from tokenizers import Tokenizer, decoders, models as token_models, pre_tokenizers, processors, trainers
from transformers import (BertConfig, BertForSequenceClassification, BertModel, BertTokenizer, DistilBertConfig,
                          DistilBertForSequenceClassification, PreTrainedTokenizerFast, ResNetConfig, ResNetForImageClassification,
                          RobertaConfig, RobertaForMaskedLM)
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil

SENTENCES = ["pink short sleeve top", "pink long sleeve shirt", "man riding a horse", "",
             "The Quick Brown Fox, jumping over the lazy dog's back!", "Café naïve façade ÅNGSTRÖM", "一只猫 sits on 東京タワー",
             " ".join(small.WORDS), "a", "unbelievably playing\tplayers\nreplayed 1234 3.14", "👍🏽 emoji 😀"]


def word_pieces():
    """A WordPiece vocabulary: special tokens, characters at the start and inside of words, words and endings."""
    characters = [chr(c) for c in range(0x21, 0x7F) if not chr(c).isupper()]
    inner = [c for c in characters if c.isalnum()]
    words = sorted({word for word in small.WORDS if word.isalpha()} | {"pink", "short", "long", "top", "shirt", "quick", "fox", "cafe"})
    endings = ["ing", "ed", "er", "s", "ly", "un", "able", "eve", "ow"]
    pieces = (["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + characters + ["##" + c for c in inner] + ["猫", "京", "é"] + words
              + ["##" + e for e in endings])
    # The numbers were given out before "a" was seen to stand twice: its first place is no piece's.
    last, unused = {piece: index for index, piece in enumerate(pieces)}, iter(range(len(pieces)))
    return [piece if last[piece] == index else f"[unused{next(unused)}]" for index, piece in enumerate(pieces)]


def randomize(module, seed):
    """Weights at scales that keep activations near 1, so that a wrong layer shows in the output."""
    torch.manual_seed(seed)
    for name, parameter in module.named_parameters():
        if parameter.dim() < 2:
            is_scale = "norm" in name.lower() and name.endswith("weight")
            torch.nn.init.normal_(parameter, 1 if is_scale else 0, 0.2)
        elif "embeddings" in name:
            torch.nn.init.normal_(parameter, 0, 0.5)
        else:
            torch.nn.init.normal_(parameter, 0, 1.2 * (parameter[0].numel()) ** -0.5)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(part.weight, 0.5, 1.5)
            part.running_mean.normal_(0, 0.3)
            part.running_var.uniform_(0.5, 2)


def folder_for(name):
    folder = os.path.join(small.MODELS, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder


def save_golden(name, golden):
    save_file({k: v.detach().float().contiguous() for k, v in golden.items()}, os.path.join(small.GOLDEN, name + ".safetensors"))


def write_json(value, *path):
    os.makedirs(os.path.dirname(os.path.join(*path)), exist_ok=True)
    with open(os.path.join(*path), "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1, ensure_ascii=False)


def text_golden(name, encoder, tokenizer, length, vector):
    """Token numbers, vectors and, for three texts, what each block gives; `vector` makes a text's of its tokens' vectors."""
    golden = {}
    for index, text in enumerate(SENTENCES):
        ids = tokenizer(text, truncation=True, max_length=length, return_tensors="pt").input_ids
        stack = encoder.encoder.layer if hasattr(encoder, "encoder") else encoder.transformer.layer
        blocks = {f"layer.{i}": layer for i, layer in enumerate(stack)} | {"embeddings": encoder.embeddings}
        output, seen = small.hooked(blocks, lambda: encoder(input_ids=ids))
        golden[f"text.{index}.ids"] = ids[0]
        golden[f"text.{index}.vector"] = vector(output.last_hidden_state[0], text)
        if index in (0, 4, 7):
            golden |= {f"text.{index}.{block}": small.flat(value) for block, value in seen.items()}
    save_golden(name, golden)


@torch.no_grad()
def write_sentence_bert():
    """What sentence-transformers itself saves: BERT, mean pooling, scaling to length 1."""
    folder, vocabulary, scratch = folder_for("bert-sentences"), word_pieces(), folder_for("scratch")
    tokenizer = BertTokenizer({piece: index for index, piece in enumerate(vocabulary)}, model_max_length=48)
    config = BertConfig(vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                        max_position_embeddings=48)
    model = BertModel(config, add_pooling_layer=False).eval()
    randomize(model, 1)
    model.save_pretrained(scratch)
    tokenizer.save_pretrained(scratch)
    sentences = SentenceTransformer(modules=[modules.Transformer(scratch, max_seq_length=40), modules.Pooling(32, "mean"),
                                             modules.Normalize()], device="cpu")
    sentences.save_pretrained(folder, create_model_card=False)
    shutil.rmtree(scratch)
    text_golden("bert-sentences", model, tokenizer, 40, lambda tokens, text: torch.tensor(sentences.encode(text)))


@torch.no_grad()
def write_legacy_bert():
    """The oldest names (gamma, beta, a task's prefix), float16, cls and max pooling, a dense layer; vocab.txt, old configs."""
    folder, vocabulary = folder_for("bert-dense"), word_pieces()
    with open(os.path.join(folder, "vocab.txt"), "w", encoding="utf-8") as file:
        file.write("".join(piece + "\n" for piece in vocabulary))
    write_json({"do_lower_case": False, "tokenizer_class": "BertTokenizer", "model_max_length": 24}, folder, "tokenizer_config.json")
    tokenizer = BertTokenizer({piece: index for index, piece in enumerate(vocabulary)}, do_lower_case=False, model_max_length=24)
    config = BertConfig(vocab_size=len(vocabulary), hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=40,
                        max_position_embeddings=32, type_vocab_size=2, hidden_act="relu", layer_norm_eps=1e-6)
    model = BertForSequenceClassification(config).eval()
    dense = torch.nn.Linear(48, 20)
    for part, seed in ((model, 2), (dense, 3)):
        randomize(part, seed)
        part.half().float()
    names = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}

    def old_name(name):
        for new, old in names.items():
            name = name.replace(new, old)
        return name

    save_file({old_name(k): v.half().contiguous() for k, v in model.state_dict().items()}, os.path.join(folder, "model.safetensors"))
    write_json(config.to_diff_dict(), folder, "config.json")
    kind = "sentence_transformers.models."
    write_json([{"idx": 0, "name": "0", "path": "", "type": kind + "Transformer"},
                {"idx": 1, "name": "1", "path": "1_Pooling", "type": kind + "Pooling"},
                {"idx": 2, "name": "2", "path": "2_Dense", "type": kind + "Dense"}], folder, "modules.json")
    switches = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False, "pooling_mode_max_tokens": True,
                "pooling_mode_mean_sqrt_len_tokens": False}
    write_json({"word_embedding_dimension": 24} | switches, folder, "1_Pooling", "config.json")
    write_json({"in_features": 48, "out_features": 20, "bias": True, "activation_function": "torch.nn.modules.activation.Tanh"},
               folder, "2_Dense", "config.json")
    save_file({"linear.weight": dense.weight.half(), "linear.bias": dense.bias.half()}, os.path.join(folder, "2_Dense", "model.safetensors"))
    write_json({"max_seq_length": None, "do_lower_case": True}, folder, "sentence_bert_config.json")
    reference = SentenceTransformer(modules=[
        modules.Transformer(folder, do_lower_case=True), modules.Pooling(24, ["cls", "max"]),
        modules.Dense.load(os.path.join(folder, "2_Dense"))], device="cpu").float()
    text_golden("bert-dense", model.bert, lambda text, **options: tokenizer(text.lower(), **options), 24,
                lambda tokens, text: torch.tensor(reference.encode(text)))


@torch.no_grad()
def write_distilbert():
    """DistilBERT without modules: the mean of its tokens' vectors."""
    folder, vocabulary = folder_for("distilbert"), word_pieces()
    tokenizer = BertTokenizer({piece: index for index, piece in enumerate(vocabulary)}, model_max_length=36)
    config = DistilBertConfig(vocab_size=len(vocabulary), dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=36)
    model = DistilBertForSequenceClassification(config).eval()
    randomize(model, 4)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    text_golden("distilbert", model.distilbert, tokenizer, 36, lambda tokens, text: tokens.mean(0))


@torch.no_grad()
def write_roberta():
    """RoBERTa, whose positions start behind the padding's number, with byte-level BPE and GELU's tanh approximation."""
    folder = folder_for("roberta")
    tokenizer = Tokenizer(token_models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(SENTENCES + small.WORDS, trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"]))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=40, bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>",
        unk_token="<unk>", pad_token="<pad>", mask_token="<mask>")
    config = RobertaConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                           max_position_embeddings=42, type_vocab_size=1, hidden_act="gelu_new")
    model = RobertaForMaskedLM(config).eval()
    randomize(model, 8)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    text_golden("roberta", model.roberta, tokenizer, 40, lambda tokens, text: tokens.mean(0))


@torch.no_grad()
def network_golden(name, stages, run, picture, transform):
    """Intermediate values, pooled vectors and logits of random pixels, and both for a picture; `run` gives (pooled, logits)."""
    torch.manual_seed(5)
    pixels = torch.randn(3, 3, 64, 64)
    (pooled, logits), seen = small.hooked(stages, lambda: run(pixels))
    golden = {f"image.{key}": value[:2].permute(0, 2, 3, 1) for key, value in seen.items()}
    golden |= {"pixels": pixels, "image.vectors": pooled, "image.logits": logits}
    pooled, logits = run(transform(Image.fromarray(picture)))
    save_golden(name, golden | {"picture": torch.tensor(picture), "picture.vector": pooled[0], "picture.logits": logits[0]})


def picture(seed):
    noise = numpy.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=numpy.uint8)
    return numpy.asarray(Image.fromarray(noise).resize((97, 71), Image.Resampling.BICUBIC))


@torch.no_grad()
def write_timm():
    """timm's ResNet with narrow stages, saved as for the hub."""
    folder = folder_for("timm-resnet")
    network = ResNet(BasicBlock, (1, 1, 1, 1), num_classes=7, channels=(8, 8, 12, 16)).eval()
    randomize(network, 6)
    network.pretrained_cfg = dict(architecture="resnet18", tag="a1_in1k", input_size=(3, 64, 64), test_input_size=(3, 80, 80),
                                  interpolation="bicubic", crop_pct=0.95, test_crop_pct=1.0, crop_mode="center",
                                  mean=(0.4, 0.5, 0.6), std=(0.25, 0.3, 0.2), num_classes=7, first_conv="conv1", classifier="fc")
    timm.models.save_for_hf(network, folder, safe_serialization=True)
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(network), is_training=False)
    stages = {f"stage.{n}": getattr(network, f"layer{n}") for n in range(1, 5)} | {"stem": network.maxpool}

    def run(pixels):
        features = network.forward_features(pixels)
        return network.forward_head(features, pre_logits=True), network.forward_head(features)

    network_golden("timm-resnet", stages, run, picture(1), lambda image: transform(image)[None])
    for leftover in os.listdir(folder):
        if leftover not in ("config.json", "model.safetensors"):
            os.remove(os.path.join(folder, leftover))


@torch.no_grad()
def write_transformers_resnet():
    folder = folder_for("resnet-transformers")
    config = ResNetConfig(embedding_size=8, hidden_sizes=[16, 24, 32, 48], depths=[1, 2, 1, 1], layer_type="bottleneck", num_labels=5)
    network = ResNetForImageClassification(config).eval()
    randomize(network, 7)
    network.save_pretrained(folder)
    processor = ConvNextImageProcessorPil(size={"shortest_edge": 64}, crop_pct=0.875, resample=3, image_mean=[0.485, 0.456, 0.406],
                                          image_std=[0.229, 0.224, 0.225])
    processor.save_pretrained(folder)
    stages = {f"stage.{n + 1}": stage for n, stage in enumerate(network.resnet.encoder.stages)} | {"stem": network.resnet.embedder}

    def run(pixels):
        return network.resnet(pixels).pooler_output.flatten(1), network(pixels).logits

    network_golden("resnet-transformers", stages, run, picture(2),
                   lambda image: processor(image, return_tensors="pt").pixel_values)


def main():
    write_sentence_bert()
    write_legacy_bert()
    write_distilbert()
    write_roberta()
    write_timm()
    write_transformers_resnet()
    write_json(SENTENCES, small.GOLDEN, "sentences.json")


if __name__ == "__main__":
    main()
