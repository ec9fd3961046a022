"""The text of PROVENANCE.md: where the embedded model comes from, how good it is, and what it is not good at."""
import collections

TEMPLATE = """# imgvec-mini {version}

A small image+text dual encoder, trained from random weights by this project on {date}: a narrow ResNet (BasicBlocks, widths
32/64/128/288, 112x112 pictures) and a 3-layer CLIP text transformer (width 192, 6,144-token BPE), both projected to 256 dimensions.
5.95 M parameters, stored as float16. {note}

## Recipe

`Sources/Training` holds all of it; its README says how to run it. This file's weights: {steps} steps of 208 pictures (48 of them a
second time, edited) in {minutes:.0f} minutes on two shared CPU cores (bfloat16 arithmetic, float32 weights), {passes:.1f} passes over the training
pictures, moving average of the weights; then batch-norm statistics taken anew and image vectors spread out (`finish.py`).

    cd <root of the repository>
    python Sources/Training/prepare.py --data DATA --run RUN
    python Sources/Training/tokenizer.py --data DATA --run RUN
    python Sources/Training/train.py --data DATA --run RUN --steps {steps} --seed 1
    python Sources/Training/export.py --data DATA --run RUN

The schedule of this run followed the clock (`--minutes`, changed several times while it ran, on a machine busy with other work); `--steps` repeats
its length, not its bits. The first 1,337 steps cropped pictures down to 35 % of their area, later ones to 50 % and at the end 65 %.

Objectives: contrast of pictures and texts (a text is a positive for every picture it is true of: label, synonym, coarser name,
caption), label names and ImageNet names as classifiers in the shared space, soft labels of a MobileNet v2 teacher, closeness of edited
copies, closeness of paraphrases, and OpenAI CLIP's similarities between names (text to text) so that unseen words land near seen ones.
No weights of another model are in it.

## Data

{pictures} training pictures, squashed to 112x112, {dev} more held out ("dev") for the figures below. Pictures and words of other
people; none is distributed here. Sources, training pictures:

{sources}

Texts without pictures: 219,292 captions (Flickr30k, Flickr8k, COCO val2017, CC3M val and others; tokenizer only), 29,834 groups of paraphrased
captions, 20,345 names of things (LVIS, ImageNet-21k; tokenizer only). Teachers: a quantised MobileNet v2 for ImageNet-1k
(Apache-2.0), and CLIP ViT-B/32 text vectors of 2,319 names (OpenAI, MIT). Several sources allow research use only or state no licence.

## Quality on dev

Measured on the exported float16 weights by `export.py`. Queries are the bare label ("kitchen").

| measure | value |
|---|---|
{table}

Copies, by edit ({edits} edits of 500 dev pictures, against all dev pictures; recall with the all-pairs threshold above):

| edit | original ranked first | recall at precision .99 |
|---|---|---|
{copies}

## Limits

- It knows the kinds of things listed above: everyday objects, animals, dishes, clothes, sports, scenes. Many dev labels are fine-grained
  (bird and butterfly species, shop brands), so the figures say little about how a private photo collection fares.
- Captions: there were only about 4,500 captioned photos to learn from, and Flickr8k R@k above shows it. Short queries work better.
- It sees a picture at 112x112, squashed to a square: small objects and written words are lost.
- Copies: the original of an edited picture nearly always comes first, but pictures of one kind (faces, shoes on white) lie so close
  that no single cosine threshold separates copies from look-alikes. Confirm copies with a perceptual hash.
- English only. Pictures of people in the data are web photos; expect its biases. Never use it to identify people.
- For better results install a CLIP model (`imgvec models add`).
"""


def provenance(table, version, steps, spent, date, note, pictures):
    sources = collections.Counter(pictures.rows[i]["source"] for i in pictures.train)
    plain = {k: v for k, v in table.items() if not k.startswith("copies, ")}
    edits = [k[len("copies, "):-len(": original first")] for k in table if k.startswith("copies, ") and k.endswith("first")]
    show = lambda value: f"{value:.0f}" if value >= 2 else f"{value:.3f}"
    return TEMPLATE.format(
        version=version, date=date, note=note, steps=steps, minutes=spent / 60, passes=steps * 208 / len(pictures.train),
        pictures=f"{len(pictures.train):,}", dev=f"{len(pictures.dev):,}",
        sources=", ".join(f"{name} {count:,}" for name, count in sources.most_common()) + ".",
        table="\n".join(f"| {name} | {show(value)} |" for name, value in plain.items()), edits=len(edits),
        copies="\n".join(f"| {e} | {table[f'copies, {e}: original first']:.3f} | {table[f'copies, {e}: recall at precision .99']:.3f} |" for e in edits))
