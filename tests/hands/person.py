"""Images with objects of known outline, and a person who segments one of them: shared by the scripts in this folder.

Masks are `bytes` of 0 and 1, row after row. Places are x and y in pixels from the upper left corner of the image.
"""

import math
import random
from collections import deque

SIDE = 256
CELL = SIDE // 2
NOISE = 7.0
BACKGROUND = 75
TONES = (20, 135, 160, 185, 215)
# Difference between the two tones of an object.
CONTRAST = 28
# Errors of fewer pixels are not corrected.
SMALL = 20


class Target:
    """An image with four objects, and the mask of one of them or, if `number` is odd, of its part in another tone."""

    def __init__(self, number):
        chance = random.Random(1000 + number)
        tones = chance.sample(TONES, 4)
        phase = chance.uniform(0, SIDE)
        levels = [BACKGROUND + 15 * math.sin(2 * math.pi * (i % SIDE + phase) / SIDE) for i in range(SIDE * SIDE)]
        wanted = number // 2 % 4
        truth = bytearray(SIDE * SIDE)
        for cell, tone in enumerate(tones):
            for pixel, is_part in draw_object(chance, cell):
                levels[pixel] = tone - CONTRAST * is_part if tone > 100 else tone + CONTRAST * is_part
                if cell == wanted and (is_part or number % 2 == 0):
                    truth[pixel] = 1
        self.truth = bytes(truth)
        self.voxels = bytes(min(max(round(level + chance.gauss(0, NOISE)), 0), 255) for level in levels)


def draw_object(chance, cell):
    """The pixels of an object of irregular outline, each with True if it is in the part of another tone."""
    left, top = CELL * (cell % 2), CELL * (cell // 2)
    x, y = (start + CELL / 2 + chance.uniform(-8, 8) for start in (left, top))
    radius = chance.uniform(26, 38)
    waves = [(k, chance.uniform(0.05, 0.17), chance.uniform(0, 2 * math.pi)) for k in (2, 3, 5)]
    split = chance.uniform(0, 2 * math.pi)
    for row in range(top, top + CELL):
        for column in range(left, left + CELL):
            right, down = column + 0.5 - x, row + 0.5 - y
            away, angle = math.hypot(right, down), math.atan2(down, right)
            if away < radius * (1 + sum(height * math.cos(k * angle + phase) for k, height, phase in waves)):
                along = right * math.cos(split) + down * math.sin(split)
                beside = down * math.cos(split) - right * math.sin(split)
                yield row * SIDE + column, along > 0.1 * radius + 3 * math.sin(beside / 5)


def dice(truth, mask):
    both = sum(a & b for a, b in zip(truth, mask))
    return 2 * both / max(sum(truth) + sum(mask), 1)


def neighbours(pixel):
    row, column = divmod(pixel, SIDE)
    if column > 0:
        yield pixel - 1
    if column + 1 < SIDE:
        yield pixel + 1
    if row > 0:
        yield pixel - SIDE
    if row + 1 < SIDE:
        yield pixel + SIDE


def pieces(pixels):
    """The connected components (4-connected) of a set of pixels, each a set."""
    left = set(pixels)
    while left:
        piece, waiting = set(), deque([left.pop()])
        while waiting:
            pixel = waiting.popleft()
            piece.add(pixel)
            near = [other for other in neighbours(pixel) if other in left]
            left.difference_update(near)
            waiting.extend(near)
        yield piece


def largest_error(truth, mask):
    """The largest connected component of missing or of extra pixels, and whether it is missing."""
    missing = {i for i, (wanted, found) in enumerate(zip(truth, mask)) if wanted > found}
    extra = {i for i, (wanted, found) in enumerate(zip(truth, mask)) if wanted < found}
    candidates = [(piece, True) for piece in pieces(missing)] + [(piece, False) for piece in pieces(extra)]
    return max(candidates, key=lambda candidate: len(candidate[0]), default=(set(), True))


def deepest_pixel(piece):
    """The pixel with the most steps to the outside; of several, the first in row order."""
    edge = [pixel for pixel in piece if sum(other in piece for other in neighbours(pixel)) < 4]
    depth = dict.fromkeys(edge, 1)
    waiting = deque(edge)
    while waiting:
        pixel = waiting.popleft()
        for other in neighbours(pixel):
            if other in piece and other not in depth:
                depth[other] = depth[pixel] + 1
                waiting.append(other)
    return max(sorted(piece), key=depth.get)


def centre(pixel):
    row, column = divmod(pixel, SIDE)
    return [column + 0.5, row + 0.5]


def line_through(piece, pixel):
    """The middle of the longest row or column of the piece through a pixel, as five places."""
    best = []
    for step in (1, SIDE):
        line = [pixel]
        while line[0] - step in piece and line[0] - step in neighbours(line[0]):
            line.insert(0, line[0] - step)
        while line[-1] + step in piece and line[-1] + step in neighbours(line[-1]):
            line.append(line[-1] + step)
        best = max(best, line, key=len)
    margin = len(best) // 4
    middle = best[margin : len(best) - margin]
    return [centre(middle[i * (len(middle) - 1) // 4]) for i in range(5)]


class Aim:
    """A prompt that a person wants to give: its kind, its places, and whether it is positive."""

    def __init__(self, kind, places, adds):
        self.kind, self.places, self.adds = kind, places, adds

    def __str__(self):
        return f"{'positive' if self.adds else 'negative'} {self.kind}"


def box_around(truth):
    pixels = [centre(i) for i, inside in enumerate(truth) if inside]
    low, high = ([pick(place[axis] for place in pixels) for axis in (0, 1)] for pick in (min, max))
    return Aim("box", [[v - 3 for v in low], [v + 3 for v in high]], True)


def next_aim(truth, mask, kind):
    """The next prompt, of the kind wanted where that is possible; None if the mask is good enough."""
    piece, adds = largest_error(truth, mask)
    if len(piece) < SMALL:
        return None
    if kind == "box" and not any(mask):
        return box_around(truth)
    pixel = deepest_pixel(piece)
    places = line_through(piece, pixel)
    is_long = math.dist(places[0], places[-1]) >= 6
    return Aim("scribble", places, adds) if kind == "scribble" and is_long else Aim("click", [centre(pixel)], adds)
