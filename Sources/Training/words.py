"""Words about pictures: prompt templates, and a small table of coarser names (hypernyms) written for this project.

The table turns "a chihuahua" into "dog", "pet", "animal" as further true texts of the same picture, so that short
everyday queries work although the data's labels are fine-grained.
"""
import random
import re

# Plain words come first and often: that is what people type into a search box.
TEMPLATES = [
    "{}", "{}", "{}", "{}", "{}", "{}", "{}", "a photo of {a}", "a photo of {a}", "{a}", "the {}", "a picture of {a}",
    "photo of {}", "an image of {a}", "a close-up photo of {a}", "{} in the photo", "a snapshot of the {}",
    "a photo of the {}", "there is {a} in the picture", "a photograph showing {a}",
]

# coarser name -> finer names it covers (labels, ends of labels, or other coarser names of this table)
HYPERNYMS = {
    "dog": "chihuahua, standard poodle, yorkshire terrier, dalmatian dog, german shepherd, golden retriever",
    "cat": "egyptian cat, persian cat, tabby, wild cat",
    "pet": "dog, cat, guinea pig, goldfish",
    "big cat": "lion, leopard, cougar, cougar body, cougar face",
    "bear": "brown bear, panda", "monkey": "baboon", "ape": "chimpanzee, orangutan",
    "fish": "goldfish, tench, bass fish, great white shark, tiger shark, hammerhead, electric ray, stingray, seahorse",
    "shark": "great white shark, tiger shark, hammerhead", "ray": "electric ray, stingray",
    "bird": "albatross, black stork, goose, king penguin, emu, flamingo, flamingo head, ibis, pigeon, rooster, brambling, "
            "bulbul, cock, goldfinch, hen, house finch, jay, junco, ostrich, robin",
    "chicken": "cock, hen, rooster", "penguin": "king penguin",
    "insect": "bee, ladybug, grasshopper, mantis, cockroach, fly, walking stick, ant, dragonfly, mayfly, butterfly, moth",
    "spider": "black widow, tarantula", "butterfly": "monarch, sulphur butterfly",
    "bug": "insect, spider, centipede, tick, scorpion",
    "reptile": "american alligator, boa constrictor, crocodile, crocodile head, hawksbill sea turtle, "
               "brontosaurus dinosaur, stegosaurus dinosaur",
    "dinosaur": "brontosaurus dinosaur, stegosaurus dinosaur", "snake": "boa constrictor",
    "amphibian": "bullfrog, tailed frog, european fire salamander", "frog": "bullfrog, tailed frog",
    "turtle": "hawksbill sea turtle",
    "sea animal": "jellyfish, sea cucumber, sea slug, brain coral, coral reef, starfish, octopus, dugong, dolphin, crab, "
                  "american lobster, spiny lobster, lobster, crayfish, nautilus shell, fish",
    "crustacean": "crab, american lobster, spiny lobster, lobster, crayfish",
    "mammal": "african elephant, elephant, arabian camel, bighorn, bison, brown bear, gazelle, hog, koala, lesser panda, lion, ox, "
              "beaver, cougar body, dolphin, gerenuk antelope, hedgehog, kangaroo, leopard, llama, okapi, panda, platypus, "
              "rhinoceros, giraffe, horse, cow, sheep, dog, cat, monkey, ape, guinea pig, dugong",
    "farm animal": "cow, sheep, horse, hog, chicken, goose, ox",
    "wild animal": "african elephant, elephant, lion, leopard, giraffe, rhinoceros, gazelle, bison, bear, baboon, crocodile, kangaroo",
    "animal": "mammal, bird, fish, insect, spider, reptile, amphibian, sea animal, bug, slug, snail, big cat, centipede",
    "flower": "daffodil, tulip, sunflower, lotus flower, water lily",
    "plant": "flower, potted plant, bonsai tree, joshua tree, bamboo forest, garden",
    "tree": "bonsai tree, joshua tree", "forest": "bamboo forest, rainforest",
    "boat": "gondola, lifeboat, ferry, ketch sailboat, schooner sailing ship", "ship": "ferry, schooner sailing ship",
    "sailboat": "ketch sailboat, schooner sailing ship, sailboat racing",
    "car": "beach wagon, convertible, limousine, sports car, police van, car from the side, formula 1 racing, nascar racing",
    "aircraft": "airplane, helicopter", "bus": "school bus, trolleybus", "train": "bullet train, freight car",
    "motorcycle": "motorbike, motorcycle racing, sidecar racing", "van": "moving van, police van",
    "bicycle": "person riding a bicycle, bmx biking, track bicycle, bike polo",
    "vehicle": "car, aircraft, bus, train, boat, motorcycle, bicycle, van, truck, tractor, go kart, jinrikisha, ship",
    "fruit": "apple, pear, melon, lemon, lime, kiwi, nectarine, orange, papaya, passion fruit, peach, plum, grapefruit, "
             "red grapefruit, satsumas, avocado, banana, banana large, banana small, grapes green, grapes red, mango, pineapple, pineappe, "
             "pomegranate, pomegranate bowl, strawberry, tamarind, wood apple",
    "apple": "granny smith apple", "grapes": "grapes green, grapes red", "banana": "banana large, banana small",
    "vegetable": "aubergine, eggplant, cabbage, carrots, carrot, leek, pepper, potato, tomato, red beet, yellow onion, zucchini, bell pepper, "
                 "asparagus, broccoli, cauliflower, corn, sweet corn, cucumber, garlic, ginger, lettuce, lettuce cut, okra, peas, peas packed, "
                 "peas unpacked, spinach, turnip, white raddish, capsicum green, capsicum mixed, bell pepper mixed, jalapeno, jalepeno, "
                 "chilli medium, chilli mixed, chilli red, soy beans, soy bean, mushroom, brown cap mushroom",
    "dairy product": "milk, yoghurt, sour cream, sour milk", "dessert": "ice cream, ice lolly, confectionery",
    "drink": "juice, milk, espresso, beer bottle, pop bottle, soy milk, oat milk", "coffee": "espresso",
    "food": "fruit, vegetable, dessert, pizza, guacamole, mashed potato, meat loaf, potpie, pretzel, plate, dairy product, organic food waste",
    "groceries": "juice, milk, yoghurt, sour cream, soyghurt, oatghurt, soy milk, oat milk",
    "bottle": "beer bottle, pop bottle, water bottle, pill bottle, plastic bottle, glass bottle or jar, perfume bottle",
    "shoes": "casual shoes, sports shoes, formal shoes, flat shoes, high heels, sandals, sports sandals, flip flops, sandal",
    "footwear": "shoes, socks, sock, inline skate", "bag": "backpack, rucksack, handbag, clutch bag, laptop bag, messenger bag, duffel bag, waist pouch, suitcase",
    "hat": "sombrero, cap", "socks": "sock", "trousers": "jeans, pants, track pants, leggings, jeggings, lounge pants, rain trousers, capris, churidar, salwar, patiala",
    "shirt": "long sleeve shirt, polo shirt, t-shirt, blouse, top, undershirt, kurta, kurtis, tunic",
    "jacket": "coat or jacket, rain jacket, blazer, fur coat", "coat": "coat or jacket, fur coat",
    "swimsuit": "bikini, swimming trunks, swimwear", "skirt": "miniskirt, skirt",
    "clothing": "shirt, trousers, jacket, coat, dress, skirt, hoodie, shorts, sweater, cardigan sweater, sweatshirt, kimono, poncho, swimsuit, saree, "
                "academic gown, military uniform, apron, vestment, bow tie, necktie, scarf, stole, nightdress, pyjamas, robe, bath robe, jumpsuit, tracksuits, "
                "waistcoat, hat, socks, lehenga choli, baby bodysuit, rompers, stockings, lounge shorts, gloves, belt, suspenders, dupatta scarf, textiles",
    "jewellery": "bangle, bracelet, earrings, jewellery ring, jewellery set, necklace, pendant, cufflinks", "watch": "wristwatch, stopwatch",
    "cosmetics": "compact, eyeliner, eyeshadow, face moisturisers, foundation and primer, highlighter and blush, lip care, lip gloss, lip liner, "
                 "lipstick, mascara, nail polish, toner, sunscreen, body lotion, eye cream, perfume bottle, deodorant",
    "accessory": "belt, necktie, sunglasses, scarf, wallet, hat, jewellery, gloves, bow tie, watch",
    "musical instrument": "accordion, brass, drumstick, electric guitar, guitar, euphonium, grand piano, mandolin, oboe, organ, saxophone",
    "guitar": "electric guitar", "piano": "grand piano",
    "phone": "mobile phone, pay phone, person texting on a phone, person talking on the phone", "computer": "laptop computer, computer keyboard, computer room, ipad, person using a laptop",
    "electronics": "phone, computer, camera, ipod, ipad, cd player, headphones, remote control, tv",
    "furniture": "chair, desk, rocking chair, windsor chair, couch, dining table, bench, chest", "chair": "rocking chair, windsor chair",
    "lamp": "chandelier, lampshade, torch", "kitchenware": "frying pan, wok, teapot, wooden spoon, plate, cup, beaker, water jug, ewer jug",
    "tool": "broom, nail, plunger, wrench, scissors, syringe, stapler, reel, axe throwing", "toy": "teddy, comic book",
    "weapon": "revolver, cannon, projectile", "gun": "revolver, sport shooting",
    "bridge": "steel arch bridge, suspension bridge, viaduct", "tower": "water tower, minaret, beacon, obelisk",
    "building": "barn, barbershop, butcher shop, cliff dwelling, front of a house, house, pagoda, minaret, triumphal arch, water tower, beacon, windmill, airport, university campus",
    "house": "front of a house", "shop": "barbershop, butcher shop, confectionery", "monument": "obelisk, triumphal arch, pyramid, buddha statue",
    "stadium": "football stadium, baseball field, football field",
    "room": "kitchen, bathroom, bedroom, library, laundromat, auditorium, computer room, art gallery", "indoors": "room, ice skating rink",
    "beach": "seashore", "water": "ocean, lakeside, seashore, waterfall, fountain",
    "nature": "mountain, desert, landscape, ocean, forest, waterfall, cliff, alp, lakeside, seashore, garden, sky, sunrise, coral reef",
    "mountain": "alp", "weather": "rainy weather, foggy weather, cloudy sky, sunny sky", "sunset": "sunrise",
    "sky": "cloudy sky, sunny sky, sunrise", "fog": "foggy weather", "rain": "rainy weather",
    "person": "people clapping, people dancing, people fighting, people hugging, people laughing, person drinking, person eating, person running, "
              "person listening to music with headphones, person riding a bicycle, person sitting, person sleeping, person talking on the phone, "
              "person texting on a phone, person using a laptop, face of a person, face of a person without a mask, person wearing a face mask",
    "people": "people clapping, people dancing, people fighting, people hugging, people laughing, people playing chess, sport",
    "face": "face of a person, face of a person without a mask, person wearing a face mask", "mask": "person wearing a face mask, gasmask",
    "ball": "soccer ball, rugby ball, basketballs, footballs", "document": "scanned receipt", "receipt": "scanned receipt", "paper": "scanned receipt, paper and cardboard",
    "packaging": "carton packaging, plastic packaging, aluminium can or foil, glass bottle or jar, plastic bottle", "can": "aluminium can or foil",
    "garbage": "carton packaging, plastic packaging, aluminium can or foil, organic food waste", "sign": "stop sign",
    "winter sport": "ski jumping, giant slalom, snowboarding, ice hockey, bobsled, luge, speed skating, dog sled mushing, snowmobile racing, curling sport, "
                    "men figure skating, women figure skating, pairs figure skating",
    "skiing": "ski jumping, giant slalom", "snow": "ski jumping, giant slalom, snowboarding, dog sled mushing, snowmobile racing",
    "figure skating": "men figure skating, women figure skating, pairs figure skating",
    "gymnastics": "balance beam gymnastics, gymnastics rings, parallel bars gymnastics, pommel horse gymnastics, uneven bars gymnastics",
    "football": "soccer, american football, football field, football stadium", "athletics": "high jump, hurdles race, javelin throw, hammer throw, pole vault, shot put",
    "martial art": "judo, sumo wrestling, wrestling, boxing", "horse": "horse racing, horse jumping, polo on horses, harness racing, barrel racing",
    "water sport": "swimming, surfing, rowing, water polo, canoe slalom, sailboat racing, hydroplane racing", "racing": "formula 1 racing, nascar racing, motorcycle racing, horse racing",
}

SOURCE_NAMES = {"cub-birds100": ["bird"], "sports100": ["sport"], "sports22": ["sport"], "flowers17": ["flower"], "dog-breeds-300": ["dog"],
                "clothing-dataset": ["clothing"], "grocery-store": ["groceries"]}


def with_article(name):
    """"apple" -> "an apple"; words that take no article are left alone often enough by the plain template."""
    if name.startswith(("people", "a ", "the ")) or name.endswith(("ing", "weather", "sky", "clothing", "groceries")):
        return name
    plural = name.endswith("s") and not name.endswith(("ss", "us", "is"))
    return name if plural else ("an " if name[0] in "aeiou" else "a ") + name


def phrase(name, rng=random):
    """One text for a name, from a random template."""
    return rng.choice(TEMPLATES).format(name, a=with_article(name))


def _parents():
    parents = {}
    for coarse, fine in HYPERNYMS.items():
        for name in fine.split(", "):
            parents.setdefault(name.strip(), set()).add(coarse)
    return parents


PARENTS = _parents()


def coarser(names):
    """All coarser names of the given ones, followed upwards."""
    found, waiting = set(), list(names)
    while waiting:
        for parent in PARENTS.get(waiting.pop(), ()):
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return found - set(names)


def words_in(caption):
    """Names of up to three words that occur in a caption, plurals also as singulars."""
    tokens = re.findall(r"[a-z0-9'-]+", caption.lower())
    found = set()
    for n in (1, 2, 3):
        for i in range(len(tokens) - n + 1):
            name = " ".join(tokens[i:i + n])
            found.add(name)
            if name.endswith("s"):
                found.add(name[:-1])
    return found
