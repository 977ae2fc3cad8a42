# shellcheck shell=bash disable=SC2034
# SPDX-License-Identifier: Apache-2.0
packages='nginx-light libnginx-mod-rtmp ffmpeg'
ready='tcp/1935'
expect='rtmpt'
protocols='rtmp'
shows='RTMP: one second of video published to nginx, then played'

server() {
	printf '%s\n' 'load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;' 'user root; error_log stderr; pid /run/nginx.pid;' \
		'events { worker_connections 64; }' 'rtmp { server { listen 1935; application live { live on; } } }' >nginx.conf
	nginx -c "$HOME/nginx.conf"
}

client() {
	ffmpeg -v error -re -f lavfi -i testsrc=size=96x64:rate=5:duration=3 -c:v flv1 -f flv rtmp://server.example.com/live/test &
	sleep 1
	ffmpeg -v error -t 1 -i rtmp://server.example.com/live/test -c copy -f null - || true
	wait
}
