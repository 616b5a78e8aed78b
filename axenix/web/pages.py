"""The page itself: one document for every address that people open, and its files."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

STATIC = Path(__file__).parents[2] / "static"

TYPES = {
    ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
    ".json": "application/json",
}
"""Named here, because Windows may have been taught that scripts are plain text, which browsers then refuse to run."""

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

routes = web.RouteTableDef()


@routes.get("/")
@routes.get("/r/{slug}")
async def page(request: web.Request) -> web.StreamResponse:
    return web.FileResponse(STATIC / "index.html", headers={
        "Content-Security-Policy": POLICY, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin",
    })


@routes.get("/static/{path:.+}")
async def file(request: web.Request) -> web.StreamResponse:
    name = request.match_info["path"]
    path = (STATIC / name).resolve() if "\0" not in name else STATIC
    if not path.is_relative_to(STATIC.resolve()) or not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(path, headers={
        "Content-Type": TYPES.get(path.suffix, "application/octet-stream"),
        "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": POLICY,
    })
