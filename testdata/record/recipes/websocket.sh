# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='python3-websockets'
ready='tcp/80'
expect='http.upgrade=="websocket";websocket.opcode==1;websocket.opcode==8'
protocols='websocket'
shows='WebSocket (RFC 6455): upgrade, three text messages, close'

server() {
	cat >server.py <<-END
		import asyncio, websockets
		async def echo(ws):
		    async for message in ws:
		        await ws.send(message)
		async def main():
		    async with websockets.serve(echo, "0.0.0.0", 80):
		        await asyncio.Future()
		asyncio.run(main())
	END
	python3 server.py
}

client() {
	cat >client.py <<-END
		import asyncio, websockets
		async def main():
		    async with websockets.connect("ws://www.example.com/echo") as ws:
		        for i in range(3):
		            await ws.send(f"message {i}")
		            await ws.recv()
		asyncio.run(main())
	END
	python3 client.py
}
