"""QR codes in Chromium under the page's policy: drawn and read by our modules, checked by foreign ones."""

from __future__ import annotations

import struct
from base64 import b64decode, b64encode
from collections.abc import Iterator

import pytest
import segno
import zxingcpp
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import Error as BrowserError

from tests.e2e.conftest import serving
from tests.support.png import animated, grey, head, png

pytestmark = pytest.mark.xdist_group(__name__)

KEY = "otpauth://totp/ACME%20Co:ann@example.org?secret=HXDMVJECJJWSRB3HWIZR4IFUGFTMXBOZ&issuer=ACME%20Co"
OTHER = "otpauth://totp/Other:bob?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Other"

READ = """
async ([type, encoded, read]) => {
  const { [read]: reader } = await import("/static/qr.js");
  const raw = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
  try {
    return await reader(new Blob([raw], { type }));
  } catch (error) {
    return { problem: error.code ?? String(error), words: error.message };
  }
}
"""
# Chromium packs and unpacks pictures for us: base64 of a file of another type, and grey pixels.
PACK = """
async ([encoded, type]) => {
  const raw = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([raw]));
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  context.drawImage(bitmap, 0, 0);
  if (type === "grey") {
    const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    const pixels = data.filter((_, place) => place % 4 === 1);
    return [bitmap.width, bitmap.height, btoa(Array.from(pixels, (byte) => String.fromCharCode(byte)).join(""))];
  }
  const packed = new Uint8Array(await (await canvas.convertToBlob({ type, quality: 0.8 })).arrayBuffer());
  return btoa(Array.from(packed, (byte) => String.fromCharCode(byte)).join(""));
}
"""
DRAW = """
async ([text, words]) => {
  const { drawQr } = await import("/static/qr.js");
  const svg = drawQr(text, words);
  svg.setAttribute("width", "600");
  document.body.replaceChildren(svg);
}
"""


@pytest.fixture(scope="module")
def ours(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page of a running service, with its policy."""
    with serving(tmp_path_factory.mktemp("service")) as site:
        page = browser.new_page(viewport={"width": 700, "height": 700})
        page.goto(site.url)
        yield page
        page.close()


def codes_in(page: Page, picture: bytes, kind: str = "image/png") -> object:
    return page.evaluate(READ, [kind, b64encode(picture).decode(), "readQrCodes"])


def problem_of(page: Page, picture: bytes, kind: str = "image/png") -> str:
    answer = codes_in(page, picture, kind)
    assert isinstance(answer, dict), answer
    assert answer["words"].endswith(".")
    return str(answer["problem"])


def rows_of(text: str, *, scale: int = 4, dark: int = 0, light: int = 255) -> list[bytes]:
    """A code drawn by a foreign library."""
    code = segno.make(text, error="m", micro=False)
    return grey([list(row) for row in code.matrix_iter(border=4)], scale=scale, dark=dark, light=light)


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        "https://secrets.example.org/s/sc_AZrjPq0BxyZ-_abcdefghi#kqjWl2s4Zl5VQzv0-3Zb7wYp8mQx1aTnEoIuHrDgCfs",
        "Schlüssel für 東京 🔑",
        "x" * 1000,
    ],
    ids=["key", "link", "unicode", "long"],
)
def test_a_drawn_code_is_read_by_a_foreign_reader_and_by_ours(ours: Page, text: str) -> None:
    ours.evaluate(DRAW, [text, {}])
    picture = ours.locator("svg").screenshot()

    width, height, pixels = ours.evaluate(PACK, [b64encode(picture).decode(), "grey"])
    image = memoryview(b64decode(pixels)).cast("B", shape=[height, width])

    assert [text] == [found.text for found in zxingcpp.read_barcodes(image)]
    assert [text] == codes_in(ours, picture)


def test_a_drawn_code_tells_a_screen_reader_what_it_is(ours: Page) -> None:
    ours.evaluate(DRAW, [KEY, {"title": "<i>QR</i> code of ACME", "description": "The key is below as text."}])

    drawing = ours.get_by_role("img", name="<i>QR</i> code of ACME", exact=True)

    expect(drawing).to_have_accessible_description("The key is below as text.")
    assert 0 == ours.locator("svg i").count()


def test_two_drawings_do_not_share_their_names(ours: Page) -> None:
    names = ours.evaluate(
        """async () => {
          const { drawQr } = await import("/static/qr.js");
          return ["a", "b"].map((text) => drawQr(text, { description: "d" }).querySelector("title").id);
        }"""
    )

    assert 2 == len(set(names))


@pytest.mark.parametrize(("dark", "light"), [(0, 255), (255, 0), (90, 170)], ids=["plain", "inverted", "faint"])
def test_a_code_drawn_elsewhere_is_read(ours: Page, dark: int, light: int) -> None:
    assert [KEY] == codes_in(ours, png(rows_of(KEY, dark=dark, light=light)))


@pytest.mark.parametrize("kind", ["image/jpeg", "image/webp"])
def test_other_kinds_of_pictures_are_read(ours: Page, kind: str) -> None:
    packed = b64decode(ours.evaluate(PACK, [b64encode(png(rows_of(KEY))).decode(), kind]))

    assert [KEY] == codes_in(ours, packed, kind)


def test_a_photo_that_says_how_it_was_held_and_where_is_read(ours: Page) -> None:
    photo = b64decode(ours.evaluate(PACK, [b64encode(png(rows_of(KEY))).decode(), "image/jpeg"]))
    turned = struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)  # by a quarter
    told = b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + turned + bytes(4)
    exif = b"\xff\xe1" + struct.pack(">H", len(told) + 2) + told

    assert [KEY] == codes_in(ours, photo[:2] + exif + photo[2:], "image/jpeg")


def test_of_an_animation_the_first_picture_counts(ours: Page) -> None:
    first, second = rows_of(KEY), rows_of(OTHER)
    size = max(len(first), len(second))
    frames = [
        [row.ljust(size, b"\xff") for row in rows] + [b"\xff" * size] * (size - len(rows)) for rows in (first, second)
    ]

    assert [KEY] == codes_in(ours, animated(*frames))


def test_a_code_in_the_corner_of_a_large_screenshot_is_read(ours: Page) -> None:
    code = rows_of(KEY, scale=3)
    width, height = 3000, 2000
    rows = [b"\xf0" * (width - len(row) - 60) + row + b"\xf0" * 60 for row in code]
    page = [b"\xf0" * width] * (height - len(rows) - 40) + rows + [b"\xf0" * width] * 40

    assert [KEY] == codes_in(ours, png(page))


def test_two_codes_in_a_picture_are_told_apart(ours: Page) -> None:
    left, right = rows_of(KEY), rows_of(OTHER)
    height = max(len(left), len(right))
    rows = [
        (left[y] if y < len(left) else b"\xff" * len(left[0])) + b"\xff" * 80
        + (right[y] if y < len(right) else b"\xff" * len(right[0]))
        for y in range(height)
    ]  # fmt: skip

    found = codes_in(ours, png(rows))

    assert isinstance(found, list)
    assert {KEY, OTHER} == set(found)


def test_a_picture_without_a_code_gives_nothing(ours: Page) -> None:
    blank = png([b"\xff" * 200] * 200)

    assert [] == codes_in(ours, blank)
    assert ours.evaluate(READ, ["image/png", b64encode(blank).decode(), "readQr"]) is None
    assert KEY == ours.evaluate(READ, ["image/png", b64encode(png(rows_of(KEY))).decode(), "readQr"])


@pytest.mark.parametrize(
    ("picture", "problem"),
    [
        (b"", "unreadable"),
        (b"not a picture" * 10, "unreadable"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "unreadable"),
        (png([b"\xff" * 40] * 40)[:60], "unreadable"),
        (head(0, 0) + b"\0" * 30, "unreadable"),
        (head(30_000, 30_000), "too_large"),
        (head(5_001, 5_000), "too_large"),
        (b"GIF89a" + struct.pack("<HH", 6_000, 6_000) + bytes(30), "too_large"),
        (b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08" + struct.pack(">HH", 6_000, 6_000) + bytes(30), "too_large"),
        (b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + b"\xff\xff\0\xff\xff\0" + bytes(9), "too_large"),
        (b"RIFF\0\0\0\0WEBPVP8L" + bytes(4) + b"/\xff\xff\xff\x0f" + bytes(9), "too_large"),
        (b"RIFF\0\0\0\0WEBPVP8 " + bytes(10) + struct.pack("<HH", 6_000, 6_000) + bytes(9), "too_large"),
    ],
)
def test_what_is_no_picture_or_would_unpack_into_too_much_is_refused(ours: Page, picture: bytes, problem: str) -> None:
    assert problem == problem_of(ours, picture)


def test_a_file_that_is_too_large_never_reaches_the_worker(ours: Page) -> None:
    code = ours.evaluate(
        """async () => {
          const { readQr, MAX_BYTES } = await import("/static/qr.js");
          return await readQr(new Blob([new Uint8Array(MAX_BYTES + 1)])).catch((error) => error.code);
        }"""
    )

    assert "too_large" == code


def test_the_decoder_is_loaded_only_when_a_picture_comes(browser: Browser, ours: Page) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.goto(ours.url)
    page.evaluate(DRAW, [KEY, {}])
    before = list(asked)

    codes_in(page, png(rows_of(KEY)))
    page.close()

    assert "index.js" in before
    assert not {"qr-worker.js", "decode.js"} & set(before)


def test_no_other_script_address_can_be_made(ours: Page) -> None:
    for attempt in ("new Worker('/static/qr-worker.js')", "trustedTypes.createPolicy('other', {})"):
        with pytest.raises(BrowserError, match="TypeError"):
            ours.evaluate(f"() => {{ {attempt} }}")


def test_the_worker_can_reach_nobody(browser: Browser, ours: Page) -> None:
    page = browser.new_page()
    page.goto(ours.url)
    with page.expect_worker() as started:
        page.evaluate(
            """() => {
              const policy = trustedTypes.createPolicy("watchword-worker", { createScriptURL: (url) => url });
              globalThis.kept = new Worker(policy.createScriptURL("/static/qr-worker.js"), { type: "module" });
            }"""
        )

    outcome = started.value.evaluate("() => fetch('/healthz').then(() => 'out', () => 'kept in')")
    page.close()

    assert "kept in" == outcome


@pytest.mark.parametrize("ink", [0, 255], ids=["black ink", "white ink"])
def test_a_code_on_nothing_is_read(ours: Page, ink: int) -> None:
    picture = png(rows_of(KEY, dark=ink, light=255 - ink))
    transparent = ours.evaluate(
        """async ([encoded, ink]) => {
          const raw = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
          const bitmap = await createImageBitmap(new Blob([raw]));
          const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
          const context = canvas.getContext("2d");
          context.drawImage(bitmap, 0, 0);
          const image = context.getImageData(0, 0, bitmap.width, bitmap.height);
          for (let at = 0; at < image.data.length; at += 4) image.data[at + 3] = image.data[at] === ink ? 255 : 0;
          context.putImageData(image, 0, 0);
          const packed = new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
          return btoa(Array.from(packed, (byte) => String.fromCharCode(byte)).join(""));
        }""",
        [b64encode(picture).decode(), ink],
    )

    assert [KEY] == codes_in(ours, b64decode(transparent))
