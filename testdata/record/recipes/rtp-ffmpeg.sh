# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='ffmpeg'
expect='udp.dstport==5004;udp.dstport==5005;udp.dstport==1234'
protocols='rtp rtcp mpeg-ts'
shows='RTP with RTCP and no signalling (G.711 sound), RTP with Opus, and an MPEG transport stream over UDP'

server() { socat -u UDP-RECV:5004 /dev/null & socat -u UDP-RECV:5005 /dev/null & socat -u UDP-RECV:5006 /dev/null & socat -u UDP-RECV:5007 /dev/null & socat -u UDP-RECV:1234 /dev/null; }

client() {
	ffmpeg -v error -re -f lavfi -i sine=duration=2:sample_rate=8000 -c:a pcm_alaw -f rtp rtp://192.0.2.20:5004
	ffmpeg -v error -re -f lavfi -i sine=duration=2:sample_rate=48000 -c:a libopus -b:a 16k -f rtp rtp://192.0.2.20:5006
	ffmpeg -v error -re -f lavfi -i testsrc=size=160x120:rate=10:duration=2 -c:v mpeg2video -f mpegts udp://192.0.2.20:1234?pkt_size=1316
}
