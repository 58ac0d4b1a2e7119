"""The part of YAML 1.2 that data.yaml files are written in: keys with text, lists of text, and numbered names.

Not YAML at large: whatever else a key holds is skipped where nobody asks for it, and an error where somebody does.
"""

import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from plusx.core.errors import DataError

Value: TypeAlias = str | list[str] | dict[str, str]

_KEY = re.compile(r"""("[^"]*"|'[^']*'|[^\s#:,\[\]{}"'][^#:]*?)\s*:(?:\s+|$)""")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "0": "\0", '"': '"', "\\": "\\", "/": "/"}


def parse(text: str, keys: Sequence[str], file: str) -> dict[str, Value]:
    """What `keys` of the outermost mapping hold; a key without a value is left out. DataError names file and line."""
    found: dict[str, Value] = {}
    seen: set[str] = set()
    for number, key, rest, block in _items(text, file):
        place = f"{file}, line {number}"
        if key in seen:
            raise DataError(f"{place}: the key {key!r} is there twice; keep one.")
        seen.add(key)
        if key in keys:
            value = _flow(" ".join([rest, *(line for _, line in block)]), place) if rest else _block(block, file)
            if value not in ("", "~", "null"):
                found[key] = value
    return found


def _items(text: str, file: str) -> Iterator[tuple[int, str, str, list[tuple[int, str]]]]:
    """(line, key, rest of its line, the lines that belong to it) of the outermost mapping."""
    item: tuple[int, str, str, list[tuple[int, str]]] | None = None
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        plain = _without_comment(line).rstrip()
        if not plain or plain in ("---", "..."):
            continue
        if plain[0] in " \t-]}" and item is not None:
            item[3].append((number, plain))
            continue
        match = _KEY.match(plain)
        if match is None:
            raise DataError(f"{file}, line {number}: {line.strip()!r} is no `key: value`.")
        if item is not None:
            yield item
        item = (number, _scalar(match[1], file), plain[match.end() :].strip(), [])
    if item is not None:
        yield item


def _without_comment(line: str) -> str:
    quote, escaped = "", False
    for place, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote and not escaped else quote
            escaped = letter == "\\" and quote == '"' and not escaped
        elif letter in "\"'" and (place == 0 or line[place - 1] in f" \t[{{,:{letter}"):
            quote = letter
        elif letter == "#" and (place == 0 or line[place - 1] in " \t"):
            return line[:place]
    return line


def _block(lines: Sequence[tuple[int, str]], file: str) -> Value:
    """`- a` a line, or `0: a` a line, all indented alike."""
    indents = {len(line) - len(line.lstrip()) for _, line in lines}
    items: list[str] = []
    pairs: dict[str, str] = {}
    for number, line in lines:
        place, plain = f"{file}, line {number}", line.strip()
        match = _KEY.match(plain)
        if len(indents) > 1:
            raise DataError(f"{place}: {plain!r} is indented unlike its neighbours; expected one list or mapping.")
        if plain.startswith("- ") and not pairs:
            items.append(_scalar(plain[2:].strip(), place))
        elif match is not None and not items and not plain.startswith("- "):
            _add(pairs, _scalar(match[1], place), _scalar(plain[match.end() :].strip(), place), place)
        else:
            raise DataError(f"{place}: {plain!r} is neither `- item` nor `key: value` as the lines before.")
    return items or pairs or ""


def _flow(text: str, place: str) -> Value:
    """`[a, b]`, `{0: a, 1: b}` or one text."""
    text = text.strip()
    if text[:1] == "[" and text[-1:] == "]":
        return [_scalar(item, place) for item in _parts(text[1:-1], place)]
    if text[:1] == "{" and text[-1:] == "}":
        pairs: dict[str, str] = {}
        for item in _parts(text[1:-1], place):
            match = _KEY.match(item)
            if match is None:
                raise DataError(f"{place}: {item!r} is no `key: value`.")
            _add(pairs, _scalar(match[1], place), _scalar(item[match.end() :].strip(), place), place)
        return pairs
    return _scalar(text, place)


def _parts(text: str, place: str) -> list[str]:
    """Taken apart at commas that stand outside of quotes; a comma may end the list."""
    parts, quote, start, escaped = [], "", 0, False
    for index, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote and not escaped else quote
            escaped = letter == "\\" and quote == '"' and not escaped
        elif letter in "\"'" and _opens(text[start:index], letter):
            quote = letter
        elif letter == ",":
            parts.append(text[start:index].strip())
            start = index + 1
        elif letter in "[]{}":
            raise DataError(f"{place}: a list within a list is not understood; expected names of classes or paths.")
    if quote:
        raise DataError(f"{place}: a quote {quote} is opened and not closed.")
    last = text[start:].strip()
    return parts + ([last] if last else [])


def _opens(before: str, quote: str) -> bool:
    """Whether a quote after this is one: at the start, after `0:`, or doubled within quotes."""
    return not before.strip() or before.rstrip().endswith(":") or before.endswith(quote)


def _scalar(text: str, place: str) -> str:
    text = text.strip()
    if text[:1] == '"':
        if len(text) < 2 or text[-1] != '"':
            raise DataError(f"{place}: {text} is opened with a quote and not closed.")
        return re.sub(r"\\(u[0-9a-fA-F]{4}|.)", _unescaped, text[1:-1])
    if text[:1] == "'":
        if len(text) < 2 or text[-1] != "'":
            raise DataError(f"{place}: {text} is opened with a quote and not closed.")
        return text[1:-1].replace("''", "'")
    if text[:1] in ("|", ">", "&", "*", "!", "[", "{"):
        raise DataError(f"{place}: {text!r} is more YAML than is understood here; expected text, a list or `0: name`.")
    return text


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPES.get(code, match[0])


def _add(pairs: dict[str, str], key: str, value: str, place: str) -> None:
    if key in pairs:
        raise DataError(f"{place}: the key {key!r} is there twice; keep one.")
    pairs[key] = value
