"""The words that watchwords are made of: 256 signs that go before a noun, 256 countersigns that are nouns.

Not handled here: which pair a verification has (``core/passcode.py``: one derived byte chooses each word).

Rules, all but the last held by ``tests/core/test_words.py``:

* every word is 4 to 8 letters of a-z and is on one list only;
* within a list two words are at least three slips of the finger apart (Damerau-Levenshtein) and none begins
  another, so a typing error is never a different word; across the lists two slips;
* no word sounds like another word here or like a common word elsewhere, or has a second spelling (grey, gray);
* no word can be taken for advice about safety (secure, valid, urgent), and none hides a rude one;
* a sign is kind to whatever noun follows it; a countersign is a thing, a plant, a place or a gentle animal.

The lists are our own choice. A word's place in its list is part of the format, as watchwords are derived and never
stored (``core/passcode.py``): another word or another order needs a new key label, or people who are waiting see
their watchword change.
"""

from __future__ import annotations

_SIGNS = """
agile alpine amber ancient antique apricot aquatic arctic artistic athletic autumn azure balanced bamboo beige birch
bouncy braided brave breezy bright brisk bronze calm caramel carbon carefree cashmere cedar ceramic charming
cheerful circular classic clever cloudy cobalt compact cool copper corduroy cosmic creative crimson crystal cubic
curious cyan cycling dancing daytime dazzling delicate denim distant dramatic dreamy durable dynamic early electric
elegant emerald endless enormous epic evening fabulous famous fancy fearless feathery festival flannel flexible
floating floral fluffy flying foggy fresh friendly frosty future generous gentle giant glad gleaming glorious
glowing golden granite grassy grateful green handmade happy harvest hazel helpful highland historic holiday honey
hopeful huge humble ideal indigo indoor jade jolly joyful juggling jumping juniper knitted lakeside laughing laurel
lavender leafy lemon lilac linen little lovely lowland luminous lunar magenta magic magnetic majestic maple maritime
metallic midday midnight mighty mindful modest moonlit mossy musical narrow nautical neat nickel noble northern
nylon olive onyx orbital organic outdoor oval painted paper parallel pastel peaceful pewter playful pleasant poetic
polar polished portable precious purple quiet quilted radiant rapid relaxed restful robust rocky rooftop rosewood
round ruby rugged running rural rustic saffron sapphire scarlet scenic seaside seasonal serene sideways silent silky
silver simple sincere singing skating slate sleepy smiling smooth snowy snug solid sparkly speckled spiral splendid
spotless spotted starry steady stellar striped summer sunlit superb tartan thankful timeless tiny titanium topaz
tranquil triple tropical tweed twilight upstairs vast velvet vertical vibrant vintage violet vivid walking walnut
weekend western whirling wild willow winter witty wobbly woodland woven zigzag
"""

_COUNTERSIGNS = """
acorn airport almond alpaca alphabet antelope aquarium armchair attic avenue avocado backpack bakery balcony balloon
beacon beehive bicycle biscuit bison blanket blossom bluebell bonfire bookcase bookmark bracelet branch bridge
broccoli broom brush bucket buffalo bulb button cactus camera campfire canary canyon caravan cardigan carousel
castle cave celery cello chess chimney chipmunk cinema circle clock comet compass concert cottage crater cupboard
cupcake curtain cushion daffodil daisy dinosaur dolphin domino doorbell doorstep dragon drum echo elephant engine
factory fern finch firefly flamingo forest galaxy garden garlic giraffe glacier globe goldfish guitar hammock
hamster haystack hedgehog hexagon hillside horizon hotel house iceberg igloo island jigsaw kangaroo kayak kettle
kitchen kite koala lagoon lamp landmark lantern lemonade leopard lettuce library lifeboat lizard lobster magnolia
mammoth mango marigold market meadow melody meteor minibus mirror mitten moon mountain museum napkin noodle notebook
nutmeg oasis ocean octopus onion opera orchard origami ornament ostrich pancake panda paprika parasol park parsley
pebble pelican pencil penguin piano picnic pony popcorn porch porridge postcard pottery pretzel pumpkin puppet
puzzle pyramid rabbit radio railway rainbow raincoat raisin reindeer ribbon river robin rosemary saddle sailboat
salad sandwich satchel saucer scarf scooter seagull seahorse seashell seaweed signpost skyline slipper snail snowman
soup sparrow spinach spruce squirrel stadium stairway starfish station statue stove suitcase sunbeam sundial sunrise
sunset swing table taxi teacup teapot teaspoon tent terrace textbook thistle thunder toast toffee tomato toolbox
tortoise toucan tower tractor tree triangle trolley trombone trophy tulip tunnel turtle umbrella unicorn valley
village vineyard violin volcano walrus wardrobe wheat windmill window wombat workshop yacht zebra
"""

SIGNS: tuple[str, ...] = tuple(_SIGNS.split())
COUNTERSIGNS: tuple[str, ...] = tuple(_COUNTERSIGNS.split())

_KNOWN_SIGNS = frozenset(SIGNS)


def is_sign(word: str) -> bool:
    """Whether a typed word is a sign, whatever its case and the white space around it."""
    return word.strip().casefold() in _KNOWN_SIGNS
