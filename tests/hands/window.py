"""The built window under Xvfb, operated with xdotool, and its workspace: shared by the scripts in this folder."""

import json
import os
import pathlib
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time

WIDTH, HEIGHT = 1280, 800
SETTINGS = {"panels": False, "auto_run": False, "case_order": "name"}


def write_volume(path, size, voxels, steps=(1, 1, 1), origin=0):
    """Writes a NIfTI volume of one byte for each voxel; `steps` are the diagonal of its affine matrix."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *size, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 2, 8)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 0, 0, 0, 0)
    struct.pack_into("<2f", header, 108, 352, 1)
    struct.pack_into("<2h", header, 252, 0, 1)
    x, y, z = steps
    struct.pack_into("<12f", header, 280, x, 0, 0, origin, 0, y, 0, 0, 0, 0, z, 0)
    header[344:348] = b"n+1\0"
    path.write_bytes(bytes(header) + bytes(voxels))


def runs(blob):
    """The runs of an edit as stored by `Edit::to_bytes`: first pixel, number of pixels, labels before and after."""
    at, end = 0, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = blob[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(blob):
        start = end + number()
        length = number()
        yield start, length, blob[at], blob[at + 1]
        at += 2
        end = start + length


def changed_pixels(blob):
    """The pixels that an edit changed."""
    return {pixel for start, length, _, _ in runs(blob) for pixel in range(start, start + length)}


def poll(happens, patience):
    """What `happens` returns once that is true; None if it takes longer than `patience` seconds."""
    end = time.monotonic() + patience
    while True:
        found = happens()
        if found:
            return found
        if time.monotonic() > end:
            return None
        time.sleep(0.05)


def until(what, happens, patience=20):
    """As `poll`, but ends the script if it takes too long."""
    found = poll(happens, patience)
    if not found:
        sys.exit(f"waited too long for {what}")
    return found


class App:
    """The program in a window of a fixed size, on a screen of its own."""

    def __init__(self, binary, folder, settings=None, variables=None):
        self.binary, self.folder = binary, folder
        self.frames, self.log = folder / "frames", folder / "log"
        display = f":{100 + os.getpid() % 800}"
        drivers = sorted(pathlib.Path("/usr/share/vulkan/icd.d").glob("lvp_icd*.json"))
        self.env = dict(os.environ, DISPLAY=display, LABRUM_CACHE=str(folder / "cache"), XDG_RUNTIME_DIR=str(folder))
        self.env.update(LABRUM_CONFIG=str(folder / "config"), LABRUM_DATA=str(folder / "data"))
        self.env.update(variables or {}, LABRUM_FRAME_LOG=str(self.frames))
        if drivers:
            self.env.update(VK_ICD_FILENAMES=str(drivers[0]), VK_DRIVER_FILES=str(drivers[0]))
        self.env.pop("WAYLAND_DISPLAY", None)
        # Without -noreset the server starts anew when the program ends, and refuses it meanwhile.
        screen = ["-noreset", "-screen", "0", f"{WIDTH}x{HEIGHT}x24"]
        self.server = subprocess.Popen(["Xvfb", display, *screen], stderr=subprocess.DEVNULL)
        self.app = None
        config = folder / "config"
        config.mkdir(parents=True, exist_ok=True)
        (config / "settings.json").write_text(json.dumps({**SETTINGS, **(settings or {})}))

    def xdotool(self, *words):
        return subprocess.run(["xdotool", *map(str, words)], env=self.env, capture_output=True, text=True)

    def open(self, path):
        """Starts the program; also again, after it has ended."""
        until("the screen", lambda: self.xdotool("getmouselocation").returncode == 0)
        self.frames.unlink(missing_ok=True)
        with open(self.log, "a") as log:
            self.app = subprocess.Popen([self.binary, path], env=self.env, stdout=log, stderr=log)
        window = until("the window", lambda: self.xdotool("search", "--name", "Labrum").stdout.split(), 60)[0]
        time.sleep(1)
        self.xdotool("windowsize", window, WIDTH, HEIGHT, "windowmove", window, 0, 0)
        time.sleep(0.5)
        self.xdotool("windowfocus", window, "mousemove", WIDTH // 2, HEIGHT - 10)
        until("the first image", lambda: self.frames.exists() and "picture" in self.frames.read_text(), 60)

    def quit(self):
        """Quits as a user does, and returns the exit code."""
        self.xdotool("key", "ctrl+q")
        until("the end of the program", lambda: self.app.poll() is not None)
        return self.app.returncode

    def kill(self):
        """Kills the program, which has no chance to save anything."""
        self.app.send_signal(signal.SIGKILL)
        self.app.wait()

    def close(self):
        for process in (self.app, self.server):
            if process and process.poll() is None:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def frame_lines(self):
        """The lines of the frame log that are about frames, as words: docs/hands.md says what they are."""
        lines = [line.split() for line in self.frames.read_text().splitlines()]
        return [words for words in lines if len(words) == 4]

    def frame_times(self):
        return sorted(float(words[1]) for words in self.frame_lines())


class Workspace:
    """The workspace of the window."""

    def __init__(self, folder):
        self.path = folder / "data" / "My work" / "workspace.sqlite"

    def ask(self, question, *values):
        """The app locks its workspace: the query runs on a copy, with the write-ahead log."""
        with tempfile.TemporaryDirectory(prefix="labrum-copy-") as folder:
            for path in (self.path, self.path.with_name(self.path.name + "-wal")):
                if path.exists():
                    shutil.copy(path, folder)
            database = sqlite3.connect(pathlib.Path(folder) / self.path.name)
            try:
                return database.execute(question, values).fetchall()
            except sqlite3.DatabaseError:
                # The copy was made during a write.
                time.sleep(0.05)
                return self.ask(question, *values)
            finally:
                database.close()

    def cases(self):
        """The number of cases; 0 before there is a workspace."""
        return self.ask("SELECT count(*) FROM scan")[0][0] if self.path.exists() else 0

    def steps(self):
        return self.ask("SELECT count(*) FROM step")[0][0]

    def accepted(self):
        return self.ask("SELECT count(*) FROM scan WHERE status = 'accepted'")[0][0]

    def rounds(self):
        return [state for (state,) in self.ask("SELECT state FROM round")]


class Placement:
    """Where the image is in the window, to half a pixel of the image."""

    def __init__(self, scale, point, pixel):
        self.scale, self.at_point, self.at_pixel = scale, point, pixel

    def pixel(self, point):
        """The place in the image at a point of the window."""
        return [pixel + (at - point) / self.scale for pixel, point, at in zip(self.at_pixel, self.at_point, point)]

    def point(self, pixel):
        """The point of the window at a place in the image."""
        return [round(point + (at - pixel) * self.scale) for pixel, point, at in zip(self.at_pixel, self.at_point, pixel)]


def calibrate(app, workspace, columns, square):
    """Draws a square slowly to find the position of the image, which has so many columns, in the window."""
    left, top, right, bottom = square
    app.xdotool("key", "p", "sleep", 1)
    for x, y in [(left, top), (right, top), (right, bottom), (left, bottom)]:
        app.xdotool("mousemove", x, y, "sleep", 0.4, "click", 1, "sleep", 0.4)
    app.xdotool("key", "Return")
    until("the square", lambda: workspace.steps() == 1)
    pixels = changed_pixels(workspace.ask("SELECT runs FROM edit")[0][0])
    across, down = [p % columns for p in pixels], [p // columns for p in pixels]
    scale = (right - left) / (max(across) - min(across) + 1)
    assert abs(scale - (bottom - top) / (max(down) - min(down) + 1)) < 0.1 * scale, "the square is not square"
    app.xdotool("key", "ctrl+z", "sleep", 1)
    until("undo", lambda: workspace.ask("SELECT state FROM step") == [("undone",)])
    return Placement(scale, (left, top), (min(across), min(down)))
