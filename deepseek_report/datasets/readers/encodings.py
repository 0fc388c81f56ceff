"""By which encoding a text file is written: recognised where only one can be meant, else asked for.

The procedure, in order: a byte-order mark; bytes of zero, which only UTF-16 has in a text; UTF-8,
which other texts do not satisfy by chance; then GB18030, Big5 and Windows-1252, of which each must
give a text that people write: Chinese of common characters, or Latin letters with few accents in a
row. Where none does, or more than one, nothing is guessed.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

#: Byte-order marks, the longer ones first, and the codec that takes them away.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Codecs of Python that are no encodings of files, or hide signs in plain text.
_NO_FILES = {"idna", "punycode", "raw_unicode_escape", "unicode_escape", "utf-7", "undefined"}
#: Control characters that no table holds; the blanks and line ends are not among them.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_HIGH = re.compile(rb"[\x80-\xff]+")
#: So many characters beyond ASCII decide; the whole text must still be of that encoding.
_DECODED = 200_000

#: The most frequent characters of written Chinese, simplified and traditional, and those of the
#: headers of tables. About a half of any Chinese text, and one in ten of a text that is misread.
_FREQUENT = frozenset(
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子"
    "说产种面而方后多定行学法所民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机"
    "当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数正心"
    "反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程"
    "展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期"
    "根论运农指几九区强放决西被干做必战先回则任取据处队南给色光门即保治北造百规热领七海口东导器压志"
    "世金增争济阶油思术极交受联什认六共权收证改清己美再采转更单风切打白教速花带安场身车例真务具万每"
    "目至达走积示议声报斗完类八离华名确才科张信马节话米整空元况今集温传土许步群广石记需段研界拉林律"
    "叫且究观越织装影算低持音众书布复容儿须际商非验连断深难近矿千周委素技备半办青省列习响约支般史感"
    "劳便团往酸历市克何除消构府称太准精值号率族维划选标写存候毛亲快效斯院查江型眼王按格养易置派层片"
    "始却专状育厂京识适属圆包火住调满县局照参红细引听该铁价严龄男女婚龄姓客户违款贷购否"
    "這個為國時來們對會發動過說產種後學經進著電裡現實兩體機當點從業應開還關條樣與線數質氣變沒結解"
    "問無軍題黨員總設長頭資邊級圖統較將組見計別運農幾區強決戰則據處隊給門規熱領東導壓濟階術極聯認"
    "權證單風帶場車務萬達積議聲報類離華確張馬節話況傳許廣記觀織裝眾書複兒際驗連斷難備辦習響約歷構"
    "稱準號維劃選標寫親養層狀識適屬滿縣參細聽該鐵價嚴齡戶違貸購"
)
_CHINESE = re.compile(r"[\u3400-\u9fff]")
#: Punctuation of Chinese texts, full-width forms, and the signs that Chinese files share.
_CHINESE_SIGNS = re.compile(
    r"[\u3000-\u303f\uff01-\uff5e\u2010-\u2027\u00b0\u00b1\u00d7\u2103\uffe5]"
)
_RUN = re.compile(r"[^\x00-\x7f]+")
_LATIN = re.compile(r"[A-Za-z]")
#: What people write in Windows-1252 beside ASCII: letters, quotes, dashes, units, currencies.
_WESTERN = frozenset(
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿŠšŽžŒœŸ"
    "“”„‘’‚–—…«»‹›•·¿¡€£§°²³µ½¼¾©®™×ºª\u00a0"
)
#: Signs that do not stand within a word; where they do, they are letters of another encoding.
_MISPLACED = re.compile(r"(?<=[A-Za-z])[¹²³¼½¾¿¡£§°](?=[a-z])")


@dataclass(frozen=True)
class Unclear:
    """Why no encoding was recognised: the place of the first odd byte, and how it would read.

    readings : {encoding: the first words beyond ASCII}, for those that more than one would do.
    """

    byte: int
    readings: dict[str, str]


def recognise(raw: bytes) -> str | Unclear:
    """The codec of a text, or why it is not clear.

    raw : the whole text.
    """
    for mark, codec in _MARKS:
        if raw.startswith(mark):
            text, byte = _decoded(raw, codec)
            return Unclear(byte, {}) if text is None or _CONTROL.search(text) else codec
    if b"\0" in raw:  # UTF-16 of either order, if just one gives lines of text
        fitting = [codec for codec in ("utf-16-le", "utf-16-be") if _is_utf16(raw, codec)]
        return fitting[0] if len(fitting) == 1 else Unclear(raw.index(b"\0") + 1, {})
    text, byte = _decoded(raw, "utf-8")
    return _of_one_byte_or_two(raw, byte) if text is None else "utf-8"


def is_known(encoding: str) -> bool:
    """Whether this names an encoding that files are written in."""
    try:
        info = codecs.lookup(encoding)
    except LookupError:
        return False
    text = getattr(info, "_is_text_encoding", True)
    return text and info.name.replace("-", "_") not in {
        codec.replace("-", "_") for codec in _NO_FILES
    }


def _decoded(raw: bytes, codec: str) -> tuple[str | None, int]:
    """The text, or None where it is of another codec; and the first byte that tells so, else 1."""
    try:
        return raw.decode(codec), 1
    except UnicodeDecodeError as error:
        return None, error.start + 1


def _is_utf16(raw: bytes, codec: str) -> bool:
    """A text with a line end, without control characters and characters that do not exist."""
    text, _ = _decoded(raw, codec)
    if text is None or "\n" not in text or _CONTROL.search(text):
        return False
    odd = r"[\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff\u0a00\u0d00\u2c00\u3b00\u0900]"
    return re.search(odd, text) is None


# --- one or two bytes a character -----------------------------------------------------------------


def _of_one_byte_or_two(raw: bytes, byte: int) -> str | Unclear:
    runs = [run[0] for run in islice(_HIGH.finditer(raw), _DECODED)]
    utf8 = sum(map(len, _SEQUENCE.findall(b" ".join(runs))))
    is_damaged_utf8 = utf8 >= 0.8 * sum(map(len, runs))
    if is_damaged_utf8 or _CONTROL.search(raw.decode("latin-1")):
        return Unclear(byte, {})
    texts = {codec: text for codec, fits in _CANDIDATES.items() if (text := fits(raw, codec))}
    if len(texts) == 1:
        return next(iter(texts))
    return Unclear(byte, {codec: first_word(text) for codec, text in texts.items()})


def _chinese(raw: bytes, codec: str) -> str:
    """The text, if nearly all of it beyond ASCII is Chinese of common characters; else nothing."""
    text, _ = _decoded(raw, codec)
    if text is None:
        return ""
    beyond = _beyond(text)
    characters = [character for character in beyond if _CHINESE.match(character)]
    signs = sum(_CHINESE_SIGNS.match(character) is not None for character in beyond)
    if len(set(characters)) < 2 or len(characters) + signs < 0.95 * len(beyond):
        return ""
    common = sum(_is_common(character, codec) for character in characters)
    kinds = Counter(characters)
    frequent = sum(n for character, n in kinds.items() if character in _FREQUENT) / len(characters)
    distinct = sum(character in _FREQUENT for character in kinds) / len(kinds)
    return text if common >= 0.9 * len(characters) and max(frequent, distinct) >= 0.25 else ""


def _is_common(character: str, codec: str) -> bool:
    """Whether it is of the first level of the standard, which holds the characters in daily use."""
    raw = character.encode(codec)
    if codec == "big5":
        return b"\xa4\x40" <= raw <= b"\xc6\x7e"
    return len(raw) == 2 and 0xB0 <= raw[0] <= 0xD7 and raw[1] >= 0xA1


def _western(raw: bytes, codec: str) -> str:
    """The text, if what is beyond ASCII is of European languages in Latin letters; else nothing.

    Such letters stand alone or in pairs between plain ones; two-byte encodings have them in pairs.
    """
    text, _ = _decoded(raw, codec)
    if text is None:
        return ""
    beyond = _beyond(text)
    misplaced = sum(1 for _ in _first(_MISPLACED, text))
    known = sum(character in _WESTERN for character in beyond) - misplaced
    runs = [len(run[0]) for run in _first(_RUN, text)]
    single = sum(length == 1 for length in runs)
    long = sum(length > 3 for length in runs)
    fits = known >= 0.97 * len(beyond) and single >= 0.7 * len(runs) and long <= 0.02 * len(runs)
    return text if fits and _LATIN.search(text) else ""


def _beyond(text: str) -> str:
    return "".join(run[0] for run in _first(_RUN, text))[:_DECODED]


def _first(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    return islice(pattern.finditer(text), _DECODED)


_CANDIDATES: dict[str, Callable[[bytes, str], str]] = {
    "gb18030": _chinese,
    "big5": _chinese,
    "cp1252": _western,
}


def first_word(text: str) -> str:
    """The first word that is not plain ASCII; "" where there is none."""
    word = re.search(r"[^\s,;|\t\"]*[^\x00-\x7f][^\s,;|\t\"]*", text)
    return word[0][:20] if word else ""
