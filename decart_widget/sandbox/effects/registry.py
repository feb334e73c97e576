"""The table of effects, and how the words of a prompt select one.

Without ``enrich`` only an effect's exact words select it (*exact* below: the name and its
spellings). With ``enrich`` near words and phrases (*near*) and misspelt exact words do too. For a
prompt that selects none, an effect is derived from its words (`derived`).
"""

from __future__ import annotations

import difflib
import functools
import re
from dataclasses import dataclass
from typing import Final

from decart_widget.sandbox.effects import strokes, tones
from decart_widget.sandbox.effects.derived import derive
from decart_widget.sandbox.effects.picture import Painter


@dataclass(frozen=True)
class Effect:
    """One effect.

    Attributes:
        name: As in docs/sandbox.md.
        exact: Words and phrases that select it with and without ``enrich``.
        near: Words and phrases that select it with ``enrich`` only.
        paint: Picture -> new picture.
    """

    name: str
    exact: tuple[str, ...]
    near: tuple[str, ...]
    paint: Painter


EFFECTS: Final[tuple[Effect, ...]] = (
    Effect(
        "greyscale",
        ("greyscale", "grayscale"),
        ("grey", "gray", "black and white", "monochrome", "colourless", "colorless", "desaturated"),
        tones.greyscale,
    ),
    Effect(
        "noir",
        ("noir",),
        ("detective", "hard shadows", "old movie", "silent film", "hitchcock"),
        tones.noir,
    ),
    Effect(
        "sepia",
        ("sepia",),
        ("brown", "western", "daguerreotype", "old photograph", "wild west", "antique"),
        tones.sepia,
    ),
    Effect(
        "vintage",
        ("vintage",),
        ("retro", "polaroid", "faded", "seventies", "1970s", "nostalgic"),
        tones.vintage,
    ),
    Effect(
        "invert",
        ("invert", "inverted", "negative"),
        ("opposite colours", "opposite colors", "x ray", "xray"),
        tones.invert,
    ),
    Effect(
        "thermal",
        ("thermal",),
        ("infrared", "heat", "heatmap", "heat map", "predator", "temperature"),
        tones.thermal,
    ),
    Effect(
        "night vision",
        ("night vision",),
        ("night", "surveillance", "military", "in the dark"),
        tones.night_vision,
    ),
    Effect(
        "posterise",
        ("posterise", "posterize"),
        ("poster", "screen print", "silkscreen", "flat colours", "flat colors"),
        tones.posterise,
    ),
    Effect(
        "pixelate",
        ("pixelate", "pixelated"),
        ("pixel", "pixels", "pixel art", "8 bit", "minecraft", "lego", "blocks"),
        tones.pixelate,
    ),
    Effect(
        "blur",
        ("blur", "blurred"),
        ("out of focus", "blurry", "soft focus", "dreamy", "hazy", "fog", "foggy"),
        tones.blur,
    ),
    Effect(
        "cartoon",
        ("cartoon",),
        ("anime", "animated", "animation", "pixar", "disney", "ghibli", "manga", "toon"),
        strokes.cartoon,
    ),
    Effect(
        "comic",
        ("comic",),
        ("comics", "panel drawing", "superhero", "pop art", "lichtenstein", "graphic novel"),
        strokes.comic,
    ),
    Effect(
        "pencil sketch",
        ("pencil sketch", "pencil", "sketch"),
        ("drawing", "graphite", "hand drawn", "line art", "sketched", "doodle"),
        strokes.pencil_sketch,
    ),
    Effect(
        "charcoal",
        ("charcoal",),
        ("coal", "chalk", "smudged", "soot", "crayon"),
        strokes.charcoal,
    ),
    Effect(
        "edges",
        ("edges",),
        ("edge", "outline", "outlines", "contour", "contours", "wireframe", "blueprint"),
        strokes.edges,
    ),
    Effect(
        "neon",
        ("neon",),
        ("glow", "glowing", "tron", "led strips", "laser", "disco", "electric"),
        strokes.neon,
    ),
    Effect(
        "watercolour",
        ("watercolour", "watercolor"),
        ("aquarelle", "water colour", "water color", "wash", "painted softly", "pastel"),
        strokes.watercolour,
    ),
    Effect(
        "oil",
        ("oil",),
        ("painting", "painted", "canvas", "rembrandt", "brush strokes"),
        strokes.oil,
    ),
    Effect(
        "impressionist",
        ("impressionist",),
        ("van gogh", "starry night", "monet", "impressionism", "expressionist", "swirls"),
        strokes.impressionist,
    ),
    Effect(
        "stained glass",
        ("stained glass",),
        ("cathedral", "church window", "tiffany", "glass panes"),
        strokes.stained_glass,
    ),
    Effect(
        "mosaic",
        ("mosaic",),
        ("tiles", "tiled", "roman floor", "byzantine"),
        strokes.mosaic,
    ),
    Effect(
        "halftone",
        ("halftone",),
        ("newspaper", "newsprint", "printed dots", "dots", "print"),
        strokes.halftone,
    ),
    Effect(
        "emboss",
        ("emboss", "embossed"),
        ("relief", "engraved", "carved", "metal", "stone", "sculpture", "coin"),
        strokes.emboss,
    ),
    Effect(
        "glitch",
        ("glitch",),
        ("broken", "corrupted", "vhs", "static", "datamosh", "distorted"),
        strokes.glitch,
    ),
    Effect(
        "hologram",
        ("hologram",),
        ("holographic", "projection", "ghost", "star wars", "scan lines"),
        strokes.hologram,
    ),
    Effect(
        "cyberpunk",
        ("cyberpunk",),
        ("blade runner", "synthwave", "vaporwave", "dystopian", "futuristic", "matrix"),
        tones.cyberpunk,
    ),
    Effect(
        "sunset",
        ("sunset",),
        ("golden hour", "dusk", "desert", "warm light", "sunrise", "evening light"),
        tones.sunset,
    ),
    Effect(
        "underwater",
        ("underwater",),
        ("ocean", "sea", "aquarium", "submarine", "under water", "mermaid"),
        tones.underwater,
    ),
    Effect(
        "frozen",
        ("frozen",),
        ("ice", "icy", "winter", "snow", "snowy", "arctic", "cold", "frost"),
        tones.frozen,
    ),
)


def effect_for(prompt: str, *, enrich: bool) -> Effect:
    """The effect that a prompt selects: the one it names first, or one derived from its words."""
    words = normalise(prompt)
    found = _first(words, _exact())
    if found is None and enrich:
        found = _first(words, _near()) or _misspelt(words)
    return found or Effect(f"derived: {words}", (), (), derive(words))


def normalise(prompt: str) -> str:
    """The prompt's words in lower case, separated by single spaces."""
    return " ".join(re.findall(r"\w+", prompt.casefold()))


def _first(words: str, index: dict[str, Effect]) -> Effect | None:
    """The effect of the phrase that comes first; of two that begin at the same word, the longer."""
    padded = f" {words} "
    hits = [(padded.find(f" {p} "), -len(p), p) for p in index if f" {p} " in padded]
    return index[min(hits)[2]] if hits else None


def _misspelt(words: str) -> Effect | None:
    for word in words.split():
        close = difflib.get_close_matches(word, _exact(), 1, cutoff=0.84) if len(word) > 4 else []
        if close:
            return _exact()[close[0]]
    return None


@functools.cache
def _exact() -> dict[str, Effect]:
    return {phrase: effect for effect in EFFECTS for phrase in effect.exact}


@functools.cache
def _near() -> dict[str, Effect]:
    return {phrase: effect for effect in EFFECTS for phrase in effect.near}
