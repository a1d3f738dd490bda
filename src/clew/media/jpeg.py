"""What a JPEG file tells about itself without being decoded."""

from __future__ import annotations

import numpy as np

# The luminance table of ITU-T T.81, Annex K, which the Independent JPEG Group's library scales by its quality; its
# mean is the same in any order of the coefficients.
_STANDARD = np.array(
    [
        *(
            16,
            11,
            10,
            16,
            24,
            40,
            51,
            61,
            12,
            12,
            14,
            19,
            26,
            58,
            60,
            55,
            14,
            13,
            16,
            24,
            40,
            57,
            69,
            56,
            14,
            17,
            22,
            29,
        ),
        *(51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121),
        *(120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
    ],
    np.float64,
)


def _mean_at(quality: int) -> float:
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    return float(np.clip((_STANDARD * scale + 50) // 100, 1, 255).mean())


_MEANS = np.array([_mean_at(quality) for quality in range(1, 101)])


def jpeg_quality(data: bytes) -> float | None:
    """The quality (1 to 100, on the scale of the IJG library) whose luminance table is nearest to that of a JPEG file.

    None for anything that is not a JPEG with such a table.
    """
    table = _luminance_table(data) if data.startswith(b"\xff\xd8") else None
    if table is None:
        return None
    return float(np.abs(_MEANS - table.mean()).argmin() + 1)


def _luminance_table(data: bytes) -> np.ndarray | None:
    """The 64 steps of quantisation table 0."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in (0xDA, 0xD9):
            return None
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDB:
            body = data[at + 4 : at + 2 + length]
            while body:
                wide, number = body[0] >> 4, body[0] & 15
                size = 128 if wide else 64
                if len(body) < 1 + size:
                    return None
                if number == 0:
                    return np.frombuffer(body[1 : 1 + size], ">u2" if wide else "u1").astype(np.float64)
                body = body[1 + size :]
        at += 2 + max(length, 2)
    return None
