# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='sip-tester'
ready='udp/5060'
expect='sip.Method=="INVITE";sip.Status-Code==200;sdp;rtp'
protocols='sip rtp'
shows='Two SIP calls with SDP, G.711 voice by RTP for one second in each'

server() {
	sipp -sn uas -i 192.0.2.20 -mi 192.0.2.20 -rtp_echo -mp 7000 -nostdin
}

client() {
	python3 - <<-'END'
		# One second of G.711 A-law silence in RTP (RFC 3550), as a capture that sipp plays.
		import struct
		out = open("voice.pcap", "wb")
		out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
		for i in range(50):
		    rtp = struct.pack(">BBHII", 0x80, 8 | (0x80 if i == 0 else 0), 1000 + i, 160 * i, 0x1234abcd) + b"\xd5" * 160
		    udp = struct.pack(">HHHH", 6000, 7000, 8 + len(rtp), 0) + rtp
		    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes([192, 0, 2, 10]), bytes([192, 0, 2, 20])) + udp
		    frame = bytes(12) + b"\x08\x00" + ip
		    out.write(struct.pack("<IIII", 0, i * 20000, len(frame), len(frame)) + frame)
		out.close()
	END
	sipp -sd uac_pcap >scenario.xml || true # it exits with 99
	sed -i 's|play_pcap_audio="[^"]*"|play_pcap_audio="voice.pcap"|' scenario.xml
	sed -i 's|<pause milliseconds="8000"/>|<pause milliseconds="1200"/>|; s|<pause milliseconds="1000"/>|<pause milliseconds="200"/>|' scenario.xml
	sipp -sf scenario.xml -i 192.0.2.10 -mi 192.0.2.10 -mp 6000 -m 2 -l 1 -r 1 -nostdin 192.0.2.20:5060
}
