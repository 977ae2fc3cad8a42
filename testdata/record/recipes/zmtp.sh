# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='python3-zmq'
ready='tcp/5555'
expect='frame contains "NULL";frame contains "hello"'
protocols='zmtp'
shows='ZeroMQ (ZMTP 3): one question and one answer'

server() {
	cat >server.py <<-END
		import zmq
		socket = zmq.Context().socket(zmq.REP)
		socket.bind("tcp://192.0.2.20:5555")
		while True:
		    socket.send(socket.recv())
	END
	python3 server.py
}

client() {
	cat >client.py <<-END
		import zmq
		socket = zmq.Context().socket(zmq.REQ)
		socket.connect("tcp://192.0.2.20:5555")
		socket.send(b"hello")
		print(socket.recv())
	END
	python3 client.py
}
