"""MPEG audio: frames, the Xing tag and the tags around them (ISO/IEC 11172-3, 13818-3; ID3v2).

An MP3 file has no header: it is a sequence of frames, each with its own length. Reading all frame
headers detects files that were cut short, which decoders do not report.
"""

from __future__ import annotations

import os
from typing import BinaryIO

from harken.audio.header import AudioNote, Header
from harken.audio.view import PatchedView
from harken.errors import AudioError

_BITRATES = {
    # (MPEG 1, layer): kbit/s by index; index 0 is "free", 15 is forbidden.
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def mp3_frame(head: bytes) -> tuple[int, int, int, int] | None:
    """(bytes, samples, rate, channels) of the frame that begins here; None if none does."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    rate_index, bitrate_index = head[2] >> 2 & 3, head[2] >> 4
    if version == 1 or layer == 4 or rate_index == 3 or bitrate_index in (0, 15):
        return None
    rate = _RATES_HZ[version][rate_index]
    kbits = _BITRATES[(version == 3, layer)][bitrate_index]
    samples = 384 if layer == 1 else 1152 if layer == 2 or version == 3 else 576
    padding = head[2] >> 1 & 1
    if layer == 1:
        length = (12_000 * kbits // rate + padding) * 4
    else:
        length = samples // 8 * 1000 * kbits // rate + padding
    return length, samples, rate, 1 if head[3] >> 6 == 3 else 2


def read_mp3(file: BinaryIO, size: int) -> Header:
    """Read all frame headers of an open file.

    Raises:
        AudioError: ``truncated`` when the last frame is cut short or frames that the Xing tag
            counts are missing; ``not-audio`` and ``no-samples`` when there are no frames.
    """
    start = mp3_start(file)
    if start >= size:
        raise AudioError("truncated", "the file ends inside its ID3 tag")
    file.seek(start)
    first = file.read(256)
    frame = mp3_frame(first)
    if frame is None:
        raise AudioError("not-audio", "no MPEG audio frame follows the ID3 tag")
    xing = xing_at(first)
    claimed = None
    if xing and first[xing + 7] & 1:
        claimed = int.from_bytes(first[xing + 8 : xing + 12], "big")
    rate, channels = frame[2], frame[3]
    position, count = start, 0
    while position < size:
        file.seek(position)
        head = file.read(4)
        frame = mp3_frame(head)
        if frame is None:
            file.seek(position)
            if _frames_follow(file.read(1 << 16)):
                raise AudioError("corrupt", f"no frame where frame {count + 1} should begin")
            break  # a tag, or padding, at the end
        position += frame[0]
        count += 1
    if position > size:
        raise AudioError("truncated", f"the last frame (number {count}) is cut short")
    frames = count - 1 if xing else count  # the frame with the tag has no samples
    if claimed is not None and frames < claimed and position >= size:
        raise AudioError("truncated", f"{frames} of {claimed} frames are there")
    if frames <= 0:
        raise AudioError("no-samples", "there is no frame with samples")
    if claimed is None or frames <= claimed:
        return Header("mp3", rate, channels)
    # Decoders stop after the stated number: that of the first of several joined files.
    found = f"the first frame states {claimed:,} frames, and there are {frames:,}"
    return Header(
        "mp3",
        rate,
        channels,
        patches=((start + xing + 8, frames.to_bytes(4, "big")),),
        notes=(AudioNote("joined", found),),
    )


def _frames_follow(data: bytes) -> bool:
    """Whether two consecutive frames begin anywhere in `data`: damage, not the end of the file."""
    for at in range(len(data) - 3):
        frame = mp3_frame(data[at : at + 4]) if data[at] == 0xFF else None
        if frame is not None and mp3_frame(data[at + frame[0] : at + frame[0] + 4]) is not None:
            return True
    return False


def mp3_start(file: BinaryIO) -> int:
    """Where the first frame begins: after ID3v2 tags and their padding.

    Padding is often not counted in the tag's size. A frame counts if another frame, an ID3v1 tag
    or the end of the file follows it.
    """
    start = _after_id3(file)
    file.seek(start)
    head = file.read(1 << 16)
    for at in range(len(head) - 3):
        frame = mp3_frame(head[at : at + 4]) if head[at] == 0xFF else None
        if frame is not None:
            file.seek(start + at + frame[0])
            after = file.read(4)
            if len(after) < 4 or after[:3] == b"TAG" or mp3_frame(after) is not None:
                return start + at
    return start


def _after_id3(file: BinaryIO) -> int:
    """Where the ID3v2 tags end by their stated sizes."""
    position = 0
    while True:
        file.seek(position)
        tag = file.read(10)
        if tag[:3] != b"ID3" or len(tag) < 10:
            return position
        length = tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9]
        position += 10 + length + (10 if tag[5] & 0x10 else 0)


def xing_at(head: bytes) -> int:
    """Offset of the Xing or Info tag in the first frame; 0 if there is none."""
    for magic in (b"Xing", b"Info"):
        at = head.find(magic, 4, 48)
        if at >= 0 and len(head) >= at + 16:
            return at
    return 0


def mp3_window(file: BinaryIO) -> PatchedView:
    """The frames of an MP3 file as a file, without the tags around them, which confuse decoders.

    The stream size in a Xing tag is replaced by the actual one: for a wrong size, libsndfile's
    decoder writes a warning straight to stderr. `file` stays the caller's to close.
    """
    start, end = mp3_start(file), file.seek(0, os.SEEK_END)
    file.seek(max(start, end - 128))
    if file.read(3) == b"TAG":  # ID3v1
        end -= 128
    file.seek(start)
    head = file.read(256)
    xing = xing_at(head)
    patches = []
    if xing and head[xing + 7] & 2:
        field = xing + 8 + (4 if head[xing + 7] & 1 else 0)
        patches.append((field, (end - start).to_bytes(4, "big")))
    return PatchedView(file, patches, start, end)
