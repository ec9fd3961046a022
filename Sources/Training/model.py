"""The two towers of imgvec-mini, with the parameter names they are exported under.

Image tower: torchvision's ResNet with BasicBlocks, narrow. Text tower: CLIP's text transformer, small. Both end in a
bias-free projection to one shared 192-dimensional space of meaning. A second projection of the image tower says which
photo it is, whatever was done to it: 61 dimensions that a text leaves at zero. Three more say how much the picture
resembles texts in general (`querybanks.py`). A picture's vector is these parts, each of a fixed length; vectors are
compared by cosine.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

IMAGE_SIZE = 112
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)

VISION = {"model_type": "resnet", "layer_type": "basic", "num_channels": 3, "embedding_size": 32, "hidden_sizes": [32, 64, 128, 288],
          "depths": [2, 2, 2, 2], "image_size": IMAGE_SIZE}
TEXT = {"model_type": "clip_text_model", "hidden_size": 192, "intermediate_size": 768, "num_hidden_layers": 3, "num_attention_heads": 6,
        "max_position_embeddings": 32, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5}
MEANING, INSTANCE, BANKS = 192, 61, 2
PROJECTION = MEANING + INSTANCE + BANKS + 1
# Shares of the squared length of a picture's vector: of what texts in general have to do with it, and of the rest that which photo it is.
BANK_SHARE, INSTANCE_SHARE = 0.06, 0.4


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + shortcut)


class ImageTower(nn.Module):
    """Pixels (n, 3, h, w), normalised, to pooled features (n, hidden_sizes[-1])."""

    def __init__(self, config):
        super().__init__()
        width = config["embedding_size"]
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.stages = len(config["depths"])
        for stage, (outputs, depth) in enumerate(zip(config["hidden_sizes"], config["depths"])):
            blocks = []
            for block in range(depth):
                blocks.append(BasicBlock(width, outputs, 2 if stage > 0 and block == 0 else 1))
                width = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, BasicBlock):
                nn.init.zeros_(module.bn2.weight)  # every block starts as the identity

    def forward(self, x):
        # Where training runs in bfloat16 only the widest stage gains by it: on a CPU without matrix units the others are slower than in float32.
        with torch.autocast("cpu", enabled=False):
            x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
            for stage in range(self.stages - 1):
                x = getattr(self, f"layer{stage + 1}")(x)
        return getattr(self, f"layer{self.stages}")(x).mean((2, 3))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.v_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x):
        n, length, width = x.shape
        q, k, v = (p(x).view(n, length, self.heads, -1).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        # Written out: for such short texts this trains faster on a CPU than torch's fused attention.
        later = torch.ones(length, length, dtype=torch.bool).triu(1)
        weights = (q @ k.transpose(2, 3) * q.shape[-1] ** -0.5).masked_fill(later, float("-inf")).softmax(-1)
        y = weights.to(v.dtype) @ v
        return self.out_proj(y.transpose(1, 2).reshape(n, length, width))


class MLP(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x):
        y = self.fc1(x)
        return self.fc2(y * torch.sigmoid(1.702 * y))


class TextLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, eps = config["hidden_size"], config["layer_norm_eps"]
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(width, eps), nn.LayerNorm(width, eps)
        self.self_attn = Attention(width, config["num_attention_heads"])
        self.mlp = MLP(width, config["intermediate_size"])

    def forward(self, x):
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class TextTower(nn.Module):
    """Token ids (n, length) to the final state at the first end-of-text token, (n, hidden_size). Attention is causal, so
    whatever stands after that token is never seen and needs no mask."""

    def __init__(self, config):
        super().__init__()
        width, depth = config["hidden_size"], config["num_hidden_layers"]
        self.end = config["eos_token_id"]
        self.embeddings = nn.Module()
        self.embeddings.token_embedding = nn.Embedding(config["vocab_size"], width)
        self.embeddings.position_embedding = nn.Embedding(config["max_position_embeddings"], width)
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList(TextLayer(config) for _ in range(depth))
        self.final_layer_norm = nn.LayerNorm(width, config["layer_norm_eps"])
        for name, weight in self.named_parameters():
            if "embedding" in name:
                nn.init.normal_(weight, std=0.02)
            elif weight.dim() == 2:
                inner = name.endswith(("out_proj.weight", "fc2.weight"))
                nn.init.normal_(weight, std=weight.shape[1] ** -0.5 * ((2 * depth) ** -0.5 if inner else 1))
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def forward(self, ids):
        x = self.embeddings.token_embedding(ids) + self.embeddings.position_embedding.weight[:ids.shape[1]]
        for layer in self.encoder.layers:
            x = layer(x)
        at_end = (ids == self.end).int().argmax(1)
        return self.final_layer_norm(x[torch.arange(len(ids)), at_end])


class Querybanks(nn.Module):
    """How near a picture's meaning is to the texts of some banks, as a unit vector: one coordinate for each bank, and one for its length.

    A bank's likeness is the logarithm of the sum of exponentials of (codes @ basis @ meaning + bias) over the bank's texts.
    """

    def __init__(self, counts, rank, text_width):
        super().__init__()
        self.counts, self.most = list(counts), len(counts) ** -0.5
        self.register_buffer("against", torch.zeros(len(counts), text_width))  # what a text's last state says of each bank
        self.register_buffer("basis", torch.zeros(rank, MEANING))
        self.register_buffer("codes", torch.zeros(sum(counts), rank, dtype=torch.int8))
        self.register_buffer("bias", torch.zeros(sum(counts)))
        self.register_buffer("gain", torch.ones(len(counts)))

    def likeness(self, meaning):
        near = meaning @ self.basis.T @ self.codes.float().T + self.bias
        return torch.stack([part.logsumexp(1) for part in near.split(self.counts, 1)], 1)

    def forward(self, meaning):
        x = (self.likeness(meaning) * self.gain).clamp(-self.most, self.most)
        return torch.cat([x, (1 - (x * x).sum(1, keepdim=True)).clamp(min=0).sqrt()], 1)


class DualEncoder(nn.Module):
    """Both towers. `querybanks` is None until the model is finished (`querybanks.py`)."""

    def __init__(self, vision, text):
        super().__init__()
        self.querybanks = None
        self.vision_model = ImageTower(vision)
        self.text_model = TextTower(text)
        self.visual_projection = nn.Linear(vision["hidden_sizes"][-1], MEANING, bias=False)
        self.instance_projection = nn.Linear(vision["hidden_sizes"][-1], INSTANCE, bias=False)
        self.text_projection = nn.Linear(text["hidden_size"], MEANING, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(20.0).log())

    def scale(self):
        return self.logit_scale.exp().clamp(max=100)

    def meaning(self, features):
        return F.normalize(self.visual_projection(features).float(), dim=-1)

    def instance(self, features):
        return F.normalize(self.instance_projection(features).float(), dim=-1)

    def text_meaning(self, ids):
        return F.normalize(self.text_projection(self.text_model(ids)).float(), dim=-1)

    def encode_images(self, pixels):
        """Unit vectors (n, 256) of normalised pixels."""
        features = self.vision_model(pixels)
        meaning, instance = self.meaning(features), self.instance(features)
        general = self.querybanks(meaning) if self.querybanks else meaning.new_zeros(len(meaning), BANKS + 1)
        rest = 1 - BANK_SHARE
        return torch.cat([meaning * (rest * (1 - INSTANCE_SHARE)) ** 0.5, instance * (rest * INSTANCE_SHARE) ** 0.5,
                          general * BANK_SHARE ** 0.5], 1)

    def encode_texts(self, ids):
        """Unit vectors (n, 256) of token ids; zero where a text says nothing."""
        states = self.text_model(ids)
        meaning = self.text_projection(states).float()
        against = states.float() @ self.querybanks.against.T if self.querybanks else meaning.new_zeros(len(meaning), BANKS)
        return F.normalize(torch.cat([F.pad(meaning, (0, INSTANCE)), F.pad(against, (0, 1))], 1), dim=-1)


def exported_weights(model):
    """The two projections of pictures as one, and the text projection with rows of zeros where a text says nothing: what imgvec
    reads, and transformers' CLIP text model as well."""
    weights = {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    visual, instance, text = (weights.pop(f"{name}_projection.weight") for name in ("visual", "instance", "text"))
    against = weights.pop("querybanks.against")
    return weights | {"visual_projection.weight": torch.cat([visual, instance]),
                      "text_projection.weight": torch.cat([F.pad(text, (0, 0, 0, INSTANCE)), F.pad(against, (0, 0, 0, 1))])}


def from_exported(weights):
    """What `exported_weights` was given."""
    visual, text = weights["visual_projection.weight"], weights["text_projection.weight"]
    assert not text[MEANING:MEANING + INSTANCE].any()
    return weights | {"visual_projection.weight": visual[:MEANING], "instance_projection.weight": visual[MEANING:],
                      "text_projection.weight": text[:MEANING], "querybanks.against": text[MEANING + INSTANCE:-1]}


def image_parts():
    """The `image_parts` of config.json."""
    rest = 1 - BANK_SHARE
    shares = (MEANING, rest * (1 - INSTANCE_SHARE)), (INSTANCE, rest * INSTANCE_SHARE), (BANKS + 1, BANK_SHARE)
    return [{"dimension": dimension, "share": round(share, 4)} for dimension, share in shares]


def load_finished(model, weights, counts):
    """Puts the weights of a model with query banks of `counts` texts into `model`; batch counters alone may be missing."""
    model.querybanks = Querybanks(counts, len(weights["querybanks.basis"]), weights["querybanks.against"].shape[1])
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing), (missing, unexpected)
    return model.eval()


def text_config(tokenizer):
    """The text half of config.json for a tokenizer."""
    return dict(TEXT, vocab_size=len(tokenizer), bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.eos_token_id, projection_dim=PROJECTION)


def normalise(pixels):
    """uint8 or 0..255 float (n, 3, h, w) to the tower's input."""
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    return (pixels.float() / 255 - mean) / std


def pad(sequences, end):
    """Lists of ids to one tensor; the end token fills up."""
    length = max(map(len, sequences))
    return torch.tensor([ids + [end] * (length - len(ids)) for ids in sequences])
