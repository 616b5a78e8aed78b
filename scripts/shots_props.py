"""What lies about in the pictures of shots.py: the covers of rooms, and something to have been recorded."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw

FILM = """async () => {
  const film = Object.assign(document.createElement("canvas"), { width: 640, height: 360 });
  const recorder = new MediaRecorder(film.captureStream(10), { mimeType: "video/webm" });
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const drawing = setInterval(() => film.getContext("2d").fillRect(0, 0, 640, Math.random() * 360), 100);
  recorder.start();
  await new Promise((done) => setTimeout(done, 1200));
  await new Promise((done) => { recorder.onstop = done; recorder.stop(); });
  clearInterval(drawing);
  return btoa(String.fromCharCode(...new Uint8Array(await new Blob(parts).arrayBuffer())));
}"""
"""A script for a page: a short film as base64."""


def cover(first: str, second: str) -> bytes:
    """Hills before an evening sky."""
    picture = Image.linear_gradient("L").resize((960, 540))
    sky = Image.composite(Image.new("RGB", picture.size, second), Image.new("RGB", picture.size, first), picture)
    pen = ImageDraw.Draw(sky, "RGBA")
    pen.ellipse((640, 90, 780, 230), fill="#ffffff90")
    for left, top, alpha in ((-200, 300, "50"), (260, 350, "70"), (-420, 410, "90")):
        pen.ellipse((left, top, left + 1100, top + 700), fill=first + alpha)
    content = io.BytesIO()
    sky.save(content, "PNG")
    return content.getvalue()
