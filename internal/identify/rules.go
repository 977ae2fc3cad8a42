// SPDX-License-Identifier: Apache-2.0

package identify

// rules are what values of a source mean; the first that fits counts. Values are compared in lower case.
var rules = map[Source][]rule{
	DHCPFingerprint: {
		{"1,3,6,15,31,33,43,44,46,47,119,121,249,252", "windows", "computer", 85}, // 8, 10, 11
		{"1,3,6,15,31,33,43,44,46,47,121,249,252", "windows", "computer", 85},     // 10
		{"1,15,3,6,44,46,47,31,33,121,249,43,252", "windows", "computer", 80},     // 7
		{"1,15,3,6,44,46,47,31,33,121,249,43", "windows", "computer", 80},         // Vista, 7
		{"1,15,3,6,44,46,47,31,33,249,43", "windows", "computer", 75},             // XP
		{"1,121,3,6,15,108,114,119,252", "ios", "phone", 45},                      // also macos
		{"1,121,3,6,15,119,252", "ios", "phone", 55},
		{"1,3,6,15,119,252", "ios", "phone", 55},
		{"1,121,3,6,15,108,114,119,162,252,95,44,46", "macos", "computer", 80},
		{"1,121,3,6,15,114,119,252,95,44,46", "macos", "computer", 80},
		{"1,121,3,6,15,119,252,95,44,46", "macos", "computer", 80},
		{"1,3,6,15,119,95,252,44,46", "macos", "computer", 75},
		{"1,3,6,15,26,28,51,58,59,43,114,108", "android", "", 80}, // 12 and later
		{"1,3,6,15,26,28,51,58,59,43,114", "android", "", 80},
		{"1,3,6,15,26,28,51,58,59,43", "android", "", 80},
		{"1,3,6,15,26,28,51,58,59", "android", "", 75},
		{"1,33,3,6,15,26,28,51,58,59", "android", "", 75},
		{"1,121,33,3,6,15,28,51,58,59,119", "linux", "", 60},         // dhcpcd
		{"1,28,2,3,15,6,119,12,44,47,26,121,42", "linux", "", 70},    // dhclient of Debian and Ubuntu
		{"1,28,2,121,15,6,12,40,41,42,26,119,3", "linux", "", 70},    // NetworkManager
		{"1,2,6,12,15,26,28,121,3,33,40,41,42,119", "linux", "", 70}, // NetworkManager
		{"1,3,12,15,6,26,33,121,42,120", "linux", "", 65},            // systemd-networkd
		{"1,3,6,12,15,28,42", "linux", "", 45},                       // udhcpc
		{"1,3,6,12,15,17,23,28,29,31,33,40,41,42", "linux", "", 45},  // udhcpc, older
		{"1,3,6,15,12", "", "iot", 30},                               // lwIP and others with little in them
		{"1,3,28,6", "", "iot", 45},                                  // lwIP
		{"1,3,6,15,28,33", "linux", "", 30},                          // several
		{"1,28,2,3,15,6,12", "freebsd", "", 50},                      // dhclient
		{"1,121,33,3,6,12,15,26,28,51,54,58,59,119,252", "chromeos", "computer", 60},
	},
	DHCPClass: {
		{"msft 5.0", "windows", "computer", 85},
		{"msft 98", "windows", "computer", 85},
		{"android-dhcp", "android", "", 90},
		{"dhcpcd", "linux", "", 40},
		{"udhcp", "linux", "iot", 35},
		{"systemd", "linux", "", 60},
		{"hewlett-packard jetdirect", "", "printer", 90},
		{"hp printer", "", "printer", 90},
		{"hewlett-packard officejet", "", "printer", 90},
		{"hewlett-packard laserjet", "", "printer", 90},
		{"mfg=hewlett", "", "printer", 70},
		{"xerox", "", "printer", 80},
		{"epson", "", "printer", 80},
		{"cisco systems, inc. ip phone", "", "voip-phone", 90},
		{"cisco ap", "", "access-point", 90},
		{"arubaap", "", "access-point", 90},
		{"ubnt", "", "access-point", 60},
		{"ruckus cpe", "", "access-point", 85},
		{"polycom", "", "voip-phone", 80},
		{"yealink", "", "voip-phone", 90},
		{"snom", "", "voip-phone", 85},
		{"axis,", "", "camera", 85},
		{"samsung smarttv", "", "tv", 90},
		{"ps5", "", "game-console", 90}, {"ps4", "", "game-console", 90}, {"ps3", "", "game-console", 90},
		{"xbox", "", "game-console", 90},
		{"roku", "", "media-player", 90},
		{"meraki", "", "access-point", 70},
	},
	DHCPv6Class: {
		{"msft 5.0", "windows", "computer", 85},
		{"android", "android", "", 80},
	},
	UserAgent: {
		{"crkey", "", "media-player", 80},
		{"appletv", "tvos", "media-player", 90}, {"apple tv", "tvos", "media-player", 85},
		{"playstation", "", "game-console", 90}, {"xbox", "", "game-console", 80}, {"nintendo", "", "game-console", 90},
		{"roku", "", "media-player", 85},
		{"smart-tv", "", "tv", 85}, {"smarttv", "", "tv", 85}, {"bravia", "android", "tv", 85}, {"web0s", "", "tv", 85}, {"webos", "", "tv", 70},
		{"tizen", "", "tv", 60},
		{"aftt", "android", "media-player", 70},
		{"ipad", "ipados", "tablet", 85},
		{"iphone", "ios", "phone", 85}, {"ipod", "ios", "phone", 60},
		{"watchos", "watchos", "watch", 85},
		{"windows phone", "", "phone", 70},
		{"windows nt", "windows", "computer", 80}, {"microsoft-cryptoapi", "windows", "computer", 75}, {"microsoft ncsi", "windows", "computer", 80},
		{"windows-update-agent", "windows", "computer", 85},
		{"cros ", "chromeos", "computer", 85},
		{"macintosh", "macos", "computer", 75}, {"mac os x", "macos", "computer", 60},
		{"darwin/", "", "", 0}, // all of Apple's
		{"okhttp", "android", "", 40}, {"dalvik", "android", "", 85},
		{"android", "android", "", 80},
		{"freebsd", "freebsd", "", 70},
		{"debian apt", "linux", "", 75}, {"x11; linux", "linux", "computer", 65}, {"ubuntu", "linux", "", 65}, {"x11; ubuntu", "linux", "computer", 70},
		{"gvs ", "", "speaker", 30},
		{"sonos", "", "speaker", 85},
		{"mobile safari", "", "phone", 30},
	},
	MDNSService: {
		{"_ipp._tcp", "", "printer", 80}, {"_ipps._tcp", "", "printer", 80}, {"_printer._tcp", "", "printer", 75},
		{"_pdl-datastream._tcp", "", "printer", 85}, {"_scanner._tcp", "", "printer", 70}, {"_uscan._tcp", "", "printer", 75},
		{"_sonos._tcp", "", "speaker", 90}, {"_googlecast._tcp", "", "media-player", 75}, {"_spotify-connect._tcp", "", "speaker", 50},
		{"_raop._tcp", "", "speaker", 45}, {"_airplay._tcp", "", "media-player", 55}, {"_androidtvremote2._tcp", "android", "tv", 80},
		{"_androidtvremote._tcp", "android", "tv", 75}, {"_amzn-wplay._tcp", "", "media-player", 70}, {"_roku._tcp", "", "media-player", 85},
		{"_appletv-v2._tcp", "tvos", "media-player", 80}, {"_mediaremotetv._tcp", "tvos", "media-player", 75},
		{"_apple-mobdev2._tcp", "ios", "", 70}, {"_companion-link._tcp", "", "", 0},
		{"_afpovertcp._tcp", "macos", "", 35}, {"_adisk._tcp", "", "nas", 60}, {"_smb._tcp", "", "", 0},
		{"_hap._tcp", "", "iot", 65}, {"_homekit._tcp", "", "iot", 60}, {"_hue._tcp", "", "iot", 80}, {"_matter._tcp", "", "iot", 70},
		{"_matterc._udp", "", "iot", 70}, {"_meshcop._udp", "", "iot", 55}, {"_shelly._tcp", "", "iot", 90}, {"_esphomelib._tcp", "", "iot", 90},
		{"_axis-video._tcp", "", "camera", 90}, {"_rtsp._tcp", "", "camera", 60}, {"_psia._tcp", "", "camera", 75},
		{"_workstation._tcp", "linux", "computer", 40}, {"_nvstream._tcp", "", "computer", 50}, {"_sftp-ssh._tcp", "", "computer", 30},
		{"_qdiscover._tcp", "", "nas", 80}, {"_ubnt-disc._udp", "", "access-point", 60}, {"_xbmc-jsonrpc._tcp", "", "media-player", 60},
	},
	SSDP: {
		{"internetgatewaydevice", "", "router", 75}, {"wanconnection", "", "router", 60},
		{"roku", "", "media-player", 85}, {"sonos", "", "speaker", 90}, {"zoneplayer", "", "speaker", 90},
		{"ipbridge", "", "iot", 80}, // Philips Hue
		{"device:printer", "", "printer", 85}, {"epson", "", "printer", 60},
		{"dial-multiscreen-org", "", "media-player", 45},
		{"mediarenderer", "", "media-player", 55}, {"mediaserver", "", "nas", 35},
		{"synology", "", "nas", 85}, {"qnap", "", "nas", 85},
		{"xbox", "", "game-console", 80}, {"playstation", "", "game-console", 80},
		{"microsoft-windows", "windows", "computer", 75}, {"windows", "windows", "computer", 50},
		{"samsung", "", "tv", 30}, {"webos", "", "tv", 70}, {"bravia", "android", "tv", 80},
		{"openwrt", "openwrt", "router", 80}, {"linux", "linux", "", 30}, {"darwin", "macos", "", 35},
		{"digitalsecuritycamera", "", "camera", 85}, {"basic:1", "", "", 0},
	},
	HostName: {
		{"desktop-", "windows", "computer", 60}, {"laptop-", "windows", "computer", 60}, {"win-", "windows", "computer", 45},
		{"iphone", "ios", "phone", 60}, {"ipad", "ipados", "tablet", 60}, {"macbook", "macos", "computer", 60}, {"imac", "macos", "computer", 60},
		{"mac-mini", "macos", "computer", 60}, {"apple-tv", "tvos", "media-player", 60}, {"applewatch", "watchos", "watch", 55},
		{"android-", "android", "", 60}, {"galaxy-", "android", "phone", 55}, {"pixel-", "android", "phone", 55}, {"oneplus", "android", "phone", 50},
		{"raspberrypi", "linux", "computer", 55}, {"debian", "linux", "", 45}, {"ubuntu", "linux", "", 50}, {"openwrt", "openwrt", "router", 65},
		{"epson", "", "printer", 55}, {"brn", "", "printer", 45}, {"brw", "", "printer", 45}, {"npi", "", "printer", 40}, {"canon", "", "printer", 50},
		{"chromecast", "", "media-player", 60}, {"google-home", "", "speaker", 60}, {"echo-", "", "speaker", 40}, {"amazon-", "", "speaker", 35},
		{"sonos", "", "speaker", 60}, {"roku", "", "media-player", 60},
		{"esp_", "", "iot", 60}, {"esp-", "", "iot", 55}, {"shelly", "", "iot", 65}, {"tasmota", "", "iot", 65}, {"wled", "", "iot", 60},
		{"ps5-", "", "game-console", 60}, {"ps4-", "", "game-console", 60}, {"xbox", "", "game-console", 55},
		{"diskstation", "", "nas", 60}, {"nas", "", "nas", 35}, {"ipcam", "", "camera", 50}, {"reolink", "", "camera", 55},
		{"lgwebostv", "", "tv", 65}, {"samsung", "", "tv", 30}, {"bravia", "android", "tv", 60},
	},
	Vendor: {
		{"espressif", "", "iot", 55}, {"tuya", "", "iot", 60}, {"shelly", "", "iot", 65}, {"signify", "", "iot", 60}, {"philips lighting", "", "iot", 60},
		{"raspberry pi", "linux", "computer", 45}, {"sonos", "", "speaker", 80},
		{"hikvision", "", "camera", 70}, {"dahua", "", "camera", 65}, {"axis communications", "", "camera", 70}, {"reolink", "", "camera", 70},
		{"synology", "", "nas", 75}, {"qnap", "", "nas", 70},
		{"brother industries", "", "printer", 65}, {"seiko epson", "", "printer", 60}, {"canon", "", "printer", 45}, {"kyocera", "", "printer", 55},
		{"lexmark", "", "printer", 65}, {"xerox", "", "printer", 55}, {"ricoh", "", "printer", 55},
		{"nintendo", "", "game-console", 80}, {"sony interactive", "", "game-console", 75}, {"roku", "", "media-player", 75},
		{"ruckus", "", "access-point", 60}, {"aruba", "", "access-point", 55}, {"ubiquiti", "", "access-point", 40}, {"avm ", "", "router", 60},
		{"mikrotik", "", "router", 55}, {"routerboard", "", "router", 55},
		{"vmware", "", "vm", 65}, {"pcs systemtechnik", "", "vm", 60}, {"xensource", "", "vm", 60},
		{"yealink", "", "voip-phone", 70}, {"polycom", "", "voip-phone", 60}, {"snom", "", "voip-phone", 70}, {"grandstream", "", "voip-phone", 50},
	},
	OpenService: {
		{"tcp/9100", "", "printer", 60}, {"tcp/515", "", "printer", 50}, {"tcp/631", "", "printer", 40},
		{"tcp/554", "", "camera", 45}, {"tcp/8009", "", "media-player", 40}, {"tcp/62078", "ios", "", 55},
		{"tcp/445", "", "", 0}, {"tcp/3389", "windows", "computer", 45}, {"tcp/548", "macos", "", 30},
	},
}
