"""`python port_forward.py HOST PORT=TO_HOST:TO_PORT…`: what a router does with a forwarded port, for TCP.

Prints "ready" when it listens. Ends with its standard input.
"""

import asyncio
import sys


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One direction."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def forward(host: str, port: str, to: str) -> asyncio.Server:
    """One port."""
    to_host, _, to_port = to.rpartition(":")

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(to_host.strip("[]"), int(to_port))
        await asyncio.gather(carry(reader, back), carry(there, writer))

    return await asyncio.start_server(accepted, host, int(port))


async def main() -> None:
    """All of them."""
    host, *forwards = sys.argv[1:]
    servers = [await forward(host, *each.split("=")) for each in forwards]
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for server in servers:
        server.close()


if __name__ == "__main__":
    asyncio.run(main())
