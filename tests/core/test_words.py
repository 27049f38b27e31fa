"""The word lists keep their rules.

The checks by ear and of meaning are small on purpose: they catch a careless addition. Whoever adds a word still reads
it aloud, in front of twenty nouns or behind twenty signs.
"""

from __future__ import annotations

import re
from hashlib import sha256
from itertools import combinations, groupby, product

import pytest

from watchword.core.words import COUNTERSIGNS, SIGNS, is_sign

# Words with a common twin that sounds the same, in British or American English, that a list like ours attracts.
SOUND_ALIKES = """
airy arc bald ball bare bark base beach bean bear bell berry bite blew blue boar board bold boulder brake brass
bread bred cannon canvas carat carrot ceiling cellar cent cereal cheap chilly choral chord coarse coral cord creak
creek crews cruise cymbal dear deer dessert dew doe dough fair fairy fare feat ferry flair flea flour flower fort
fowl gait gate gorilla grate great groan grown guild hail hair hall hare heal heel hoarse horse idle idol knight
knit knot ladder leaf leek lesser lettered lever light loan lone lynx made magnate magnet maid mail main maize mane
marry martial mast medal meddle merry metal mettle mewl miner minor moose morning mourning mousse mule mussel
mustard naval navel night oar orchestra paced pail pain pale palette pallet pane pause paws peace peak peal pear
pearl pedal peel petal pidgin piece pier pigeon pitcher plain plane plate plum pole poll pore purl quarts quartz
quay rain raised read real reed reel reign rhyme right ring road role roll rolled root rose rough route rowed ruff
sail sale scene scent seal seam seed seller shear sheer shoe shoo sleigh soar sole solely stair stake stare
stationary steak steal steel stile straight strait style suede suite sundae sunday sweet symbol tail tale throne
tide tied tire toad toed towed tyre urn vain vale vane veil vein waist waive wave weak week weekly whale wheel whole
wood world wrapped yolk
"""

# Words that English spells in two ways, here with both.
TWO_SPELLINGS = """
aeroplane airplane aubergine catalog catalogue center centre cheque color colour cosy cozy donut doughnut favorite
gray grey harbor harbour jewelry ketchup mold mould moustache mustache ocher ochre omelet omelette pajamas plough
plow pyjamas racket racquet skilful skillful smokey smoky storey theater theatre tire tyre waggon wagon wilful
woolen woollen woolly wooly yoghurt yogurt
"""

# What a message about proof of control must not seem to say.
TAKEN_FOR_ADVICE = """
access account active admin alert approved bank bonus caution code confirm correct danger digit error expert expired
fake false final free genuine guard hidden honest instant invalid lock locked login lucky money official open
original password pending phish private prize prompt proof proper public recent remote safe scam sealed secret
secure shield strong support trusted unlock unusual urgent valid verified warning winner wrong
"""

# Pieces that would be read out of a longer word, or by a mail filter, in English, German, French, Spanish, Italian.
RUDE_PIECES = re.compile(
    r"anal|anus|arse|bitch|boob|cack|cazz|cock(?!p)|coon|crap|culo|cum|cunt|damn|dick|dumm|faeces|fag|fick|fuck|gift"
    r"|hure|kack|kill|merd|mist|nazi|nigg|penis|piss|poop|porn|puta|putt|rape|scheis|semen|sex|shit|slut|spic|tits"
    r"|turd|twat|wank|whor"
)

_SPELLINGS_TO_SOUNDS = (
    (r"^kn|^gn|^pn", "n"),
    (r"^wr", "r"),
    (r"wh", "w"),
    (r"ph", "f"),
    (r"(?<=[aeiou])gh(?=t|$)", ""),
    (r"tch", "ch"),
    (r"dge?(?=[eiy]|$)", "j"),
    (r"g(?=[eiy])", "j"),
    (r"ck|q|c(?![eiyh])", "k"),
    (r"sc(?=[eiy])|c(?=[eiy])|z", "s"),
    (r"x", "ks"),
    (r"mb$", "m"),
    (r"(?<=s)t(?=le)", ""),
    (r"([^aeiou])\1", r"\1"),
    (r"(?<=[^aeiou])e$", ""),
    (r"ie?s?$|ey$|y$", "i"),
    (r"ea|ee|ei|ie", "i"),
    (r"ai|ay|ey", "e"),
    (r"oa|ow|ou|oo|ew", "o"),
    (r"[aeou]+(?=[lnr]$)", "a"),
)


def sound(word: str) -> str:
    """A rough key of how a word sounds: two words with one key are too alike to be told apart by ear."""
    for spelling, heard in _SPELLINGS_TO_SOUNDS:
        word = re.sub(spelling, heard, word)
    return word


def slips(one: str, other: str) -> int:
    """The Damerau-Levenshtein distance in its restricted form: insert, leave out, mistake, swap two neighbours."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        before, last, row = row, before, [i]
        for j, facing in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != facing))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == facing:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]


def are_closer_than(limit: int, one: str, other: str) -> bool:
    # One slip takes at most one letter out of a word's set of letters, so most pairs need no table.
    if len(set(one) - set(other)) >= limit or len(set(other) - set(one)) >= limit:
        return False
    return slips(one, other) < limit


LISTS = pytest.mark.parametrize("words", [SIGNS, COUNTERSIGNS], ids=["signs", "countersigns"])


@LISTS
def test_a_list_has_one_word_for_each_byte(words: tuple[str, ...]) -> None:
    assert len(words) == 256


def test_no_word_is_there_twice() -> None:
    assert len({*SIGNS, *COUNTERSIGNS}) == 512


@LISTS
def test_a_list_is_in_alphabetical_order_so_that_a_change_is_easy_to_review(words: tuple[str, ...]) -> None:
    assert list(words) == sorted(words)


@LISTS
def test_a_word_is_four_to_eight_plain_letters(words: tuple[str, ...]) -> None:
    assert [word for word in words if not re.fullmatch(r"[a-z]{4,8}", word)] == []


@LISTS
def test_no_word_begins_another(words: tuple[str, ...]) -> None:
    neighbours = combinations(sorted(words), 2)
    assert [pair for pair in neighbours if pair[1].startswith(pair[0])] == []


@LISTS
def test_two_slips_of_the_finger_never_make_another_word_of_the_list(words: tuple[str, ...]) -> None:
    assert [pair for pair in combinations(words, 2) if are_closer_than(3, *pair)] == []


def test_one_slip_of_the_finger_never_makes_a_countersign_of_a_sign() -> None:
    assert [pair for pair in product(SIGNS, COUNTERSIGNS) if are_closer_than(2, *pair)] == []


def test_no_two_words_sound_alike() -> None:
    by_sound = sorted((*SIGNS, *COUNTERSIGNS), key=sound)
    assert [same for _, group in groupby(by_sound, key=sound) if len(same := list(group)) > 1] == []


def test_no_word_sounds_like_a_common_word_elsewhere() -> None:
    assert {*SIGNS, *COUNTERSIGNS} & {*SOUND_ALIKES.split()} == set()


def test_no_word_has_a_second_spelling() -> None:
    assert {*SIGNS, *COUNTERSIGNS} & {*TWO_SPELLINGS.split()} == set()


def test_no_word_can_be_taken_for_advice() -> None:
    assert {*SIGNS, *COUNTERSIGNS} & {*TAKEN_FOR_ADVICE.split()} == set()


def test_no_word_hides_a_rude_one() -> None:
    assert [word for word in (*SIGNS, *COUNTERSIGNS) if RUDE_PIECES.search(word)] == []


@pytest.mark.parametrize("typed", ["copper", "Copper", "COPPER", " copper", "copper\r\n", "\u00a0copper\t"])
def test_a_typed_sign_is_known_whatever_its_case_and_the_space_around_it(typed: str) -> None:
    assert is_sign(typed)


@pytest.mark.parametrize("typed", ["", " ", "lantern", "coper", "cop per", "copper lantern", "сopper"])  # noqa: RUF001
def test_anything_else_is_no_sign(typed: str) -> None:
    assert not is_sign(typed)


@pytest.mark.parametrize(
    ("one", "other"),
    [("knight", "nite"), ("write", "rite"), ("steel", "steal"), ("wheel", "weal"), ("cellar", "seller")],
)
def test_words_that_sound_alike_have_one_key(one: str, other: str) -> None:
    assert sound(one) == sound(other)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [("maple", "maple", 0), ("maple", "mapel", 1), ("maple", "maples", 1), ("maple", "marble", 2), ("", "olive", 5)],
)
def test_slips_are_counted(one: str, other: str, expected: int) -> None:
    assert expected == slips(one, other)


def test_the_lists_are_part_of_the_format() -> None:
    # Watchwords are derived from a word's place: a change here changes those that people are looking at now.
    lists = " ".join((*SIGNS, *COUNTERSIGNS)).encode()
    assert sha256(lists).hexdigest() == "9c2fb66faa93b86f1711571aee95f9d3a9ba51681f27d2aef70aa0fe46a0de28"
