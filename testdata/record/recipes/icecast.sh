# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='icecast2 ffmpeg curl'
versions='icecast2 ffmpeg'
ready='tcp/8000'
expect='http.request.method==PUT;tcp.payload contains "audio/mpeg"'
protocols='http icecast'
shows='Icecast: two seconds of sound streamed to the server, and from it to a listener who asks for ICY titles'

server() {
	mkdir log && chmod 777 log
	cat >icecast.xml <<-END
		<icecast>
		<authentication><source-password>secret</source-password><admin-user>admin</admin-user><admin-password>secret</admin-password></authentication>
		<hostname>www.example.com</hostname>
		<listen-socket><port>8000</port></listen-socket>
		<paths><logdir>$HOME/log</logdir><webroot>/usr/share/icecast2/web</webroot><adminroot>/usr/share/icecast2/admin</adminroot></paths>
		<security><changeowner><user>icecast2</user><group>icecast</group></changeowner></security>
		</icecast>
	END
	icecast2 -c "$HOME/icecast.xml"
}

client() {
	ffmpeg -v error -re -f lavfi -i sine=duration=5 -c:a libmp3lame -b:a 32k -content_type audio/mpeg -f mp3 icecast://source:secret@192.0.2.20:8000/test.mp3 &
	sleep 2
	timeout 2 curl -s -H 'Icy-MetaData: 1' -o sound http://192.0.2.20:8000/test.mp3 || true
	wait
}
