"""The text of PROVENANCE.md: where the embedded model comes from, how good it is, and what it is not good at."""
import collections

from model import BANK_SHARE, INSTANCE_SHARE

TEMPLATE = """# imgvec-mini {version}

A small image+text dual encoder, trained from random weights by this project, exported on {date}: a narrow ResNet (BasicBlocks, widths
32/64/128/288, 112x112 pictures) and a 3-layer CLIP text transformer (width 192, 6,144-token BPE). Vectors have 256 dimensions: 192 of
meaning, shared with texts, 61 that say which photo it is ({instance:.0%} of a picture's squared length; zero for texts), and 3 that say how near
it is to texts in general ({banks:.0%}; `Querybanks.swift`). 5.95 M parameters, stored as float16, and two banks of texts in bytes. {note}

## Recipe

`Sources/Training` holds all of it; its README says how to run it. This file's weights come from, one after the other, on two CPU cores that
were busy with other work (bfloat16 arithmetic, in the branches only in the image tower's widest stage and the text tower; float32 weights):

| part | steps | minutes | pictures seen | passes over the training pictures |
|---|---|---|---|---|
{history}

"0.1" and "0.2" are the trainings of the earlier versions (their recipes are in this repository's history), each of which began with the
weights of the one before, as this trunk did; a trunk runs at a constant rate, a branch lets it fall to zero, and each began where the part above
it ended (0.5 is the first branch's, 0.6 the second's; since then a step edits 20 pictures of 128 instead of 40, and every second reads texts). "fit" trains the projections and the text tower on features of the finished image tower; of two fits (captions weighted 0.6 and 0.9; 0.4 of
each) and of what they began with (0.2) the mean is taken, in which "naming" moves the names of labels to where pictures have them; then come the query
banks. The trunks drew pictures to their labels alone; from the branches on half of that pull goes to what a classifier on the teacher's features says
of the picture (`opinions.py`).
Schedules follow the clock, so another run repeats the recipe, not the bits.

Objectives: contrast of pictures and texts (a text is a positive for every picture it is true of: label, synonym, coarser name, caption), free
label vectors that pictures and label names are drawn to (pictures also by what a linear classifier on the teacher's features says of them), opinion and pooled features of a MobileNet v2 teacher, edited copies among other
pictures, closeness of paraphrases, and OpenAI CLIP's similarities between names (text to text) so that unseen words land near seen ones.
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
- Copies: the original of an edited picture nearly always comes first, but pictures of one kind (faces, shoes on white, receipts) lie so
  close that no single cosine threshold separates copies from look-alikes. `imgvec dupes` compares the pixels of what vectors propose.
- English only. Pictures of people in the data are web photos; expect its biases. Never use it to identify people.
- For better results install a CLIP model (`imgvec models add`).
"""


EARLIER = [{"kind": "0.1", "steps": 3855, "minutes": 105, "pictures": 801840},
           {"kind": "0.2", "steps": 1621, "minutes": 67, "pictures": 549632}]


def provenance(table, version, history, date, note, pictures):
    sources = collections.Counter(pictures.rows[i]["source"] for i in pictures.train)
    plain = {k: v for k, v in table.items() if not k.startswith("copies, ")}
    edits = [k[len("copies, "):-len(": original first")] for k in table if k.startswith("copies, ") and k.endswith("first")]
    show = lambda value: f"{value:.0f}" if value >= 2 else f"{value:.3f}"
    return TEMPLATE.format(
        version=version, date=date, note=note, instance=(1 - BANK_SHARE) * INSTANCE_SHARE, banks=BANK_SHARE,
        history="\n".join(f"| {part['kind']} | {part['steps']:,} | {part['minutes']:.0f} | {part['pictures']:,} | {part['pictures'] / len(pictures.train):.1f} |"
                          for part in [*EARLIER, *history]),
        pictures=f"{len(pictures.train):,}", dev=f"{len(pictures.dev):,}",
        sources=", ".join(f"{name} {count:,}" for name, count in sources.most_common()) + ".",
        table="\n".join(f"| {name} | {show(value)} |" for name, value in plain.items()), edits=len(edits),
        copies="\n".join(f"| {e} | {table[f'copies, {e}: original first']:.3f} | {table[f'copies, {e}: recall at precision .99']:.3f} |" for e in edits))
