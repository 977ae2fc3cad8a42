// SPDX-License-Identifier: Apache-2.0

package identify

// userAgents match the User-Agent field. Browsers also name other systems ("like Mac OS X"), so the more special system
// comes first. Libraries that run everywhere (curl, Python, Go) have no rule.
var userAgents = []rule{
	{"*windows phone*", "windows-phone", 85, "phone", 85},
	{"*xbox*", "", 0, "game-console", 85},
	{"*playstation*", "", 0, "game-console", 90},
	{"*nintendo*", "", 0, "game-console", 90},

	{"*apple tv*", "tvos", 85, "media-player", 85},
	{"*appletv*", "tvos", 85, "media-player", 85},
	{"*watch os*", "watchos", 80, "watch", 85},
	{"*watchos*", "watchos", 80, "watch", 85},
	{"*homepod*", "", 0, "speaker", 85},
	{"*audioaccessory*", "", 0, "speaker", 80}, // HomePod's model name

	{"*crkey*", "linux", 40, "media-player", 85},
	{"roku*", "roku", 85, "media-player", 85},
	{"*(roku*", "roku", 80, "media-player", 80},
	{"*smart*tv*tizen*", "tizen", 85, "tv", 85},
	{"*tizen*tv*", "tizen", 85, "tv", 80},
	{"*tizen*", "tizen", 80, "", 0}, // watches too
	{"*web0s*", "webos", 85, "tv", 85},
	{"*webos.tv*", "webos", 85, "tv", 85},
	{"*webos; linux/smarttv*", "webos", 85, "tv", 85},
	{"*android*bravia*", "android", 80, "tv", 85},
	{"*bravia*", "", 0, "tv", 80},
	{"*android tv*", "android", 80, "tv", 80},
	{"*googletv*", "android", 75, "tv", 80},
	{"*google tv*", "android", 75, "tv", 80},
	{"*android*; aft*", "android", 80, "media-player", 80}, // Amazon's sticks
	{"*android*smart*tv*", "android", 75, "tv", 80},
	{"*smart-tv*", "", 0, "tv", 80},
	{"*smarttv*", "", 0, "tv", 80},
	{"*hbbtv*", "", 0, "tv", 80},
	{"*netcast*", "", 0, "tv", 75},
	{"*viera*", "", 0, "tv", 80},

	{"*cros *", "chromeos", 90, "computer", 80},
	{"*ipad*", "ipados", 85, "tablet", 85},
	{"*iphone*", "ios", 85, "phone", 85},
	{"*ipod*", "ios", 85, "media-player", 60},
	{"*oculusbrowser*", "android", 75, "", 0},
	{"*harmonyos*", "harmonyos", 75, "phone", 50},
	{"*openharmony*", "harmonyos", 75, "phone", 50},
	{"*android*; kf*", "android", 80, "tablet", 65}, // Amazon's tablets
	{"*android*tablet*", "android", 80, "tablet", 75},
	{"*android*mobile*", "android", 80, "phone", 75},
	// Chrome omits "Mobile" on large screens; matching the end of the text shows that it isn't just cut.
	{"*android*chrome/*safari/*", "android", 80, "tablet", 50},
	{"*android*", "android", 80, "phone", 25},
	{"dalvik/*", "android", 75, "phone", 25},
	{"okhttp/*", "android", 35, "", 0}, // servers use that library too

	{"*windows nt*", "windows", 80, "computer", 70},
	{"*microsoft ncsi*", "windows", 85, "computer", 60},
	{"*microsoft-cryptoapi*", "windows", 85, "computer", 60},
	{"*windows-update-agent*", "windows", 85, "computer", 60},
	{"*microsoft-delivery-optimization*", "windows", 85, "computer", 60},
	{"*microsoft bits*", "windows", 85, "computer", 60},
	{"*microsoft-wns*", "windows", 80, "computer", 60},
	{"*winhttp*", "windows", 60, "computer", 45},
	{"*windows*", "windows", 55, "computer", 45},

	{"*macintosh*", "macos", 75, "computer", 65}, // Safari on an iPad sends that as well
	{"*macos/*", "macos", 75, "computer", 65},
	{"*mac os x*", "macos", 65, "computer", 55},
	{"*mac+os+x*", "macos", 65, "computer", 55},
	{"*cfnetwork/*darwin/*(x86_64)*", "macos", 70, "computer", 60}, // no phone has that processor
	{"* ios/*", "ios", 70, "", 0},

	{"*openwrt*", "openwrt", 75, "router", 60},
	{"*sonos*", "linux", 50, "speaker", 80}, // its controllers name their own system, above
	{"*alexamediaplayer*", "", 0, "speaker", 60},
	{"*synology*", "linux", 50, "nas", 70},
	{"*qnap*", "linux", 50, "nas", 70},
	{"*yealink*", "", 0, "voip-phone", 85},
	{"*polycom*", "", 0, "voip-phone", 85},
	{"*grandstream*", "", 0, "voip-phone", 80},
	{"snom*", "", 0, "voip-phone", 85},
	{"cisco-cp*", "", 0, "voip-phone", 85},
	{"cisco/spa*", "", 0, "voip-phone", 85},
	{"esp8266*", "", 0, "iot", 80},
	{"esp32*", "", 0, "iot", 80},
	{"esp-idf*", "", 0, "iot", 80},
	{"*tasmota*", "", 0, "iot", 80},
	{"*kodi/*", "", 0, "media-player", 50},
	{"valve/steam*", "", 0, "computer", 55},

	{"*apt-http*", "linux", 85, "computer", 50},
	{"libdnf*", "linux", 85, "computer", 50},
	{"pacman/*", "linux", 85, "computer", 50},
	{"*ubuntu*", "linux", 75, "computer", 55},
	{"*fedora*", "linux", 75, "computer", 55},
	{"*debian*", "linux", 75, "computer", 45},
	{"*x11; freebsd*", "freebsd", 85, "computer", 70},
	{"*x11; openbsd*", "openbsd", 85, "computer", 70},
	{"*x11; netbsd*", "netbsd", 85, "computer", 70},
	{"*x11; linux*", "linux", 75, "computer", 65},
	{"*freebsd*", "freebsd", 60, "", 0},
	{"*linux*", "linux", 45, "", 0},
}
