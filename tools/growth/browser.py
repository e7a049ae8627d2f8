"""A browser with one connection that is kept: small, since thousands share a core."""

import asyncio
import re
from typing import Self

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class AsyncBrowser(asyncio.Protocol):
    """Asks one thing at a time. A kept connection that the server has closed is opened again."""

    def __init__(self, host: str, port: int, cookie: str = "") -> None:
        self.host, self.port, self.cookie = host, port, cookie
        self.transport: asyncio.Transport | None = None
        self.answer: asyncio.Future[bytes] | None = None
        self.buffer = b""
        self.opened = 0

    async def open(self) -> Self:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, self.host, self.port)
        self.opened += 1
        return self

    async def ask(
        self, method: str, path: str, body: str = "", **headers: str
    ) -> tuple[int, str, bytes]:
        """Return status, head and body; ConnectionError if the server closed it twice."""
        data = self._request(method, path, body, headers)
        for _ in range(2):
            if self.transport is None or self.transport.is_closing():
                await self.open()
            assert self.transport
            self.answer, self.buffer = asyncio.get_running_loop().create_future(), b""
            self.transport.write(data)
            try:
                head, _, text = (await self.answer).partition(b"\r\n\r\n")
            except ConnectionError:
                continue
            return int(head[9:12]), head.decode("latin-1"), text
        raise ConnectionError(f"{method} {path}: no answer")

    def close(self) -> None:
        if self.transport:
            self.transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = LENGTH.search(self.buffer, 0, end)
        if len(self.buffer) >= end + 4 + int(length[1] if length else 0):
            self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.answer and not self.answer.done():
            self.answer.set_exception(ConnectionError("closed"))

    def _settle(self) -> None:
        if self.answer and not self.answer.done():
            self.answer.set_result(self.buffer)

    def _request(self, method: str, path: str, body: str, headers: dict[str, str]) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        lines += [f"Cookie: {self.cookie}"] if self.cookie else []
        lines += [f"Content-Length: {len(body)}"] if method == "POST" else []
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
