# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='gir1.2-gst-rtsp-server-1.0 gstreamer1.0-rtsp gstreamer1.0-plugins-good gstreamer1.0-plugins-base python3-gi ffmpeg'
versions='gstreamer1.0-rtsp ffmpeg'
ready='tcp/8554'
expect='rtsp.method=="DESCRIBE";rtsp.method=="SETUP";rtsp.method=="PLAY";rtp;rtcp'
protocols='rtsp rtp rtcp'
shows='RTSP: two seconds of sound, with RTP over UDP, and then interleaved in the RTSP connection'

server() {
	cat >server.py <<-END
		import gi
		gi.require_version("Gst", "1.0")
		gi.require_version("GstRtspServer", "1.0")
		from gi.repository import Gst, GstRtspServer, GLib
		Gst.init(None)
		server = GstRtspServer.RTSPServer()
		factory = GstRtspServer.RTSPMediaFactory()
		factory.set_launch("( audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay name=pay0 pt=0 )")
		server.get_mount_points().add_factory("/test", factory)
		server.attach(None)
		GLib.MainLoop().run()
	END
	python3 server.py
}

client() {
	ffmpeg -v error -rtsp_transport udp -i rtsp://192.0.2.20:8554/test -t 2 -f null - || true
	ffmpeg -v error -rtsp_transport tcp -i rtsp://192.0.2.20:8554/test -t 1 -f null - || true
}
